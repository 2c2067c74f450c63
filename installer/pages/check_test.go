package pages

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// axe is axe-core, https://github.com/dequelabs/axe-core, under MPL 2.0.
//
//go:embed testdata/axe.min.js
var axe string

// sizes are a school's laptop and a teacher's phone.
var sizes = [2][2]int64{{1366, 768}, {360, 740}}

// heaviest is what a page may weigh, with all that it loads, in bytes.
const heaviest = 150_000

// Check looks at the page that is there: axe-core by WCAG 2.1 AA, in light and dark,
// both sizes without scrolling sideways, its weight, and the browser's complaints.
// name is the picture's.
func (b *tab) Check(name string) {
	b.t.Helper()
	if w := Eval[float64](b, weight); w > heaviest || w == 0 {
		b.t.Errorf("%s: the page weighs %.0f bytes, at most %d", name, w, heaviest)
	}
	Eval[bool](b, axe+"\n;true")
	for i, size := range sizes {
		b.do("resize", chromedp.EmulateViewport(size[0], size[1]))
		b.dark(i == 1)
		b.Wait(litInSight)
		if wide := Eval[int64](b, `document.documentElement.scrollWidth`); wide > size[0] {
			b.t.Errorf("%s: %d wide on a screen of %d: %s", name, wide, size[0], Eval[string](b, sticksOut))
		}
		for _, v := range Eval[[]string](b, violations) {
			b.t.Errorf("%s at %d: %s", name, size[0], v)
		}
		b.dark(false)
		b.picture(fmt.Sprintf("%s-%d", name, size[0]))
	}
	b.do("resize", chromedp.EmulateViewport(sizes[0][0], sizes[0][1]))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("%s: the browser says: %s", name, c)
	}
	b.complaints = nil
}

const weight = `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((n, e) => n + e.encodedBodySize, 0)`

const violations = `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"] }).then(r =>
	r.violations.map(v => v.id + ": " + v.help + " - " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + (n.any[0] ? n.any[0].message : "")).join(" | ")))`

// litInSight: the menu's entry of this page, where there is one, is not scrolled away.
const litInSight = `[...document.querySelectorAll(".bar nav [aria-current]")].every(e => e.getBoundingClientRect().left >= 0 && e.getBoundingClientRect().right <= innerWidth)`

const sticksOut = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 100)).join(" | ")`

// picture keeps what is seen, down to the page's end.
func (b *tab) picture(name string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	png := run(b, "take a picture", chromedp.FullScreenshot(100))
	if err := os.MkdirAll(*shots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, strings.ReplaceAll(name, "/", "_")+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
