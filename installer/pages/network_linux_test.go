package pages

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"shangu/installer/stage"
)

// needTools skips a test that cannot be made here; in CI we are root, and the tools
// are installed.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "root, to make networks"
	}
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing = name
		}
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("needs %s, and CI has it", missing)
	default:
		t.Skipf("needs %s", missing)
	}
}

// cable joins the computer of a school to somebody else's, each in a network of its
// own. The end at the school is s0, the other is p0.
type cable struct {
	t             *testing.T
	school, phone *stage.Network
}

func layCable(t *testing.T) *cable {
	t.Helper()
	c := &cable{t: t}
	for _, n := range []**stage.Network{&c.school, &c.phone} {
		var err error
		if *n, err = stage.NewNetwork(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*n).Close() })
	}
	c.ip(c.school, "link", "add", "s0", "type", "veth", "peer", "name", "p0")
	c.ip(c.school, "link", "set", "p0", "netns", c.phone.Path())
	for n, dev := range map[*stage.Network]string{c.school: "s0", c.phone: "p0"} {
		c.ip(n, "link", "set", "lo", "up")
		c.ip(n, "link", "set", dev, "up")
	}
	return c
}

// ip runs ip(8) in a network.
func (c *cable) ip(n *stage.Network, args ...string) {
	c.t.Helper()
	args = append([]string{"--net=" + n.Path(), "ip"}, args...)
	if out, err := exec.CommandContext(c.t.Context(), "nsenter", args...).CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// dial connects to an address as somebody in a network.
func dial(ctx context.Context, n *stage.Network, address string) (conn net.Conn, err error) {
	err = n.Enter(func() (err error) {
		conn, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp4", address)
		return err
	})
	return conn, err
}

// refused reports whether nobody listens there, as seen from a network.
func refused(ctx context.Context, n *stage.Network, address string) bool {
	conn, err := dial(ctx, n, address)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// bridge lets this machine's browser sit before a computer whose network is another:
// what comes to an address of loopback here goes to the same one there.
func bridge(t *testing.T, n *stage.Network, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	ctx := t.Context()
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer here.Close()
				there, err := dial(ctx, n, address)
				if err != nil {
					return
				}
				defer there.Close()
				go func() {
					io.Copy(there, here)
					there.Close()
				}()
				io.Copy(here, there)
			}()
		}
	}()
}

// client asks by HTTPS from a network, whatever the certificate.
func client(n *stage.Network) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:     func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, n, address) },
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
}

// newPhone is a browser of its own on somebody's phone in a network.
func newPhone(t *testing.T, n *stage.Network, dir string) *tab {
	t.Helper()
	file, err := n.Program(dir, chromium())
	must(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(file), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("lang", "zh-CN"), chromedp.Env("LANGUAGE=zh_CN"))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop2 := chromedp.NewContext(ctx)
	t.Cleanup(stop2)
	must(t, chromedp.Do(ctx))
	phone := openTab(t, "", ctx)
	phone.small()
	// Asked whether to leave a page on which something is not saved, its owner does.
	go func() {
		for _, err := range chromedp.Events(phone.ctx, page.JavascriptDialogOpening) {
			if err != nil {
				return // the window is shut
			}
			_, _ = chromedp.Call(phone.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}
	}()
	return phone
}

// small makes the window a phone's.
func (b *tab) small() {
	b.t.Helper()
	b.do("a phone", chromedp.EmulateViewport(sizes[1][0], sizes[1][1], chromedp.EmulateMobile, chromedp.EmulateTouch))
}

// scan is what a QR code in the page says to a camera.
func (b *tab) scan(sel string) string {
	b.t.Helper()
	png := run(b, "take a picture of "+sel, chromedp.Screenshot(sel))
	file := filepath.Join(b.t.TempDir(), "qr.png")
	must(b.t, os.WriteFile(file, png, 0o600))
	cmd := exec.CommandContext(b.t.Context(), "zbarimg", "--quiet", "--raw", file)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("no camera reads %s: %v: %s", sel, err, said.Bytes())
	}
	return strings.TrimSuffix(string(out), "\n")
}
