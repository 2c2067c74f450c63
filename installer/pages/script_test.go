package pages

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"
)

// timed gives the test the clock by which the window's pages lock: later lets time go by
// there, and the timer run that waited for it.
func (b *tab) timed() {
	b.t.Helper()
	call(b, "take the clock", page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		const now = Date.now, set = setTimeout;
		window.ahead = 0;
		Date.now = () => now() + ahead;
		window.setTimeout = (f, ms) => ms > 60000 ? (window.due = f, 0) : set(f, ms);`})
}

func (b *tab) later(minutes int) {
	b.t.Helper()
	Eval[bool](b, fmt.Sprintf(`(async () => { ahead += %d * 60000; const f = window.due; window.due = null; if (f) await f(); return true })()`, minutes))
}

const covered = `document.getElementById("locked").open`

// Two windows of one account: while one is in use the other does not lock it; the PIN
// that is given in one is given in both, and what both show can still be sent. Whoever
// goes away after that leaves pages that lock again.
func TestTwoWindowsLockTogether(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	other := d.Another()
	for _, b := range []*tab{d.tab, other} {
		b.timed()
		b.Go("/visits/new")
	}
	other.Type("[name=topic]", "集体备课")
	Eval[bool](d.tab, `ahead = 14 * 60000, dispatchEvent(new Event("input"))`)
	other.Wait(`localStorage.getItem(touchedKey) > Date.now() + 10 * 60000`)
	other.later(20)
	if Eval[bool](other, covered) {
		t.Fatal("a window locked while another was in use")
	}
	d.later(20)
	other.later(20)
	d.Wait(covered)
	other.Wait(covered)
	d.Press(firstPIN + "\r")
	d.Wait(`!` + covered)
	other.Wait(`!` + covered)
	// Nobody touches it now.
	d.later(30)
	other.later(30)
	d.Wait(covered)
	other.Wait(covered)
	other.Type("#locked-pin", firstPIN)
	other.Press("\r")
	other.Wait(`!` + covered)
	// The cursor is where it was.
	other.Press("\r")
	other.See("#f-kind-wrong")
	if other.Value("[name=topic]") != "集体备课" {
		t.Errorf("what was typed in the other window: %s", other.where())
	}
	d.Wait(`!` + covered)
	d.Follow(".who button")
	if d.Path() != "/sign" {
		t.Errorf("the first window's form: %s", d.where())
	}
}

// A table is taken away as often as somebody asks for it, and who is asked whether he
// means it may say no first.
func TestFormsAreSentAgain(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/exports")
	Eval[bool](d.tab, `addEventListener("submit", (e) => { window.sent = (window.sent || 0) + !e.defaultPrevented; e.preventDefault() }), true`)
	d.Click("form.take button")
	d.Click("form.take button")
	if n := Eval[int](d.tab, `window.sent`); n != 2 {
		t.Errorf("asked twice for a table, sent %d times", n)
	}
}

// The first page asks once in a while how things stand, however often somebody looks
// away and back while it is asking.
func TestTheFrontPageAsksOnce(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/")
	d.See("#front")
	Eval[bool](d.tab, `(() => {
		const set = setTimeout, clear = clearTimeout, ask = fetch;
		window.waiting = new Set();
		window.asking = 0;
		window.setTimeout = (f, ms) => { const id = set(() => { waiting.delete(id); f() }, ms); if (ms >= 1000 && ms <= 15000) waiting.add(id); return id };
		window.clearTimeout = (id) => { waiting.delete(id); clear(id) };
		window.fetch = (...a) => { asking++; return ask(...a).finally(() => set(() => asking--, 50)) };
		for (let i = 0; i < 5; i++) document.dispatchEvent(new Event("visibilitychange"));
		return asking === 5;
	})()`)
	d.Wait(`window.asking === 0 && waiting.size > 0`)
	if n := Eval[int](d.tab, `waiting.size`); n != 1 {
		t.Errorf("it will ask %d times at once", n)
	}
}

// At a sheet that has locked with marks unsaved, somebody else can still sign in, and
// who made the marks finds them again.
func TestAnotherPersonAtALockedSheet(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/day")
	d.roll(0)
	sheet := d.Path()
	Eval[bool](d.tab, `ask("/lock", {}).then((r) => r.ok)`)
	d.Press("6")
	d.Wait(covered)
	d.Follow("#locked a.button")
	if d.Path() != "/sign" {
		t.Fatalf("the way to another account: %s", d.where())
	}
	d.Type("[name=pin]", firstPIN)
	d.Submit("main form")
	d.expect("after the PIN", d.Path(), sheet)
	d.stands(0, 1)
	d.expect("the mark", d.mark(1), "旷课")
}

// By keys a class is chosen with the arrows, each of which is a change, and then the
// button.
func TestAClassIsChosenByKeys(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/leave/new")
	d.reach("#f-class")
	d.Press(kb.ArrowDown + kb.ArrowDown)
	if at := Eval[int](d.tab, `document.getElementById("f-class").selectedIndex`); at != 2 || d.Has("#f-pupil") {
		t.Fatalf("two arrows down: the choice is number %d: %s", at, d.where())
	}
	d.reach(".choose button")
	d.Press("\r")
	d.See("#f-pupil")
	// In a list of choices the cursor goes to what finds them, and Enter there ticks
	// only what was looked for.
	d.Submit("main form.card")
	if !Eval[bool](d.tab, `document.activeElement.matches(".picks .filter")`) {
		t.Error("the cursor is not where something is wrong")
	}
	d.Press("\r")
	if n := Eval[int](d.tab, `document.querySelectorAll(".picks :checked").length`); n != 0 {
		t.Errorf("Enter ticked %d pupils that nobody looked for", n)
	}
}
