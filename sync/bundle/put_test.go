package bundle

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/disk"
)

// Names keep to what every FAT can hold, and say nothing of anybody.
func TestNames(t *testing.T) {
	fat := regexp.MustCompile(`^[0-9a-z][0-9a-z.-]{0,60}$`)
	for _, school := range []string{"2199109001", "ABC-12/..\\x", "山谷小学", "", strings.Repeat("9", 99), "CON"} {
		for _, kind := range []Kind{Up, Down} {
			n := NameOf(kind, school, change.ChainID{0xab, 0xcd}, 12)
			s := n.String()
			if !fat.MatchString(s) || len(s)+len(disk.PartEnding) > 80 {
				t.Errorf("%q", s)
			}
			for _, typed := range []string{s, strings.ToUpper(s)} {
				if got, ok := ParseName(typed); !ok || got != n {
					t.Errorf("%q: %+v, %v", typed, got, ok)
				}
			}
		}
	}
	files := []string{
		"._2199109001-abcd0000-000001.sgup", "2199109001-abcd0000-000010.sgup", "2199109001-ABCD0000-000002.SGUP", ".Trashes",
		"System Volume Information", "2199109001-abcd0000-000003.sgup.part", "期末成绩.xlsx", "2199109001-abcd0000-000003.sgdn", "1-00000000-000001.sgup",
	}
	want := []string{"1-00000000-000001.sgup", "2199109001-ABCD0000-000002.SGUP", "2199109001-abcd0000-000010.sgup"}
	if got := Pick(files, Up); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

// seed is SHANGU_DRILL_SEED, or by the clock.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("SHANGU_DRILL_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed: SHANGU_DRILL_SEED=%d", n)
	return n
}

// Whenever the power goes while a bundle is written, the new one is whole or
// not there, and one that was there before is still there unless the new one is.
func TestPutSurvivesCuts(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(seed(t), 0))
	trials, lost := 600, 0
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		trials = 60_000
	}
	name := func(n uint64) string { return NameOf(Up, "2199109001", change.ChainID{1}, n).String() }
	cuts, kept, renewed := 0, 0, 0
	for trial := range trials {
		s := disk.NewSim(r.Uint64())
		if err := s.SyncDir("stick"); err != nil {
			t.Fatal(err)
		}
		old, fresh := make([]byte, r.IntN(3000)), make([]byte, r.IntN(200_000))
		rand.Read(old)
		rand.Read(fresh)
		put := func(n uint64, data []byte) error {
			err := Put(s, filepath.Join("stick", name(n)), func(w io.Writer) error {
				for part := data; len(part) > 0; {
					k := min(len(part), 1+r.IntN(60_000))
					if _, err := w.Write(part[:k]); err != nil {
						return err
					}
					part = part[k:]
				}
				return nil
			})
			if err == nil {
				err = Sweep(s, "stick", name(n))
			}
			return err
		}
		if err := put(1, old); err != nil {
			t.Fatal(err)
		}
		s.CutAfter(1 + r.IntN(13))
		err := put(2, fresh)
		if err != nil && !errors.Is(err, disk.ErrCut) {
			t.Fatal(err)
		}
		if s.CutAfter(-1); err != nil {
			cuts++
			s.Boot()
		}
		read := func(n uint64) []byte {
			b, err := disk.ReadFile(s, filepath.Join("stick", name(n)), 1<<20)
			if err != nil {
				return nil
			}
			return append([]byte{}, b...)
		}
		a, b := read(1), read(2)
		switch {
		case b != nil && !bytes.Equal(b, fresh):
			lost++
			t.Errorf("trial %d: half a new file", trial)
		case a != nil && !bytes.Equal(a, old):
			lost++
			t.Errorf("trial %d: the old file was damaged", trial)
		case a == nil && b == nil:
			lost++
			t.Errorf("trial %d: neither is there", trial)
		case b != nil:
			renewed++
		default:
			kept++
		}
	}
	if cuts < trials/4 || kept == 0 || renewed == 0 {
		t.Errorf("%d cuts, %d old ones kept, %d new", cuts, kept, renewed)
	}
	t.Logf("drill: trials=%d lost=%d saw=%s", cuts, lost, fmt.Sprintf("writes cut %d, new file there %d, old kept %d", cuts, renewed, kept))
}

func TestStickErrorsHaveWords(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.sgup")
	failing := func(err error) error {
		return Put(disk.OS, file, func(io.Writer) error { return err })
	}
	for id, err := range map[string]error{
		"bundle.stick_full":   failing(disk.ErrFull),
		"bundle.stick_locked": failing(os.ErrPermission),
		"bundle.stick_failed": failing(errors.New("gone")),
		"bundle.no_dir":       Put(disk.OS, filepath.Join(dir, "none", "x.sgup"), func(io.Writer) error { return nil }),
	} {
		if text.Of(err) == nil || text.Of(err).ID() != id {
			t.Errorf("%s: %v", id, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if path, folder := Place(dir, "n"); path != filepath.Join(dir, "n") || !folder {
		t.Error(path, folder)
	}
	if path, folder := Place(file, "n"); path != file || folder {
		t.Error(path, folder)
	}
}
