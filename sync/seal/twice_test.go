package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Either copy may be lost, emptied, cut short or garbled, sealed or not.
func TestTwiceOutlivesTheLossOfOneCopy(t *testing.T) {
	harms := map[string]func(string) error{
		"gone":    os.Remove,
		"empty":   func(p string) error { return os.Truncate(p, 0) },
		"cut":     func(p string) error { return os.Truncate(p, 9) },
		"garbled": func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte{0x5a}, 300), 0o600) },
	}
	key, err := NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte(`{"value":1}`)
	sound := func(b []byte) error {
		if !bytes.HasPrefix(b, []byte(`{"value":`)) || !bytes.HasSuffix(b, []byte("}")) {
			return errors.New("not sound")
		}
		return nil
	}
	for _, k := range []Key{{}, key} {
		two := Twice{Files{k}, sound}
		for name, harm := range harms {
			for _, ending := range []string{"", CopyEnding} {
				t.Run(fmt.Sprintf("sealed %v, %s%s", !k.IsZero(), name, ending), func(t *testing.T) {
					path := filepath.Join(t.TempDir(), "f")
					if err := two.Write(path, want, 0o600); err != nil {
						t.Fatal(err)
					}
					if err := harm(path + ending); err != nil {
						t.Fatal(err)
					}
					for range 2 { // the second time from what was made good
						if got, err := two.Read(path); err != nil || !bytes.Equal(got, want) {
							t.Fatalf("%q, %v", got, err)
						}
					}
					for _, p := range []string{path, path + CopyEnding} {
						if got, err := two.Files.Read(p); err != nil || !bytes.Equal(got, want) {
							t.Errorf("%s: %q, %v", filepath.Base(p), got, err)
						}
					}
					if err := errors.Join(harm(path), harm(path+CopyEnding)); err != nil {
						t.Fatal(err)
					}
					if got, err := two.Read(path); err == nil || errors.Is(err, fs.ErrNotExist) != (name == "gone") {
						t.Errorf("both: %q, %v", got, err)
					}
				})
			}
		}
	}
}
