package local

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The file with the door's key is for the system, administrators and its owner,
// and the door is on this machine alone.
func TestWindowsDoorIsClosedToOthers(t *testing.T) {
	dir := tempDir(t)
	l, err := listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := filepath.Join(dir, addressName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := parseAddress(string(b)); err != nil { // of another machine, say
		t.Errorf("address %q: %v", b, err)
	}
	asked, err := windows.SecurityDescriptorFromString(private)
	if err != nil {
		t.Fatal(err)
	}
	onlyOwners(t, "what is asked for", asked)
	if control, _, err := asked.Control(); err != nil || control&windows.SE_DACL_PROTECTED == 0 {
		t.Errorf("what is asked for inherits from the folder: %#x, %v", control, err)
	}
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Log("Wine keeps Unix permissions in place of the list; what Windows makes of it is not seen here")
		return
	}
	got, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	onlyOwners(t, "what is kept", got)
}

// onlyOwners fails the test if a descriptor lets anybody else in.
func onlyOwners(t *testing.T, what string, sd *windows.SECURITY_DESCRIPTOR) {
	t.Helper()
	acl, _, err := sd.DACL()
	if err != nil || acl == nil || acl.AceCount == 0 {
		t.Fatalf("%s has no list: %v", what, err)
	}
	var may []string
	for _, known := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid} {
		sid, err := windows.CreateWellKnownSid(known)
		if err != nil {
			t.Fatal(err)
		}
		may = append(may, sid.String())
	}
	may = append(may, "S-1-3-4") // whoever owns it
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			t.Fatal(err)
		}
		if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE && !slices.Contains(may, sid.String()) {
			t.Errorf("%s: %s may %#x", what, sid, ace.Mask)
		}
	}
}
