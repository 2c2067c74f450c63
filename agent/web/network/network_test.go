package network_test

import (
	"regexp"
	"strings"
	"testing"

	"shangu/agent/account"
	"shangu/agent/lan"
	"shangu/agent/web/network"
	"shangu/agent/web/webtest"
	"shangu/schema/text"
)

// fixed is a network that does as it is told.
type fixed struct {
	s   lan.Standing
	err error
}

func (f *fixed) Standing() lan.Standing { return f.s }

func (f *fixed) Switch(on bool) error {
	if f.err == nil {
		f.s.On = on
	}
	return f.err
}

func TestSwitchingOnTellsHowToCome(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	n := &fixed{s: lan.Standing{URLs: []string{"https://192.168.1.5:8730/", "https://10.0.0.1:8730/"}, Certificate: "AAAA BBBB", Key: "CCCC DDDD"}}
	s.Serve(network.Area(n))
	for _, role := range []account.Role{account.Clerk, account.Head, account.Visiting} {
		s.SignIn(role)
		s.Get(network.Path).Is(403)
		s.Post(network.Path, "on", "1").Is(403)
	}
	s.SignIn(account.Admin)
	s.Get(network.Path).Is(200, "没有打开").Lacks("192.168.1.5", "<svg class=\"qr\"")
	n.err = text.New("lan.no_port", "first", 1, "last", 2)
	s.Post(network.Path, "on", "1").Is(422, "端口都被别的程序占用")
	n.err = nil
	s.Post(network.Path, "on", "1").Is(303)
	p := s.Get(network.Path).Is(200, "https://192.168.1.5:8730/", "https://10.0.0.1:8730/", "AAAA BBBB", "CCCC DDDD", "专用网络")
	if !regexp.MustCompile(`<svg class="qr" role="img" aria-label="二维码：https://192.168.1.5:8730/" viewBox="0 0 (33|37) (33|37)"`).MatchString(p.Body) {
		t.Error("no QR code")
	}
	n.s.URLs = nil
	s.Get(network.Path).Is(200, "没有连上校园网")
	s.Post(network.Path, "on", "0").Is(303)
	if s.Get(network.Path); n.s.On {
		t.Error("it is still on")
	}
}

// The picture has the finder patterns of a QR code and a white margin.
func TestThePictureIsAQRCode(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	s.Serve(network.Area(&fixed{s: lan.Standing{On: true, URLs: []string{"https://192.168.1.5:8730/"}}}))
	s.SignIn(account.Admin)
	p := s.Get(network.Path)
	path := regexp.MustCompile(`fill="#000" d="([^"]*)"`).FindStringSubmatch(p.Body)
	if path == nil {
		t.Fatal(p.Body)
	}
	for _, run := range []string{"M4 4h7v1", "M4 5h1v1", "M6 6h3v1", "M4 10h7v1"} {
		if !strings.Contains(path[1], run) {
			t.Errorf("no %s in %s", run, path[1])
		}
	}
}
