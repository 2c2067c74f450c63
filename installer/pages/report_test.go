package pages

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// paper counts the pages of what the browser would print, and keeps it beside the
// pictures.
func (b *tab) paper(name string) int {
	b.t.Helper()
	pdf := call(b, "print", page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: new(true), PrintBackground: new(true)}).Data
	if *shots != "" {
		call(b, "emulate paper", emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		b.do("resize", chromedp.EmulateViewport(1062, 741))
		b.picture(name + "-paper")
		b.do("resize", chromedp.EmulateViewport(sizes[0][0], sizes[0][1]))
		call(b, "emulate a screen", emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
		if err := os.WriteFile(filepath.Join(*shots, name+".pdf"), pdf, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	if !bytes.Contains(pdf, []byte("/MediaBox [0 0 841")) {
		b.t.Errorf("%s: not A4 landscape: %s", name, regexp.MustCompile(`/MediaBox \[[^\]]*\]`).Find(pdf))
	}
	return len(regexp.MustCompile(`/Type /Page\b[^s]`).FindAll(pdf, -1))
}

// A month is looked at, printed and frozen; what changes afterwards becomes a
// correction sheet.
func TestReports(t *testing.T) {
	t.Parallel()
	d := open(t, mountainSchool, "roster", "attendance")
	d.Go("/reports")
	d.Check("reports")
	d.Follow(`a[href="/reports/2026-10/registers"]`)
	d.Check("registers")
	d.Follow(".tiles a")
	d.Check("register")
	register := d.Path()
	if n := d.paper("register"); n != 1 {
		t.Errorf("a register of %d pupils takes %d pages", Eval[int](d.tab, `document.querySelectorAll(".register tbody tr").length`), n)
	}
	// As many pupils as a class may have, on one page too.
	Eval[bool](d.tab, `(() => { const b = document.querySelector(".register tbody"); while (b.rows.length < 55) b.append(b.rows[b.rows.length % 7].cloneNode(true)); document.querySelector(".register").classList.add("many"); return true })()`)
	if n := d.paper("register-55"); n != 1 {
		t.Errorf("a register of 55 pupils takes %d pages", n)
	}

	d.Go("/reports/2026-10")
	d.Check("report-live")
	Eval[bool](d.tab, `(window.confirm = () => false, true)`)
	d.Click("form[data-ask] button")
	Eval[bool](d.tab, `(window.confirm = () => true)()`)
	d.Submit("form[data-ask]")
	if !d.Has(".digest") {
		t.Fatalf("not frozen: %s", d.where())
	}
	digest := d.Text(".digest")
	d.Check("report-frozen")
	if n := d.paper("report-frozen"); n != 1 {
		t.Errorf("the report takes %d pages", n)
	}

	// A roll of the month is taken back to what it was not.
	d.change("2026-10-12")
	d.Go("/reports/2026-10")
	if !d.Says("定稿之后有变化") || d.Text(".digest") != digest {
		t.Fatalf("a change was not seen, or the report is another: %s", d.where())
	}
	d.Submit("section form")
	if !d.Has("#f-reason-wrong") {
		t.Errorf("a correction without a reason: %s", d.where())
	}
	d.Check("report-changed")
	d.Type("#f-reason", "家长补交了假条")
	d.Submit("section form")
	if !d.Says("家长补交了假条") {
		t.Fatalf("no correction sheet: %s", d.where())
	}
	d.Check("report-correction")
	d.Go("/exports")
	d.Check("exports")
	d.Go(register)
	if !d.Has(`input[name=names]`) {
		t.Errorf("an administrator may not have names: %s", d.where())
	}
}

// change marks the first pupil of the first class anew on a day that is past: absent if
// present, else present.
func (d *desk) change(on string) {
	d.t.Helper()
	d.Go("/day/" + on)
	d.Follow(".day tbody td a")
	if !Eval[bool](d.tab, `(() => { const r = document.querySelector("#roll tbody tr"), was = r.dataset.mark.split(",").map(Number); return ask(location.pathname, { marks: [{ pupil: r.dataset.pupil, was: was, now: [was[0] === 1 ? 6 : 1, 0, 0] }], over: true, why: "家长补了假条" }).then(a => a.ok) })()`) {
		d.t.Fatalf("the roll of %s was not changed: %s", on, d.where())
	}
}
