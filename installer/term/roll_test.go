package term

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// shot keeps a picture of the page where SHANGU_SHOTS says, in both sizes.
func shot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SHANGU_SHOTS")
	if dir == "" {
		return
	}
	for i, size := range sizes {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(size[0], size[1])); err != nil {
			t.Fatal(err)
		}
		picture := read(ctx, t, chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, name+[]string{"-1366", "-360"}[i]+".png"), picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A class of pupils with three exceptions is taken with at most 14 keys.
func TestRollByKeys(t *testing.T) {
	ctx := browser(t)
	b := newBench(t)
	dir, address := filepath.Join(b.work, "agent"), freePort(t)
	page := "http://" + address
	b.take(dir, "roster", "roster.xlsx")
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
	b.must("agent", "date", "--confirm", time.Now().In(time.FixedZone("", 8*3600)).Format(time.DateOnly), "--dir", dir)
	do := func(what string, a ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, a...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	do("start", chromedp.Navigate(page+"/day"), chromedp.WaitVisible("#name"))
	shot(ctx, t, "start")
	do("account", chromedp.SendKeys("#name", "王老师"), chromedp.SendKeys("#pin", "2580"), chromedp.SendKeys("#again", "2580"), chromedp.Click("main button"), chromedp.WaitVisible(".day"))
	do("day", chromedp.Navigate(page+"/day/2026-11-20"), chromedp.WaitVisible(".day"))
	shot(ctx, t, "day")
	do("sheet", chromedp.Click(".day td a"), chromedp.WaitVisible("#roll tr.cursor"))
	shot(ctx, t, "sheet")
	initials := read(ctx, t, chromedp.Evaluate[[]string](`[...document.querySelectorAll("#roll tr[data-pupil]")].map(r => r.dataset.initials)`))
	keys := 0
	press := func(s string) {
		for _, k := range s {
			keys++
			do("key "+string(k), chromedp.KeyEvent(string(k)))
		}
	}
	for i, n := range []int{4, 9, 15} {
		press(initials[n][:2])
		press([]string{"6", "41", "5"}[i])
	}
	shot(ctx, t, "marked")
	press("\r")
	do("saved", chromedp.WaitVisible(`#state[data-state="1"][data-where="1"]`))
	shot(ctx, t, "taken")
	if keys > 14 {
		t.Errorf("%d keys", keys)
	}
	if got := read(ctx, t, chromedp.Text("#n-absent")); got != "3" {
		t.Errorf("%s absent", got)
	}
	out := b.must("agent", "status", "--dir", dir, "--json")
	if out := string(out); !strings.Contains(out, `"attendance"`) && !strings.Contains(out, "sheet") {
		t.Errorf("no sheet: %s", out)
	}
}
