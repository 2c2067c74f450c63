package pages

import (
	"strings"
	"testing"
)

// From a computer that nobody has used to the first day's page, by keyboard alone;
// then the lock that covers the page and gives it back.
func TestSignIn(t *testing.T) {
	t.Parallel()
	d := unopened(t, townSchool, "roster")
	d.Go("/day")
	d.Check("start")
	d.Type("[name=name]", firstName)
	d.Type("[name=pin]", "1234")
	d.Type("[name=again]", "1234")
	d.Submit("main form")
	if d.Value("[name=name]") != firstName || !d.Has("#f-pin-wrong") {
		t.Errorf("an easy PIN: %s", d.where())
	}
	d.Check("start-wrong")
	d.Type("[name=pin]", firstPIN)
	d.Type("[name=again]", firstPIN)
	d.Submit("main form")
	if d.Path() != "/day" {
		t.Fatalf("after the first account: %s", d.where())
	}
	d.Follow(".who button")
	d.Check("sign")
	d.Press(firstPIN)
	d.Press("\r")
	d.See(".day")

	// The page lies there; the agent locks it, and what is sent waits for the PIN.
	Eval[bool](d.tab, `ask("/lock", {}).then(r => r.ok)`)
	Eval[bool](d.tab, `unlocked().then(() => { window.back = true }), true`)
	d.See("#locked")
	d.Check("locked")
	d.Press("9999\r")
	d.See("#locked-wrong")
	d.Press(firstPIN + "\r")
	d.Wait(`window.back === true`)
	if Eval[bool](d.tab, `document.getElementById("locked").open`) {
		t.Error("still covered")
	}

	d.Follow(".foot [name=on]")
	d.Follow(".foot [lang=en]")
	if !d.Has("html.large[lang=en]") || !strings.Contains(d.Text(".bar"), "Lock") {
		t.Errorf("large type in English: %s", d.where())
	}
	d.Check("day-large-en")
}
