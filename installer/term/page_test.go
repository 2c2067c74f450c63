package term

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium. Without one the test is skipped, but for
// CI, where it must be there.
func browser(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no chromium on this machine; with CI=true there must be one")
		}
		t.Skip("no chromium on this machine: the pages are not looked at in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	options = append(options, more...)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func read[T any](ctx context.Context, t *testing.T, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sizes are a school's laptop and a clerk's phone.
var sizes = [][2]int64{{1366, 768}, {360, 740}}

// look loads the page in both sizes, holds its headline and its two counts
// against what they should be, and that nothing sticks out to the side. With
// SHANGU_SHOTS it keeps pictures there.
func look(ctx context.Context, t *testing.T, page, state, mood, headline string, pending, safe int) {
	t.Helper()
	for _, size := range sizes {
		err := chromedp.Do(ctx,
			chromedp.EmulateViewport(size[0], size[1]),
			chromedp.Navigate(page+"/"),
			chromedp.WaitVisible("#safe b"),
		)
		if err != nil {
			t.Fatal(err)
		}
		class := read(ctx, t, chromedp.Evaluate[string](`document.querySelector(".head").className`))
		head := read(ctx, t, chromedp.Text(".head h2"))
		saved, arrived := read(ctx, t, chromedp.Text("#pending")), read(ctx, t, chromedp.Text("#safe"))
		width := read(ctx, t, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
		if class != "head "+mood || !strings.Contains(head, headline) {
			t.Errorf("%s: the page says %q (%s)", state, head, class)
		}
		for text, want := range map[string][2]string{saved: {"已保存在本机", strconv.Itoa(pending)}, arrived: {"区里已签收", strconv.Itoa(safe)}} {
			if lines := strings.Fields(text); !strings.Contains(text, want[0]) || len(lines) < 3 || lines[1] != want[1] {
				t.Errorf("%s: %q, want %v", state, text, want)
			}
		}
		if width > size[0] {
			t.Errorf("%s: the page is %d wide on a screen of %d", state, width, size[0])
		}
		if dir := os.Getenv("SHANGU_SHOTS"); dir != "" {
			picture := read(ctx, t, chromedp.CaptureScreenshot())
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", state, size[0])), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The page says what is saved here and what is safe at the district, as a clerk's
// browser shows it, from the first start to a hub that has gone away.
func TestPageInABrowser(t *testing.T) {
	ctx := browser(t)
	b := newBench(t)
	h := startHub(b, 1)
	dir, address := filepath.Join(b.work, "agent"), freePort(t)
	page := "http://" + address
	if err := b.Start("agent", "agent", "run", "--dir", dir, "--listen", address, "--monthly-data", "50MB"); err != nil {
		t.Fatal(err)
	}
	b.until("the page", 30*time.Second, func() error {
		resp, err := http.Get(page + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	look(ctx, t, page, "nothing", "wait", "还没有入网", 0, 0)
	b.take(dir, "roster", "roster.xlsx")
	b.take(dir, "attendance", "attendance.csv")
	pending := b.agentStatus(dir).Pending
	look(ctx, t, page, "pending", "wait", "还没有入网", pending, 0)
	h.enroll(dir)
	b.must("agent", "sync", "--dir", dir)
	look(ctx, t, page, "safe", "good", "数据都已送到区里", 0, pending)

	b.stop("hub0")
	b.take(dir, "visits", "visits.csv")
	b.fails("连不上", "agent", "sync", "--dir", dir, "--timeout", "20s", "--lang", "zh")
	more := b.agentStatus(dir)
	look(ctx, t, page, "cut", "wait", fmt.Sprintf("有 %d 条保存在本机", more.Pending), more.Pending, pending)

	if err := b.Restart("hub0"); err != nil {
		t.Fatal(err)
	}
	b.until("hub0 to listen", 30*time.Second, func() error {
		c, err := net.Dial("tcp", h.Listen[0])
		if err == nil {
			c.Close()
		}
		return err
	})
	b.until("hub0 to be ready", 30*time.Second, func() error {
		s, err := h.Status(t.Context(), 0)
		if err == nil && !s.Ready {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	b.must("hub", "device", "revoke", more.Device, "--dir", h.Dirs[0])
	b.fails("停用", "agent", "sync", "--dir", dir, "--lang", "zh")
	look(ctx, t, page, "revoked", "bad", "已被区里停用", more.Pending, pending)
}
