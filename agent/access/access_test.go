package access_test

import (
	"os"
	"path/filepath"
	"testing"

	"shangu/agent/access"
	"shangu/sync/seal"
)

func note(t *testing.T, l *access.Log, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := l.Note(access.Event{At: int64(i), Account: "王", What: "pupil", Whose: "张三"}); err != nil {
			t.Fatal(err)
		}
	}
}

// Events outlive the process, page by page, the newest first, and none of them can be
// read on a stolen disk.
func TestEventsStay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "access")
	key := seal.Files{Key: seal.Key{1}}
	if p, err := access.New(dir, key).Page(0); err != nil || len(p.Events) != 0 {
		t.Fatalf("before anything was noted: %v, %v", p, err)
	}
	note(t, access.New(dir, key), 1, 150)
	note(t, access.New(dir, key), 151, 450)
	l := access.New(dir, key)
	p, err := l.Page(0)
	if err != nil || len(p.Events) != 50 || p.Events[0].At != 450 || p.Newer != 0 {
		t.Fatalf("newest page: %d events from %v, %v", len(p.Events), p.Events[:1], err)
	}
	p, err = l.Page(p.Older)
	if err != nil || len(p.Events) != 200 || p.Events[0].At != 400 || p.Newer == 0 {
		t.Fatalf("page before it: %d events, %v", len(p.Events), err)
	}
	all, err := l.All()
	if err != nil || len(all) != 450 || all[449].At != 1 {
		t.Fatalf("all: %d, %v", len(all), err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "00000001.json"))
	if err != nil || !seal.Sealed(raw) {
		t.Fatalf("the file is not sealed: %v", err)
	}
}

// A file that rotted is shown as such, hides no other one, and is not written over.
func TestARottenFileIsKept(t *testing.T) {
	dir := t.TempDir()
	note(t, access.New(dir, seal.Files{}), 1, 250)
	newest := filepath.Join(dir, "00000002.json")
	if err := os.WriteFile(newest, []byte("rot"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := access.New(dir, seal.Files{})
	note(t, l, 251, 251)
	p, err := l.Page(0)
	if err != nil || len(p.Events) != 1 || p.Events[0].At != 251 {
		t.Fatalf("after the rot: %v, %v", p.Events, err)
	}
	if p, err = l.Page(p.Older); err != nil || !p.Broken {
		t.Fatalf("the rotten page: %v, %v", p, err)
	}
	if b, err := os.ReadFile(newest); err != nil || string(b) != "rot" {
		t.Fatalf("the rotten file: %q, %v", b, err)
	}
	if all, err := l.All(); err == nil || len(all) != 201 {
		t.Fatalf("all: %d, %v", len(all), err)
	}
}

// What cannot be kept is an error: whoever asked shows nothing then.
func TestWhatCannotBeKeptIsAnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := access.New(dir, seal.Files{}).Note(access.Event{}); err == nil {
		t.Error("noted in a directory that cannot be made")
	}
}

// The oldest go when there are too many, so that the disk never fills with them.
func TestTheOldestGo(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"00000001.json", "00000002.json", "00000700.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("[]"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := access.New(dir, seal.Files{})
	note(t, l, 1, 201)
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 || list[0].Name() != "00000700.json" {
		t.Fatalf("left: %v, %v", list, err)
	}
}
