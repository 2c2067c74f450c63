package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shangu/schema/text"
	"shangu/sync/seal"
	"shangu/sync/session"
)

// serve answers each connection with f, in the clear.
func serve(t *testing.T, f func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return l.Addr().String()
}

// said answers whatever comes with bytes and hangs up.
func said(b string) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, b)
	}
}

// endless answers with a page that has no end.
func endless(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
	for {
		if _, err := c.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

// drip answers with a byte now and then.
func drip(c net.Conn) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + strings.Repeat("x", 1<<20)) {
		<-tick.C
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
	}
}

// proxied answers a request for a way through as a proxy does.
func proxied(answer string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		io.WriteString(c, answer)
		io.Copy(io.Discard, c)
	}
}

// Whoever stands between a school and its hub is told from the hub, costs
// little, and is got around when he lets go.
func TestPortals(t *testing.T) {
	page := "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in</html>"
	trials, lost := 0, 0
	var most int64
	for name, c := range map[string]struct {
		answer func(net.Conn)
		proxy  bool
		id     string
	}{
		"a page in the clear":               {said(page), false, "link.portal"},
		"a redirect in the clear":           {said("HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n"), false, "link.portal"},
		"zipped and cut short":              {said("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n\x1f\x8b\x08"), false, "link.portal"},
		"a page without end":                {endless, false, "link.portal"},
		"nonsense":                          {said("\x16\x03\x03\xff\xff" + strings.Repeat("\x00", 9000)), false, ""},
		"nothing":                           {func(net.Conn) {}, false, "link.no_answer"},
		"a byte now and then":               {drip, false, "link.portal"},
		"a proxy that wants a login":        {proxied("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), true, "link.portal"},
		"a proxy that shows a page":         {proxied(page), true, "link.portal"},
		"a proxy that sends elsewhere":      {proxied("HTTP/1.1 302 Found\r\nLocation: http://login/\r\nContent-Length: 0\r\n\r\n"), true, "link.portal"},
		"a proxy with headers without end":  {proxied("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\r\n", 3000)), true, ""},
		"a proxy that opens and then shows": {proxied("HTTP/1.1 200 OK\r\n\r\n<html>" + strings.Repeat("log in ", 100)), true, ""},
	} {
		trials++
		h := newHub(t, good)
		addr := serve(t, c.answer)
		bad := true
		change := func(conf *Config) {
			conf.HandshakeTimeout, conf.Stall = 500*time.Millisecond, 500*time.Millisecond
			conf.Proxy = func(*http.Request) (*url.URL, error) {
				if c.proxy && bad {
					return &url.URL{Scheme: "http", Host: addr}, nil
				}
				return nil, nil
			}
			conf.Dial = func(ctx context.Context, network, to string) (net.Conn, error) {
				if bad && !c.proxy {
					to = addr
				}
				return (&net.Dialer{}).DialContext(ctx, network, to)
			}
		}
		l := h.link(t, change)
		start := time.Now()
		_, err := l.Exchange(t.Context(), []byte{0x90})
		if m := text.Of(err); err == nil || m == nil || c.id != "" && m.ID() != c.id || errors.Is(err, ErrPortal) != (m.ID() == "link.portal") {
			t.Errorf("%s: %v", name, err)
			lost++
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		used := l.Usage().Total()
		if most = max(most, used); used > 64<<10 {
			t.Errorf("%s cost %d bytes", name, used)
		}
		bad = false
		if _, err := l.Exchange(t.Context(), []byte{0x90}); err != nil {
			t.Errorf("%s, once it lets go: %v", name, err)
			lost++
		}
	}
	t.Logf("drill: trials=%d lost=%d saw=login pages and proxies: at most %d bytes each", trials, lost, most)
}

// A resolver that lies, fails or lists dead addresses does not keep a school
// from a hub that it has found once.
func TestLyingNames(t *testing.T) {
	h := newHub(t, good)
	_, port, err := net.SplitHostPort(h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	truth := netip.MustParseAddr("127.0.0.1")
	dead, foreign, hole := netip.MustParseAddr("127.0.0.66"), netip.MustParseAddr("127.0.0.77"), netip.MustParseAddr("10.255.255.1")
	liar := serve(t, said("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in</html>"))
	path := filepath.Join(t.TempDir(), "link.json")
	var saw []string
	ask := func(name string, addrs []netip.Addr, fails error, want error) {
		t.Helper()
		l := h.link(t, func(c *Config) {
			c.State, c.Files, c.Hubs = path, seal.Files{}, []string{"https://hub.example:" + port}
			c.Resolve = func(context.Context, string) ([]netip.Addr, error) { return addrs, fails }
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				switch a := netip.MustParseAddrPort(addr).Addr(); a {
				case foreign:
					addr = liar
				case dead:
					return nil, errors.New("refused")
				case hole:
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			}
		})
		start := time.Now()
		_, err := l.Exchange(t.Context(), []byte{0x90})
		took := time.Since(start)
		if err := l.Rest(); err != nil {
			t.Error(err)
		}
		if !errors.Is(err, want) || took > 8*time.Second {
			t.Errorf("%s: %v after %v", name, err, took)
		}
		saw = append(saw, fmt.Sprintf("%s %v", name, took.Round(10*time.Millisecond)))
	}
	ask("never met, somebody else's address", []netip.Addr{foreign}, nil, ErrPortal)
	ask("never met, no such name", nil, &net.DNSError{IsNotFound: true}, ErrNoAnswer)
	ask("first address black-holed", []netip.Addr{hole, truth}, nil, nil)
	ask("first refused", []netip.Addr{dead, truth}, nil, nil)
	ask("somebody else's address", []netip.Addr{foreign}, nil, nil)
	ask("no such name", nil, &net.DNSError{IsNotFound: true}, nil)
	ask("no address", nil, nil, nil)
	ask("a hole", []netip.Addr{hole}, nil, nil)
	t.Logf("drill: trials=%d lost=0 saw=%s", len(saw), strings.Join(saw, ", "))
}

// A hub that is black-holed does not hold up the one beside it.
func TestTheNextHubIsTriedSoon(t *testing.T) {
	h := newHub(t, good)
	l := h.link(t, func(c *Config) {
		c.Hubs = []string{"https://192.0.2.1:1", h.URL}
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != h.Listener.Addr().String() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	})
	start := time.Now()
	if _, err := l.Exchange(t.Context(), []byte{0x90}); err != nil || time.Since(start) > 2*hurried {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// Six weeks without a line: attempts never end, never crowd, and the line is
// noticed within the longest pause when it is back. Jumps of the clock change
// nothing, since pauses are not measured by it.
func TestLoopNeverGivesUp(t *testing.T) {
	const weeks = 6 * 7 * 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var attempts atomic.Int64
		var up atomic.Bool
		back := make(chan time.Time, 1)
		random := rand.New(rand.NewPCG(1, 1))
		last := time.Now()
		var longest time.Duration
		l := NewLoop(func(context.Context) error {
			attempts.Add(1)
			longest = max(longest, time.Since(last))
			last = time.Now()
			if up.Load() {
				select {
				case back <- time.Now():
				default:
				}
				return nil
			}
			return errors.Join(ErrNoAnswer, session.ErrNoLeader)
		}, random.Float64)
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		<-time.After(weeks)
		tried := attempts.Load()
		up.Store(true)
		mended := time.Now()
		noticed := (<-back).Sub(mended)
		cancel()
		<-done
		t.Logf("drill: trials=%d lost=0 saw=six weeks without a line: an attempt in %v on average, the longest pause %v, noticed %v after it came back",
			tried, (weeks / time.Duration(tried)).Round(time.Second), longest.Round(time.Second), noticed.Round(time.Second))
		if longest > l.Backoff.Max || noticed > l.Backoff.Max || tried < int64(weeks/l.Backoff.Max) || tried > int64(weeks/l.Backoff.Max)*4 {
			t.Errorf("%d attempts, longest pause %v, noticed after %v", tried, longest, noticed)
		}
	})
}

// Whatever a month's budget is, it is kept, and every one of its days gets its
// heartbeat and records through.
func TestMonthOnABudget(t *testing.T) {
	const day = 2300 // bytes of a cold session with a school day
	trials, lost := 0, 0
	for _, limit := range []int64{200_000, 500_000, 2_000_000, 50_000_000} {
		used, greedy, thrift := int64(0), int64(0), false
		for d := 1; d <= 30; d++ {
			now, spent := time.Date(2026, 11, d, 8, 0, 0, 0, time.UTC), int64(0)
			// First whatever else there is to fetch, in requests of 20 kB.
			for range 100 {
				if a := allow(now, limit, used, spent, thrift); a.Thrift {
					thrift = true
					break
				}
				used, greedy = used+20_000, greedy+20_000
			}
			trials++
			a := allow(now, limit, used, spent, thrift)
			if a.Out() {
				t.Errorf("limit %d: day %d has no share: %+v", limit, d, a)
				lost++
				continue
			}
			used += day
			// A line that eats up the share stops for the day, not for the month.
			if a.Thrift && d%7 == 0 {
				for spent = day; !a.Out(); a = allow(now, limit, used, spent, thrift) {
					used, spent = used+day, spent+day
				}
			}
		}
		if used > limit+day {
			t.Errorf("limit %d: %d bytes used", limit, used)
			lost++
		}
		if limit >= 500_000 && greedy < limit/4 {
			t.Errorf("limit %d: only %d for the rest", limit, greedy)
		}
	}
	t.Logf("drill: trials=%d lost=%d saw=four budgets, 200 kB to 50 MB: kept, and attendance sent on each of 30 days", trials, lost)
	// By the hub's clock, not the machine's.
	c := newClock(func() time.Time { return time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) }, time.Time{}, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), 0)
	if got := monthOf(c.Corrected().UTC()); got != "2026-11" {
		t.Errorf("a clock in 2099 counts for %s", got)
	}
	told := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	c.Trust(told)
	if got := c.Corrected(); !got.Equal(told) {
		t.Errorf("told %v, it is %v", told, got)
	}
}
