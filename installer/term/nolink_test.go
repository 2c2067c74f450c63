package term

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// A school that never has a link works by stick for a whole term, from the first
// day on: it is let in by a stick, records each day, and a stick goes to the
// district and back now and then.
func TestTermWithoutLink(t *testing.T) {
	b := newBench(t)
	h := startHub(b, 1)
	dir, stick := filepath.Join(b.work, "agent"), filepath.Join(b.work, "stick")
	if err := os.Mkdir(stick, 0o700); err != nil {
		t.Fatal(err)
	}
	b.take(dir, "roster", "roster.xlsx")
	b.fails("学校包", "agent", "bundle", "export", stick, "--dir", dir, "--lang", "zh")
	b.must("hub", "pack", "--school", deviceSchool, stick, "--dir", h.Dirs[0])
	b.must("agent", "enroll", "--pack", filepath.Join(stick, deviceSchool+".sgpk"), "--dir", dir)
	if err := b.Start("agent", "agent", "run", "--dir", dir, "--listen", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	// Nothing of the service may reach the hub: its addresses lead nowhere.
	b.must("agent", "enroll", "--hub", "https://127.0.0.1:9", "--dir", dir)
	export := func() (file string, entries int) {
		t.Helper()
		var v struct {
			File    string
			Entries int
		}
		if err := b.ask(&v, "agent", "bundle", "export", stick, "--dir", dir); err != nil {
			t.Fatal(err)
		}
		return v.File, v.Entries
	}
	deliver := func() (applied int) {
		t.Helper()
		var v struct{ Applied, Refused, Replies int }
		if err := b.ask(&v, "hub", "bundle", "import", stick, "--reply", stick, "--dir", h.Dirs[0]); err != nil {
			t.Fatal(err)
		}
		if v.Refused != 0 || v.Replies != 1 {
			t.Fatalf("%+v", v)
		}
		return v.Applied
	}
	var back struct {
		Enrolled bool
		Pushed   int
		Pending  int
	}
	home := func() {
		t.Helper()
		if err := b.ask(&back, "agent", "bundle", "import", stick, "--dir", dir); err != nil {
			t.Fatal(err)
		}
	}
	all := 0
	for i, f := range []string{"roster.xlsx", "teachers.xlsx", "attendance.csv", "visits.csv", "training.csv"} {
		b.take(dir, strings.TrimSuffix(f, filepath.Ext(f)), f)
		file, entries := export()
		if data, err := os.ReadFile(file); err != nil || strings.Contains(string(data), deviceSchool) {
			t.Fatal("the bundle tells whose it is", err)
		}
		if i%2 == 1 {
			continue // nobody comes by today
		}
		if applied := deliver(); applied != entries {
			t.Fatalf("after %s: %d of %d entries taken", f, applied, entries)
		}
		if again := deliver(); again != 0 {
			t.Fatalf("%d entries taken twice", again)
		}
		home()
		if back.Enrolled != (i == 0) || back.Pushed != entries || back.Pending != 0 {
			t.Fatalf("after %s: %+v", f, back)
		}
		all += entries
	}
	files, err := filepath.Glob(filepath.Join(stick, "*"))
	if err != nil || len(files) != 3 { // pack, bundle, reply
		t.Errorf("on the stick: %v, %v", files, err)
	}
	var here, there map[string]map[string]string
	if err := b.ask(&here, "agent", "digest", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	if err := b.ask(&there, "hub", "digest", "--school", deviceSchool, "--dir", h.Dirs[0]); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(here, there) || len(here["attendance"]) == 0 {
		t.Errorf("digests differ:\n%v\n%v", here, there)
	}
	if s := b.agentStatus(dir); s.Safe != all || s.Pending != 0 {
		t.Errorf("%d entries carried, %+v", all, s)
	}
	h.holds()

	// A machine that was shut out is told so by the reply.
	var st struct{ Device string }
	if err := b.ask(&st, "agent", "status", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	b.must("hub", "device", "revoke", st.Device, "--dir", h.Dirs[0])
	export()
	b.fails("没有收下", "hub", "bundle", "import", stick, "--reply", stick, "--dir", h.Dirs[0], "--lang", "zh", "--json")
	b.fails("停用", "agent", "bundle", "import", stick, "--dir", dir, "--lang", "zh")
}
