package pages

import "testing"

// The administrator makes an account, it comes in and changes its PIN; a forgotten one
// is set again by who administers the machine.
func TestAccountPages(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool)
	d.Go("/settings")
	d.Check("settings")
	d.Go("/settings/accounts")
	d.Check("accounts")
	d.reach("[name=name]")
	d.Type("[name=name]", "李老师")
	d.Type("[name=pin]", "1234")
	d.Type("[name=again]", "1234")
	d.Press("\r")
	d.See("#f-pin-wrong")
	if d.Value("[name=name]") != "李老师" {
		t.Errorf("a slip lost what was typed: %s", d.where())
	}
	d.Check("accounts-wrong")
	d.Type("[name=pin]", "1470")
	d.Type("[name=again]", "1470")
	d.Submit("main form.card")
	if !d.Says("李老师") {
		t.Fatalf("another account: %s", d.where())
	}
	d.Follow(".list tbody tr:last-child a")
	d.Check("account")

	// Fast switching: the other name, its PIN.
	d.Go("/sign")
	d.Follow(".tiles li:last-child a")
	d.Type("[name=pin]", "1470")
	d.Submit("main form")
	if got := d.Text(".who span"); got != "李老师" {
		t.Fatalf("in came %s: %s", got, d.where())
	}
	d.Go("/settings")
	if d.Has("[href='/settings/accounts']") {
		t.Error("a clerk is led to the accounts")
	}
	d.Go("/settings/accounts")
	if !d.Says("不能做这一步") {
		t.Errorf("a clerk's view of the accounts: %s", d.where())
	}
	// The page says that it may not, and the browser says so too.
	d.mu.Lock()
	d.complaints = nil
	d.mu.Unlock()
	d.Go("/settings/pin")
	d.Check("own-pin")
	d.Type("[name=old]", "9999")
	d.Type("[name=pin]", "3690")
	d.Type("[name=again]", "3690")
	d.Submit("main form")
	if !d.Has("#f-old-wrong") {
		t.Errorf("a wrong old PIN: %s", d.where())
	}
	d.Type("[name=old]", "1470")
	d.Type("[name=pin]", "3690")
	d.Type("[name=again]", "3690")
	d.Submit("main form")
	if d.Path() != "/settings" {
		t.Errorf("another PIN: %s", d.where())
	}

	other := d.Elsewhere()
	other.Go("/sign")
	other.Follow(".tiles li:last-child a")
	other.Follow(".forgot a")
	other.Check("forgot")
	if !other.Says("还没有和区里联通过") {
		t.Errorf("no district: %s", other.where())
	}
}

// A school whose only administrator forgot the PIN: let in by what was pasted, then a
// code read to the district, its answer, and the page opens.
func TestTheDistrictsCode(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := newStage(t)
	h, err := s.FoundHub(t.Context(), 1, "云岭")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), "hub", "district", "load", sample("district"), "--dir", h.Dirs[0]); err != nil {
		t.Fatal(err)
	}
	token, err := h.Token(t.Context(), 0, townSchool)
	if err != nil {
		t.Fatal(err)
	}
	d := at(t, s, s.School("agent", townSchool), today)
	d.Go("/setup/district")
	d.Type("[name=sent]", "网址 "+h.URLs(0)+"\n入网码 "+token)
	d.Submit("main form")
	if d.Path() != "/setup/roster" {
		t.Fatalf("let in: %s", d.where())
	}
	if err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}

	other := d.Elsewhere()
	other.Go("/sign")
	other.Follow(".forgot a")
	other.Follow(".ways button")
	other.Check("forgot-code")
	code := other.Text(".code b")
	var a struct {
		Answer string
		School string
	}
	if err := s.Ask(t.Context(), &a, "hub", "device", "pin", "--school", townSchool, "--challenge", code, "--dir", h.Dirs[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), "hub", "device", "pin", "--school", mountainSchool, "--challenge", code, "--dir", h.Dirs[0]); err == nil {
		t.Error("another school's code was answered")
	}
	other.Type("[name=answer]", a.Answer[:len(a.Answer)-1])
	other.Type("[name=pin]", "1470")
	other.Type("[name=again]", "1470")
	other.Submit("main form")
	if !other.Has("#f-answer-wrong") || other.Value("[name=answer]") == "" {
		t.Errorf("a slip in the answer: %s", other.where())
	}
	other.Check("forgot-wrong")
	other.Type("[name=answer]", a.Answer)
	other.Type("[name=pin]", "1470")
	other.Type("[name=again]", "1470")
	other.Submit("main form")
	if got := other.Text(".who span"); got != firstName {
		t.Fatalf("with another PIN: %s", other.where())
	}
}
