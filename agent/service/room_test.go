package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shangu/agent/web/front"
)

func TestClutterNamesWhatTakesMostRoom(t *testing.T) {
	top := t.TempDir()
	own := filepath.Join(top, "shangu")
	for name, size := range map[string]int64{
		"shangu/data/docs.damaged/1.sst": 3 << 20, "shangu/data/journal/x.seg": 90 << 20, "shangu/agent.log.2": 4 << 20, "shangu/agent.log.3": 10,
		"teachers/films/a/b/c.mp4": 50 << 20, "teachers/films/d.mp4": 20 << 20, "teachers/notes.txt": 5,
	} {
		path := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	ours := ownClutter(own)
	if len(ours) != 2 || ours[0] != (pile{filepath.Join(own, "data", "docs.damaged"), 3 << 20}) || ours[1].size != 4<<20 {
		t.Errorf("of our own: %v", ours)
	}
	for _, p := range clutter(t.Context(), own) {
		if strings.Contains(p.path, "journal") {
			t.Errorf("the journal is to be deleted: %v", p)
		}
	}
	if root, here := volume(own); root == own || here == nil || !strings.HasPrefix(own, root) {
		t.Errorf("the disk of %s is at %s", own, root)
	}
	if got := inWords([]pile{{"/a", 3 << 20}, {"/b", 2 << 30}}); got != "/a (3.0 MB), /b (2.0 GB)" {
		t.Error(got)
	}
}

func TestNoticeSaysWhatToDelete(t *testing.T) {
	a := &Agent{clutter: []pile{{"/home/films", 3 << 30}}}
	n := a.notices(Status{DiskLow: true, DiskFree: 1 << 20, ClockOffset: 600_000})
	if len(n) != 2 || n[0].Level != front.Bad || !strings.Contains(n[0].Text, "/home/films (3.0 GB)") || n[1].Level != front.Warn {
		t.Errorf("%+v", n)
	}
	if n := a.notices(Status{DiskFree: 1 << 40}); len(n) != 0 {
		t.Errorf("%+v", n)
	}
}
