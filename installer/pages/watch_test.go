package pages

import (
	"strings"
	"testing"
)

// A term of rolls gives rise to findings: one becomes a case by one key, gets its
// steps, and is settled only with a reason. What is wrong is said beside the field, and what
// was typed stays.
func TestWatch(t *testing.T) {
	t.Parallel()
	d := open(t, mountainSchool, "roster", "attendance")
	d.Go("/watch")
	d.Check("watch")
	if !d.Has(`form[action="/watch/open"]`) || !d.Says("无聚集") && !d.Says("起聚集") && !d.Says("未核查") {
		t.Fatalf("a term of rolls, and nothing to be seen: %s", d.where())
	}
	name := d.Text(`#h-found ~ .wide tbody th`)
	Eval[bool](d.tab, `(document.querySelector('form[action="/watch/open"] button').focus(), true)`)
	d.Press("\r")
	d.See(".facts")
	at := d.Path()
	if !d.Says(name) || !strings.HasPrefix(at, "/watch/case/") {
		t.Fatalf("not the case of %s: %s", name, d.where())
	}
	d.Check("watch-case-new")

	d.Choose("#f-kind", "2")
	d.Type("#f-result", "")
	d.Submit("section.card form")
	if !d.Has("#f-result-wrong") || d.Value("#f-kind") != "2" {
		t.Errorf("a step without a result: %s", d.where())
	}
	d.Check("watch-step-wrong")
	d.Type("#f-result", "家长在家，说下周一送回来。")
	d.Submit("section.card form")
	if !d.Says("说下周一送回来") || !d.Says("家访") {
		t.Errorf("the step is not there: %s", d.where())
	}
	d.Click("details.card summary")
	d.Choose("#f-end", "9")
	d.Submit("details.card form")
	if !d.Has("#f-note-wrong") || d.Value("#f-end") != "9" {
		t.Errorf("another reason that nobody wrote down: %s", d.where())
	}
	d.Check("watch-close-wrong")
	d.Type("#f-note", "随父母去外地，学校已联系当地。")
	d.Submit("details.card form")
	if !d.Says("已销号") || d.Has("#f-result") {
		t.Errorf("not settled: %s", d.where())
	}
	d.Check("watch-case-closed")
	d.Click("details.card summary")
	d.Submit("details.card form")
	if !d.Has("#f-why-wrong") {
		t.Errorf("gone on with, and nobody said why: %s", d.where())
	}
	d.Type("#f-why", "销错了人。")
	d.Check("watch-reopen")
	d.Press("\r")
	d.See("#f-result")
	if !d.Says("销错了人") || !d.Says("撤销销号") {
		t.Errorf("the case does not go on: %s", d.where())
	}
	d.Click("details.card summary")
	d.Choose("#f-end", "9")
	d.Type("#f-note", "随父母去外地，学校已联系当地。")
	d.Submit("details.card form")
	if !d.Says("已销号") {
		t.Errorf("not settled again: %s", d.where())
	}
	d.Go("/watch/cases")
	if !d.Says(name) {
		t.Errorf("the case is not listed: %s", d.where())
	}
	d.Check("watch-cases")

	// By hand, and the list of those who are watched.
	d.Follow(`a[href="/watch/new"]`)
	d.Check("watch-new")
	d.Follow(".tiles a")
	d.Submit("main form")
	if !d.Has("#f-pupil-wrong") || !d.Has("#f-note-wrong") {
		t.Errorf("an empty form: %s", d.where())
	}
	d.Check("watch-hand")
	d.Go("/watch/list")
	d.Check("watch-list-empty")
	d.Follow(".tiles a")
	d.Click("#f-pupil li label")
	d.Check("watch-pick")
	d.Submit("main form")
	if !d.Has(".list tbody th") {
		t.Errorf("nobody is on the list: %s", d.where())
	}
	d.Check("watch-list")
	// Three of a class with like symptoms: said on the roll as it is saved, on the day
	// and on the watch, with no link to anybody.
	d.Go("/day")
	d.Follow(".day tbody td a")
	if d.Has("#alarms:not([hidden])") {
		t.Errorf("an alarm before anybody is sick: %s", d.where())
	}
	d.Press("01\r41\r02\r42\r03\r44\r\r")
	d.Wait(`!document.getElementById("alarms").hidden`)
	if !strings.Contains(d.Text("#alarms"), "3 名学生") {
		t.Errorf("the alarm says %q", d.Text("#alarms"))
	}
	d.Check("roll-alarm")
	d.Go("/day")
	if !d.Has(`.notice.bad a[href="/watch"]`) {
		t.Errorf("the day says nothing of it: %s", d.where())
	}
	d.Check("day-alarm")
	d.Go("/watch")
	d.Check("watch-alarm")
	if !d.Has(".alarm") || !d.Says("1 起聚集") {
		t.Errorf("the watch says nothing of it: %s", d.where())
	}
}
