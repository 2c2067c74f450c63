package journal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shangu/sync/disk"
)

var writeGolden = flag.Bool("write-golden", false, "write golden files that do not exist yet; old ones never change")

// A segment, written once, reads for ever: what is in the folders is what an
// agent of the first release has on its disk. Version 1 is plain, version 2
// sealed.
func TestGoldenSegment(t *testing.T) {
	t.Run("v1", func(t *testing.T) { golden(t, "v1", Options{}) })
	t.Run("v2", func(t *testing.T) {
		golden(t, "v2", Options{Key: testKey, Rand: bytes.NewReader(bytes.Repeat([]byte("nonce0123456"), 9))})
	})
}

func golden(t *testing.T, version string, o Options) {
	const dir = "journal"
	fs := disk.NewSim(1)
	o.FS, o.SegmentSize = fs, 4096
	j := createWith(t, dir, o)
	for _, b := range []func(uint64) ([][]byte, error){batch(5), batch(1, 300, 20)} {
		if _, err := j.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	tip := j.Tip()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range fs.Names() {
		got, err := disk.ReadFile(fs, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		size := len(got)
		got = bytes.TrimRight(got, "\x00") // room that was preallocated
		path := filepath.Join("testdata", version, filepath.Base(name)+".golden")
		want, err := os.ReadFile(path)
		if os.IsNotExist(err) && *writeGolden {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			want, err = os.ReadFile(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(got) != strings.TrimSpace(string(want)) {
			t.Errorf("%s: bytes of this version changed:\n%x", path, got)
		}
		fs.Damage(name, func([]byte) []byte { // the golden bytes themselves, on a new disk
			b, err := hex.DecodeString(strings.TrimSpace(string(want)))
			if err != nil {
				t.Fatal(err)
			}
			return append(b, make([]byte, size-len(b))...)
		})
	}
	j, err := Open(dir, testChain, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if j.Tip() != tip || len(contents(t, j)) != 4 {
		t.Errorf("the golden segment reads as %d entries to %v, expected 4 to %v", len(contents(t, j)), j.Tip(), tip)
	}
}
