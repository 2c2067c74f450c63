package stick_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shangu/agent/stick"
	"shangu/schema/text"
	"shangu/sync/bundle"
	"shangu/sync/change"
)

func TestABundleReplacesOlderOnes(t *testing.T) {
	dir := t.TempDir()
	chain := change.ChainID{1, 2, 3, 4}
	name := func(k bundle.Kind, n uint64) string { return bundle.NameOf(k, "2199109015", chain, n).String() }
	for _, f := range []string{name(bundle.Up, 1), "photo.jpg", name(bundle.Down, 1)} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path, err := stick.Put(dir, name(bundle.Up, 2), 6, strings.NewReader("bundle"))
	if err != nil || path != filepath.Join(dir, name(bundle.Up, 2)) {
		t.Fatalf("%s, %v", path, err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if b, _ := os.ReadFile(path); string(b) != "bundle" || len(files) != 3 {
		t.Errorf("%q among %v", b, files)
	}
	// One that came short is none.
	if _, err := stick.Put(dir, name(bundle.Up, 3), 7, strings.NewReader("bundle")); err == nil {
		t.Error("half a bundle was written")
	}
	if _, err := os.Stat(filepath.Join(dir, name(bundle.Up, 3))); err == nil {
		t.Error("half a bundle is there")
	}
	own := bundle.NameOf(bundle.Down, "2199109015", chain, 0)
	if got, err := stick.Replies(dir, own); err != nil || len(got) != 1 || got[0] != filepath.Join(dir, name(bundle.Down, 1)) {
		t.Errorf("replies %v, %v", got, err)
	}
	own.Chain = "00000000"
	if _, err := stick.Replies(dir, own); text.Of(err) == nil || text.Of(err).ID() != "agent.bundle_no_reply" {
		t.Errorf("another machine's reply: %v", err)
	}
}
