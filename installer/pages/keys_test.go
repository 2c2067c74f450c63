package pages

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// ctrl presses a key with Ctrl, and Shift where it is asked for.
func (b *tab) ctrl(key string, more ...chromedp.Modifier) {
	b.t.Helper()
	b.do("press Ctrl "+key, chromedp.KeyEvent(key, chromedp.KeyModifiers(append(more, chromedp.ModifierCtrl)...)))
}

// hold presses a digit for as long as a keyboard repeats it.
func (b *tab) hold(digit string) {
	b.t.Helper()
	for i := range 5 {
		call(b, "hold "+digit, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: digit, Code: "Digit" + digit, WindowsVirtualKeyCode: int64(digit[0]), AutoRepeat: new(i > 0)})
	}
	call(b, "let go of "+digit, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: digit, Code: "Digit" + digit, WindowsVirtualKeyCode: int64(digit[0])})
}

// at is the number of the row that the next key is for.
func (b *tab) at() int {
	b.t.Helper()
	return Eval[int](b, `[...document.querySelectorAll("#roll tr[data-pupil]")].findIndex(r => r.classList.contains("cursor")) + 1`)
}

// saved waits until the agent has all that was typed.
func (b *tab) saved() {
	b.t.Helper()
	b.Wait(`!document.querySelector("#roll tr.unsaved") && document.querySelector("#said").textContent !== ""`)
}

// Ctrl Z, Ctrl Y and Ctrl Shift Z are the sheet's, but in a field they are the
// browser's, and neither touches what is the other's.
func TestUndoByKeys(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/day")
	d.roll(0)
	d.Press("03\r605\r217\r")
	rows := func(what string, want map[int]string) {
		t.Helper()
		for row, mark := range want {
			d.expect(fmt.Sprintf("%s, row %d", what, row), d.mark(row), mark)
		}
	}
	late, away := "迟到 17 分钟", "旷课"
	for i, step := range []struct {
		press func()
		want  map[int]string
		at    int
	}{
		{func() {}, map[int]string{3: away, 5: late}, 5},
		{func() { d.ctrl("z") }, map[int]string{3: away, 5: ""}, 5},
		{func() { d.ctrl("z") }, map[int]string{3: "", 5: ""}, 3},
		{func() { d.ctrl("z") }, map[int]string{3: "", 5: ""}, 3},
		{func() { d.ctrl("y") }, map[int]string{3: away, 5: ""}, 3},
		{func() { d.ctrl("Z", chromedp.ModifierShift) }, map[int]string{3: away, 5: late}, 5},
		{func() { d.ctrl("y") }, map[int]string{3: away, 5: late}, 5},
		{func() { d.ctrl("z"); d.Press("04\r5"); d.ctrl("y") }, map[int]string{3: away, 4: "事假", 5: ""}, 4},
	} {
		step.press()
		rows(fmt.Sprint("step ", i), step.want)
		if n := d.at(); n != step.at {
			t.Errorf("step %d: in row %d, want %d", i, n, step.at)
		}
	}
	if !Eval[bool](d.tab, `document.querySelector("#redo").disabled && !document.querySelector("#undo").disabled`) {
		t.Error("the buttons say something else")
	}

	// In the note.
	d.Click("#noted summary")
	d.Type("#note", "第二节停电")
	d.ctrl("z")
	d.expect("the note is undone", d.Value("#note"), "")
	d.ctrl("y")
	d.expect("the note is there again", d.Value("#note"), "第二节停电")
	rows("in the note", map[int]string{3: away, 4: "事假", 5: ""})
	d.Press(kb.Escape) // back to the sheet
	d.ctrl("z")
	rows("out of the note", map[int]string{3: away, 4: "", 5: ""})
	d.expect("the note stays", d.Value("#note"), "第二节停电")
	d.ctrl("y")
	d.saved()
	d.Go(d.Path())
	rows("saved", map[int]string{3: away, 4: "事假", 5: ""})
	d.expect("the note is saved", d.Value("#note"), "第二节停电")

	// What somebody else has changed since is not taken back from here.
	d.Press("07\r6")
	d.saved()
	other := d.Another()
	other.Go(d.Path())
	other.See("#roll tr.cursor")
	other.expect("there", other.mark(7), away)
	other.Press("07\r5")
	other.saved()
	Eval[bool](d.tab, `dispatchEvent(new Event("focus"))`)
	d.until("the other's mark", func() error {
		if m := d.mark(7); m != "事假" {
			return fmt.Errorf("%q", m)
		}
		return nil
	})
	d.ctrl("z")
	rows("theirs stands", map[int]string{7: "事假"})
}

// What clerks do with keys besides: a finger that stays on one, a digit taken back,
// Enter after a name, Tab after minutes, the keys that move, Tab out of a field, and
// an input method that has not finished.
func TestKeysOfTheSheet(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/day")
	initials := d.roll(0)

	// A name leads to a pupil; the Enter after it is not the roll's.
	d.Press(initials[0][:2] + "\r")
	d.expect("after a name", d.Text("#typing"), "")
	if Eval[string](d.tab, `document.querySelector("#state").dataset.state`) != "0" {
		t.Error("a name and Enter have taken the roll")
	}
	d.Press("\r")
	d.stands(2, 1)

	d.Press("06\r")
	d.hold("2")
	d.expect("a finger stays on 2", d.mark(6), "迟到")
	d.hold("4")
	d.expect("then the minutes", d.mark(6), "迟到 4 分钟")
	d.Press("5")
	d.expect("more minutes", d.mark(6), "迟到 45 分钟")
	d.Press("\b\b")
	d.expect("minutes taken back", d.mark(6), "迟到")
	d.Press("\b")
	d.expect("present again", d.mark(6), "")
	d.Press("412\b")
	d.expect("a symptom taken back", d.mark(6), "病假 发热")
	d.Press("\r\b")
	d.expect("present at once, the number having ended", d.mark(6), "")

	// A slip in a row's number moves on, and marks nobody.
	d.Press("012\r6")
	d.expect("row 12", d.mark(12), "旷课")
	d.Press("012\b")
	d.expect("still absent", d.mark(12), "旷课")
	if n := d.at(); n != 1 {
		t.Errorf("in row %d, want 1", n)
	}
	d.Press("5\r")
	if n := d.at(); n != 15 {
		t.Errorf("in row %d, want 15", n)
	}

	// Tab ends the minutes; what follows is a status.
	d.Press("23" + kb.Tab + "5")
	d.expect("after Tab", d.mark(15), "事假")
	d.do("press Shift Tab", chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
	d.Click(".counts")
	for _, move := range []struct {
		key  string
		want int
	}{{kb.Home, 1}, {kb.PageDown, 11}, {kb.PageDown, 21}, {kb.PageUp, 11}, {kb.End, 40}, {kb.PageDown, 40}, {kb.ArrowUp, 39}} {
		d.Press(move.key)
		if n := d.at(); n != move.want {
			t.Errorf("%q leads to row %d, want %d", move.key, n, move.want)
		}
	}

	// The note is saved as it is left, not while the input method is at work on it.
	note := func() string {
		t.Helper()
		return Eval[string](d.tab, `poll(location.pathname + "/now").then(a => a.note)`)
	}
	d.Click("#noted summary")
	d.Type("#note", "上午")
	d.Press(kb.Tab)
	d.until("the note to be saved", func() error {
		if n := note(); n != "上午" {
			return fmt.Errorf("%q", n)
		}
		return nil
	})
	d.saved()
	Eval[bool](d.tab, `(e => { e.focus(); e.setSelectionRange(2, 2); return true })(document.querySelector("#note"))`)
	call(d.tab, "compose", input.ImeSetComposition, input.ImeSetCompositionParams{Text: "ting dian", SelectionStart: 9, SelectionEnd: 9})
	d.expect("in hand", d.Value("#note"), "上午ting dian")
	Eval[bool](d.tab, `document.querySelector('[data-status="6"]').click(), true`)
	d.Wait(`document.querySelectorAll("#roll tr.unsaved").length === 0 && document.querySelectorAll('#roll tr[data-is="6"]').length === 2`)
	d.expect("half a word is no note", note(), "上午")
	d.expect("still in hand", d.Value("#note"), "上午ting dian")
	call(d.tab, "choose", input.InsertText, input.InsertTextParams{Text: "停电"})
	d.until("the whole word to be saved", func() error {
		if n := note(); n != "上午停电" {
			return fmt.Errorf("%q, typed %q", n, d.Value("#note"))
		}
		return nil
	})
}
