package pages

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var openedAt = regexp.MustCompile(`other computers may come in","address":"(127\.0\.0\.1:\d+)"`)

// An administrator opens the door to other computers; a teacher signs in on a phone
// and takes the roll; the door is there after a restart, and shut when it is shut.
func TestOtherComputers(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/settings/lan")
	d.Check("lan-off")
	d.Submit("main form")
	address := ""
	d.until("the door", func() error {
		b, err := os.ReadFile(filepath.Join(d.Dir, "agent.log"))
		if m := openedAt.FindSubmatch(b); m != nil {
			address = string(m[1])
			return nil
		}
		if err == nil {
			err = os.ErrNotExist
		}
		return err
	})
	d.Go("/settings/lan")
	if d.Has(".qr") && !strings.Contains(d.Text(".urls"), address[strings.LastIndexByte(address, ':'):]) {
		t.Errorf("the address is not shown: %s", d.where())
	}
	d.Check("lan-on")

	phone := newTab(t, "https://"+address)
	phone.do("a phone", chromedp.EmulateViewport(360, 740))
	phone.Go("/")
	if phone.Path() != "/sign" || phone.Says("待上传") {
		t.Errorf("before sign-in: %s", phone.where())
	}
	phone.Check("lan-sign")
	phone.do("a phone", chromedp.EmulateViewport(360, 740))
	if !phone.Has("[name=pin]") {
		phone.Follow(".tiles a")
	}
	phone.Type("[name=pin]", firstPIN)
	phone.Submit("main form")
	phone.Go("/day")
	phone.Follow("main a[href^='/roll/']")
	phone.See("#take")
	phone.Click("#take")
	phone.Wait(`document.getElementById("state").dataset.where !== "0"`)
	phone.Check("lan-roll")

	must(t, d.Stop())
	d.Run()
	d.until("the door after a restart", func() error {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			c.Close()
		}
		return err
	})
	phone.Go("/day")
	if !strings.HasPrefix(phone.Path(), "/sign") {
		t.Errorf("after a restart nobody is asked for the PIN: %s", phone.where())
	}

	d.Go("/sign")
	if !d.Has("[name=pin]") {
		d.Follow(".tiles a")
	}
	d.Type("[name=pin]", firstPIN)
	d.Submit("main form")
	d.Go("/settings/lan")
	d.Follow("main form button[value='0']")
	d.until("the door to shut", func() error {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return nil
		}
		c.Close()
		return os.ErrExist
	})
}
