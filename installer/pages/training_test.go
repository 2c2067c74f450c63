package pages

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// One training is written down for several teachers at once, with a slip in it first;
// the ledger counts it, a teacher's own page shows it, and it is taken back.
func TestTraining(t *testing.T) {
	t.Parallel()
	d := open(t, mountainSchool, "roster", "teachers", "training")
	d.Go("/training")
	d.Check("training")
	before := d.Text("#ledger tbody tr:first-child .number")
	name := d.Text("#ledger tbody tr:first-child th a")
	d.Type("#filter", Eval[string](d.tab, `document.querySelector("#ledger tbody tr").dataset.find`))
	if n := Eval[int](d.tab, `[...document.querySelectorAll("#ledger tbody tr")].filter(r => !r.hidden).length`); n == 0 || n > 5 {
		t.Errorf("%d teachers by their initials", n)
	}
	d.Follow(".does a.yes")
	d.Check("training-new")
	d.fill("[name=title]", "新课标专题研修")
	d.fill("[name=hours]", "一天")
	d.Press("\r")
	d.See("#f-teachers-wrong")
	if d.Value("[name=title]") != "新课标专题研修" || d.Value("[name=hours]") != "一天" || !d.Has("#f-hours-wrong") {
		t.Errorf("a slip lost what was typed: %s", d.where())
	}
	d.Check("training-wrong")
	Eval[bool](d.tab, `document.activeElement.select(), true`)
	d.fill("[name=hours]", "６．５")
	d.reach("[name=result]")
	d.Press(kb.ArrowDown)
	d.reach("#f-teachers .filter")
	d.Press(Eval[string](d.tab, `document.querySelector("#f-teachers li").dataset.find`))
	d.enter()
	d.fill("#f-teachers li:nth-child(2) input:not([type=checkbox])", "云教培2026字第7号")
	if !strings.Contains(d.Text("#chosen"), "2") || !Eval[bool](d.tab, `document.querySelector("#f-teachers li:nth-child(2) input").checked`) {
		t.Errorf("chosen: %s", d.Text("#chosen"))
	}
	d.reach("#training button.yes")
	d.Press("\r")
	d.See("main form.sieve")
	d.Check("training-records")
	if !d.Says("新课标专题研修") || !d.Says(name) {
		t.Errorf("the records: %s", d.where())
	}
	d.Go("/training")
	if after := d.Text("#ledger tbody tr:first-child .number"); after == before {
		t.Errorf("the ledger still says %s", after)
	}
	d.Follow("#ledger tbody tr:first-child th a")
	d.Check("training-teacher")
	if !d.Says("新课标专题研修") {
		t.Errorf("%s's own page: %s", name, d.where())
	}
	at := d.Path()
	d.Follow("tbody a")
	d.Check("training-edit")
	d.Click(".undo summary")
	d.Type("[name=reason]", "记错人")
	d.Follow(".undo button")
	if d.Path() != at || d.Says("新课标专题研修") {
		t.Errorf("a record that does not count: %s", d.where())
	}
	d.Follow(".foot [name=on]")
	d.Follow(".foot [lang=en]")
	d.Go("/training?sort=short")
	d.Check("training-large-en")
}
