package pages

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"shangu/installer/stage"
)

// Addresses that a school's router gives.
const (
	firstAddress  = "192.168.31.5"
	secondAddress = "192.168.31.9"
	phoneAddress  = "192.168.31.77"
)

// A phone and the school's computer, each in a network of its own with a cable in
// between: nothing is open until somebody opens it at the computer; the phone's browser
// warns, shows the fingerprint that the computer's page shows, and takes a roll; what
// belongs to the computer alone stays there. The cable is pulled and put back, and the
// router gives the computer another address, while a sheet is open on the phone.
func TestAPhoneOnTheSchoolsNetwork(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	needTools(t, "ip", "nsenter", "zbarimg")
	c := layCable(t)
	c.ip(c.school, "addr", "add", firstAddress+"/24", "dev", "s0")
	c.ip(c.phone, "addr", "add", phoneAddress+"/24", "dev", "p0")
	s := newStage(t)
	agent, err := c.school.Program(s.Work, s.Bin+"/agent")
	must(t, err)
	s.Elsewhere = map[string]string{"agent": agent}
	d := placed(t, s, townSchool, "roster")
	bridge(t, c.school, d.page[len("http://"):])
	d.SignUp()
	_, own, err := net.SplitHostPort(d.page[len("http://"):])
	must(t, err)

	// Off.
	const port = "8730"
	if !refused(t.Context(), c.phone, firstAddress+":"+port) {
		t.Error("the door is open before anybody opened it")
	}
	d.Go("/settings/lan")
	d.Submit("main form")
	first := d.shows(firstAddress, port)
	phone := newPhone(t, c.phone, s.Work)
	seen := phone.goesOn(first.url)
	if p := fingerprint(seen.Raw); p != first.certificate {
		t.Errorf("the phone sees %s, the page shows %s", p, first.certificate)
	}
	if !refused(t.Context(), c.phone, firstAddress+":"+own) {
		t.Error("the computer's own page can be reached by others")
	}

	// The roll of one class.
	phone.comesIn()
	phone.roll(0)
	sheet := phone.Path()
	phone.tap(3, 6)
	phone.Click("#take")
	phone.stands(1, 1)
	phone.Check("phone-roll")
	phone.small()
	d.Go(sheet)
	d.stands(1, 1)
	d.expect("taken on the phone", d.mark(3), "旷课")

	// What belongs to the computer stays there, even for its administrator.
	other := phone.sibling(t)
	other.page = first.origin
	other.Go("/settings/lan")
	if other.Has("main form") || !other.Says("请在装有程序的那台电脑上") {
		t.Errorf("the switch: %s", other.where())
	}
	const shut = `fetch("/settings/lan", { method: "POST", body: new URLSearchParams({ token: document.querySelector("meta[name=token]").content, on: "0" }) }).then(r => r.status)`
	if code := Eval[int](other, shut); code != http.StatusUnprocessableEntity {
		t.Errorf("shut from the phone: %d", code)
	}
	other.Go("/sync/stick")
	if other.Has("input[name=volume], #f-out") {
		t.Errorf("folders of the computer: %s", other.where())
	}
	other.Follow("form[data-file] button")
	if !strings.Contains(other.Text("#f-file-wrong"), "还没有登记到哪个区") {
		t.Errorf("a bundle for nobody: %s", other.where())
	}
	other.small()
	other.Check("phone-stick")

	// The cable is pulled, and put back: what was typed meanwhile is saved by itself.
	c.ip(c.phone, "link", "set", "p0", "down")
	phone.tap(4, 5)
	phone.See("#trouble")
	c.ip(c.phone, "link", "set", "p0", "up")
	phone.Wait(`document.querySelector("#trouble").hidden && !document.querySelector("#roll tr.unsaved")`)
	d.stands(1, 1)
	d.Go(sheet)
	d.expect("typed without a cable", d.mark(4), "事假")

	// The router gives another address.
	c.ip(c.school, "addr", "del", firstAddress+"/24", "dev", "s0")
	c.ip(c.school, "addr", "add", secondAddress+"/24", "dev", "s0")
	phone.tap(5, 7)
	second := d.shows(secondAddress, port)
	d.Check("lan-on")
	if second.key != first.key || second.certificate == first.certificate {
		t.Errorf("another address: %+v, before %+v", second, first)
	}
	for host, want := range map[string]int{secondAddress: 200, firstAddress: 403, "shangu.example": 403} {
		for _, origin := range []string{"", "https://" + net.JoinHostPort(secondAddress, port), first.origin} {
			code := ask(t, c.phone, second.origin, net.JoinHostPort(host, port), origin)
			if want := map[bool]int{true: 403, false: want}[origin == first.origin]; code != want {
				t.Errorf("host %s, origin %q: %d, want %d", host, origin, code, want)
			}
		}
	}
	moved := phone.sibling(t)
	moved.small()
	seen = moved.goesOn(second.url)
	if err := errors.Join(seen.VerifyHostname(secondAddress), seen.VerifyHostname(firstAddress)); err != nil || fingerprint(seen.Raw) != second.certificate {
		t.Errorf("the certificate for another address: %v", err)
	}
	moved.comesIn()
	moved.Go(sheet)
	moved.expect("at the other address", moved.mark(4), "事假")
	moved.tap(6, 6)
	moved.saved()
	phone.See("#trouble") // the sheet from before has nobody to save it, and says so

	// No network at all, then the first address again, by the certificate of the second.
	// Whoever opens the sheet anew on the phone finds what was typed, and it is saved.
	c.ip(c.school, "link", "set", "s0", "down")
	d.Go("/settings/lan")
	d.until("the page to say that there is no network", func() error {
		d.Go("/settings/lan")
		if !d.Says("没有连上校园网") {
			return errors.New(d.where())
		}
		return nil
	})
	d.Check("lan-no-network")
	c.ip(c.school, "addr", "del", secondAddress+"/24", "dev", "s0")
	c.ip(c.school, "addr", "add", firstAddress+"/24", "dev", "s0")
	c.ip(c.school, "link", "set", "s0", "up")
	if again := d.shows(firstAddress, port); again.certificate != second.certificate {
		t.Errorf("another certificate for an address that it names: %+v", again)
	}
	call(phone, "come back to the window", page.BringToFront, cdp.Empty{})
	phone.goesOn(first.origin + sheet) // the browser asks once more, for the certificate is another
	phone.Wait(`!document.querySelector("#roll tr.unsaved")`)
	d.Go(sheet)
	for row, want := range map[int]string{3: "旷课", 4: "事假", 5: "待查", 6: "旷课"} {
		d.expect(fmt.Sprint("row ", row), d.mark(row), want)
	}

	// Off again.
	d.Go("/settings/lan")
	d.Follow("main form button[value='0']")
	d.until("the door to shut", func() error {
		if !refused(t.Context(), c.phone, firstAddress+":"+port) {
			return os.ErrExist
		}
		return nil
	})
}

// shown is what the page says of the way in.
type shown struct{ url, origin, certificate, key string }

// shows waits until the page shows an address, and holds that the QR code says the
// same.
func (d *desk) shows(host, port string) (out shown) {
	d.t.Helper()
	want := "https://" + net.JoinHostPort(host, port) + "/"
	d.until("the address "+want, func() error {
		d.Go("/settings/lan")
		if !d.Has(".urls") || d.Text(".urls") != want {
			return errors.New(d.where())
		}
		return nil
	})
	if got := d.scan(".qr"); got != want {
		d.t.Errorf("the QR code says %q, the page %q", got, want)
	}
	prints := Eval[[]string](d.tab, `[...document.querySelectorAll(".prints code")].map(e => e.textContent)`)
	return shown{want, strings.TrimSuffix(want, "/"), prints[0], prints[1]}
}

// goesOn opens an address whose certificate nobody vouches for: the browser warns, its
// owner looks at the certificate and goes on.
func (b *tab) goesOn(address string) *x509.Certificate {
	b.t.Helper()
	u, err := url.Parse(address)
	must(b.t, err)
	b.page = "https://" + u.Host
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	err = chromedp.Do(ctx, chromedp.Navigate(address))
	if warned, ok := errors.AsType[*chromedp.LoadError](err); !ok || warned.ErrorText != "net::ERR_CERT_AUTHORITY_INVALID" {
		b.t.Errorf("the browser warns of another thing: %v", err)
	}
	must(b.t, stage.Until(ctx, patience, func() error {
		if !Eval[bool](b, `!!document.getElementById("proceed-link")`) {
			return errors.New(b.where())
		}
		return nil
	}))
	Eval[bool](b, `document.getElementById("details-button").click(), true`)
	goOn := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](`document.getElementById("proceed-link").click(), true`)(ctx, t)
		return err
	})
	if _, err := chromedp.RunResponse(ctx, goOn); err != nil {
		b.t.Fatalf("go on in spite of the warning: %v\n%s", err, b.where())
	}
	got := call(b, "look at the certificate", network.GetCertificate, network.GetCertificateParams{Origin: b.page})
	if len(got.TableNames) != 1 {
		b.t.Fatalf("%d certificates", len(got.TableNames))
	}
	der, err := base64.StdEncoding.DecodeString(got.TableNames[0])
	must(b.t, err)
	cert, err := x509.ParseCertificate(der)
	must(b.t, err)
	must(b.t, cert.VerifyHostname(u.Hostname()))
	return cert
}

// comesIn signs the first account in on another computer.
func (b *tab) comesIn() {
	b.t.Helper()
	if b.Path() != "/sign" {
		b.t.Errorf("before sign-in: %s", b.where())
	}
	if !b.Has("[name=pin]") {
		b.Follow(".tiles a")
	}
	b.Type("[name=pin]", firstPIN)
	b.Submit("main form")
	b.Go("/day")
	b.See(".day")
}

// tap marks a pupil by taps.
func (b *tab) tap(row, status int) {
	b.t.Helper()
	name := fmt.Sprintf("#roll tbody tr:nth-child(%d) .name", row)
	Eval[bool](b, fmt.Sprintf(`document.querySelector(%q).scrollIntoView({ block: "center" }), true`, name))
	b.Click(name)
	b.Click(fmt.Sprintf(`[data-status="%d"]`, status))
	b.Click("#fold")
}

// fingerprint is how a browser shows one, in the groups of our page.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	s := strings.ToUpper(hex.EncodeToString(sum[:]))
	var groups []string
	for ; s != ""; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(groups, " ")
}

// ask asks for the sign-in page by a name, as a page of some origin.
func ask(t *testing.T, n *stage.Network, at, host, origin string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/sign", nil)
	must(t, err)
	r.Host = host
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	resp, err := client(n).Do(r)
	must(t, err)
	resp.Body.Close()
	return resp.StatusCode
}
