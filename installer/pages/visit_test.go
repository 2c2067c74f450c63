package pages

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
)

// reach goes to something with the tabulator alone.
func (b *tab) reach(sel string) {
	b.t.Helper()
	for range 90 {
		if Eval[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, sel)) {
			return
		}
		b.Press(kb.Tab)
	}
	b.t.Fatalf("%s is not reached by the keyboard\n%s", sel, b.where())
}

// fill reaches a field and puts a text into it, in place of what the tabulator has
// marked there.
func (b *tab) fill(sel, text string) {
	b.t.Helper()
	b.reach(sel)
	call(b, "type into "+sel, input.InsertText, input.InsertTextParams{Text: text})
}

// enter presses Enter as a keyboard does: where a script has taken the key, the
// character does not follow. Press sends both whatever happens.
func (b *tab) enter() {
	b.t.Helper()
	for _, p := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeRawKeyDown}, {Type: input.DispatchKeyEventTypeChar, Text: "\r"}, {Type: input.DispatchKeyEventTypeKeyUp},
	} {
		p.Key, p.Code, p.WindowsVirtualKeyCode = "Enter", "Enter", 13
		call(b, "press Enter", input.DispatchKeyEvent, p)
	}
}

// A visit is written down by keyboard alone, with a slip in it first; it gets a code
// that is found again from paper, is changed, and ends by not counting.
func TestVisits(t *testing.T) {
	t.Parallel()
	d := open(t, mountainSchool, "roster", "teachers", "visits")
	d.Go("/visits")
	d.Check("visits")
	d.Follow(".does a.yes")
	d.Check("visit-new")
	d.fill("[name=topic]", "同课异构：分数的初步认识")
	d.fill("[name=hours]", "两节")
	d.Press("\r")
	d.See("#f-kind-wrong")
	if d.Value("[name=topic]") != "同课异构：分数的初步认识" || d.Value("[name=hours]") != "两节" || !d.Has("#f-hours-wrong") {
		t.Errorf("a slip lost what was typed: %s", d.where())
	}
	if at := Eval[string](d.tab, `document.activeElement.name`); at != "kind" {
		t.Errorf("the cursor is in %q and not where it is wrong", at)
	}
	d.Check("visit-wrong")
	if Eval[bool](d.tab, `document.getElementById("sync").offsetHeight > 0`) {
		t.Error("classes and line are shown for every kind")
	}
	for range 7 {
		d.Press(kb.ArrowDown)
	}
	d.See("#sync")
	d.fill("[name=hours]", "１．５")
	d.reach("[name=classes]")
	d.Press(" ")
	d.reach("[name=link]")
	d.Press(kb.ArrowDown)
	d.reach("#f-teachers .filter")
	d.Press(Eval[string](d.tab, `document.querySelector("#f-teachers li").dataset.find`))
	d.enter()
	if n := Eval[int](d.tab, `document.querySelectorAll("#f-teachers input:checked").length`); n != 1 {
		t.Errorf("%d teachers chosen by initials and Enter", n)
	}
	d.reach("#visit button.yes")
	d.Press("\r")
	d.See("#code")
	d.Check("visit")
	if !d.Says("同课异构") || !d.Says("同步课堂") || !d.Says("没有掉线") || !d.Says("1.5") {
		t.Errorf("what was written down: %s", d.where())
	}
	at, code := d.Path(), d.Text("#code")
	if len(code) != 9 {
		t.Fatalf("no code: %s", d.where())
	}
	call(d.tab, "print", emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if shown := Eval[string](d.tab, `[...document.querySelectorAll("main form, main .does, .bar, .paper, #code")].filter(e => e.offsetHeight > 0).map(e => e.className || e.id).join(" ")`); shown != "code paper" {
		t.Errorf("on paper: %s", shown)
	}
	call(d.tab, "show again", emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "screen"})
	d.Go("/visits/paper")
	d.Type("[name=code]", strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	d.Submit("main form")
	d.Check("visit-paper")
	if !d.Has(fmt.Sprintf(`.good a[href=%q]`, at)) {
		t.Errorf("a code from paper: %s", d.where())
	}
	d.Go(at + "/edit")
	d.Type("[name=topic]", "换个主题")
	d.Check("visit-edit")
	d.Submit("form#visit")
	if now := d.Text("#code"); now == code {
		t.Error("another topic has the same code")
	}
	d.Click(".undo summary")
	d.Type("[name=reason]", "记重了")
	d.Follow(".undo button")
	d.Check("visit-void")
	d.Go("/visits")
	if d.Has(fmt.Sprintf(`a[href=%q]`, at)) {
		t.Error("a visit that does not count is listed")
	}
	d.Follow(".foot [name=on]")
	d.Follow(".foot [lang=en]")
	d.Go("/visits/new")
	d.Check("visit-new-large-en")
}

// Two schools, two agents and a hub: what the host writes down comes to the helper,
// who confirms it, and the host sees that. Both show the same code.
func TestAHelperConfirms(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s, ctx := newStage(t), t.Context()
	hub, err := s.FoundHub(ctx, 1, "云岭区")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(ctx, "hub", "district", "load", sample("district"), "--dir", hub.Dirs[0]); err != nil {
		t.Fatal(err)
	}
	const helperSchool = "2199109003"
	school := func(name, code string, kinds ...string) *desk {
		d := &desk{School: s.School(name, code), t: t, stage: s}
		if err := d.Enrol(ctx, hub, 0); err != nil {
			t.Fatal(err)
		}
		for _, k := range kinds {
			file, _ := filepath.Glob(sample("schools", code, k+".*"))
			if len(file) != 1 {
				t.Fatalf("%s of %s: %v", k, code, file)
			}
			if err := d.Import(ctx, k, file[0]); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		d.Run()
		d.tab = newTab(t, d.page)
		d.SignUp()
		return d
	}
	host := school("host", mountainSchool, "teachers", "visits")
	helper := school("helper", helperSchool, "teachers")
	sync := func(list ...*desk) {
		t.Helper()
		for _, d := range list {
			if err := d.Sync(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	sync(helper)
	helper.Go("/visits")
	helper.Check("visits-helper")
	helper.Follow(".notice.wait a")
	helper.Follow(".visits tbody a")
	at, code := helper.Path(), helper.Text("#code")
	helper.Check("visit-confirm")
	helper.Click("#f-teachers li:first-child input[type=checkbox]")
	helper.Type("[name=helper_note]", "下次带教具来")
	helper.Submit("main form.card")
	if !helper.Says("帮扶校已确认") || !helper.Says("下次带教具来") {
		t.Errorf("confirmed: %s", helper.where())
	}
	sync(helper, host)
	host.until("the confirmation", func() error {
		host.Go(at)
		if !host.Says("帮扶校已确认") {
			return fmt.Errorf("%s", host.where())
		}
		return nil
	})
	if got := host.Text("#code"); got != code {
		t.Errorf("the host's code is %s, the helper's %s", got, code)
	}
	if !host.Says("下次带教具来") || !host.Says("1 名教师") {
		t.Errorf("the helper's word: %s", host.where())
	}
	host.Check("visit-confirmed")
}
