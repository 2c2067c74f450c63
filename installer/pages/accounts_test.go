package pages

import "testing"

// The administrator makes an account, it comes in and changes its PIN; a forgotten one
// is set again by who administers the machine.
func TestAccountPages(t *testing.T) {
	d := open(t, townSchool)
	d.Go("/settings")
	d.Check("settings")
	d.Go("/settings/accounts")
	d.Check("accounts")
	d.reach("name")
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
