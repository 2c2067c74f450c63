package term

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The clerk is asked for the day's date on the page, and one press settles it.
func TestDateIsAskedInABrowser(t *testing.T) {
	ctx := browser(t)
	b := newBench(t)
	h := startHub(b, 1)
	dir, address := filepath.Join(b.work, "agent"), freePort(t)
	page := "http://" + address
	b.take(dir, "roster", "roster.xlsx")
	h.enroll(dir)
	b.stop("hub0") // or the hub's time would settle it
	if err := b.Start("agent", "agent", "run", "--dir", dir, "--listen", address); err != nil {
		t.Fatal(err)
	}
	b.until("the page", 30*time.Second, func() error {
		resp, err := http.Get(page + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	today := time.Now().In(time.FixedZone("", 8*3600)).Format(time.DateOnly)
	for _, size := range sizes {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(page+"/"), chromedp.WaitVisible(".ask .yes")); err != nil {
			t.Fatal(err)
		}
		if head := read(ctx, t, chromedp.Text(".ask h2")); head != "今天是 "+today+" 吗？" {
			t.Errorf("the page asks %q", head)
		}
		if width := read(ctx, t, chromedp.Evaluate[int64]("document.documentElement.scrollWidth")); width > size[0] {
			t.Errorf("the page is %d wide on a screen of %d", width, size[0])
		}
		if shots := os.Getenv("SHANGU_SHOTS"); shots != "" {
			picture := read(ctx, t, chromedp.CaptureScreenshot())
			if err := os.WriteFile(filepath.Join(shots, fmt.Sprintf("date-%d.png", size[0])), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := chromedp.Do(ctx, chromedp.Click(".ask .yes"), chromedp.WaitNotPresent(".ask"), chromedp.WaitVisible("#safe b")); err != nil {
		t.Fatal(err)
	}
	if out := string(b.must("agent", "date", "--dir", dir, "--lang", "zh")); !strings.Contains(out, "今天是 "+today) || strings.Contains(out, "吗") {
		t.Errorf("after the answer: %q", out)
	}
}
