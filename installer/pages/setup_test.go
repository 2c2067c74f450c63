package pages

import "testing"

// From the first page of a new computer to the first roll, without a network: the
// account, the district left for later, the roster.
func TestSetup(t *testing.T) {
	t.Parallel()
	d := unopened(t, townSchool)
	d.Go("/")
	d.Follow(".who a")
	d.Check("setup-account")
	d.Type("[name=name]", firstName)
	d.Type("[name=pin]", firstPIN)
	d.Type("[name=again]", firstPIN)
	d.Press("\r")
	d.See(".steps")
	if d.Path() != "/setup/district" {
		t.Fatalf("after the account: %s", d.where())
	}
	d.Check("setup-district")
	d.reach("[name=sent]")
	d.Type("[name=sent]", "https://hub.example:8443 和入网码")
	d.Submit("main form")
	if !d.Has("#f-sent-wrong") || d.Value("[name=sent]") == "" {
		t.Errorf("no token: %s", d.where())
	}
	d.Check("setup-district-wrong")
	d.Follow(".after a")
	d.Check("setup-roster")
	d.Follow(".does a.yes")
	d.choose("[name=file]", sample("schools", townSchool, "roster.xlsx"))
	d.Submit("main form")
	d.Submit("#store")
	// Left, and gone on with: the district is still to do, the roster is not.
	d.Go("/setup")
	if d.Path() != "/setup/district" {
		t.Errorf("gone on with: %s", d.where())
	}
	d.Go("/setup/roster")
	d.Check("setup-roster-done")
	d.Go("/setup?all=1")
	d.Check("setup-done")
	d.Go("/start")
	if d.Has("[name=again]") {
		t.Errorf("a second first account: %s", d.where())
	}
}
