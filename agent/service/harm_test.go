package service

import (
	"crypto/rand"
	"errors"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"shangu/agent/intake"
	"shangu/installer/host/vault"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// TestAnySmallFileMayBeLost empties, cuts, garbles and removes the small files of
// a data directory, one after the other and several at once: the agent opens each
// time, as the same machine of the same school, with what was saved. What it
// cannot do without is there twice.
func TestAnySmallFileMayBeLost(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SHANGU_DRILL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed: SHANGU_DRILL_SEED=%d", seed)
	r := mathrand.New(mathrand.NewPCG(seed, 0x5f11e))
	random := 20
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		random = 1000
	}
	dir := t.TempDir()
	key, err := vault.Open(dir, KeyProbe, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*Agent, error) {
		k, err := vault.Open(dir, KeyProbe, rand.Reader)
		if err != nil {
			return nil, err
		}
		return Open(Options{Dir: dir, Version: "test", Key: k})
	}
	a, err := Open(Options{Dir: dir, Version: "test", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Enrol(t.Context(), []string{"https://127.0.0.1:1"}, token(t, identity.RoleSchool, home)); err != nil {
		t.Fatal(err)
	}
	_, err = a.Import(t.Context(), Import{Kind: intake.Roster, Name: "roster.xlsx", Data: schoolFile(t, "roster.xlsx"), Account: "test"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := a.Status(t.Context())
	if err == nil {
		err = a.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	harms := map[string]func(string) error{
		"removed": os.Remove,
		"emptied": func(p string) error { return os.Truncate(p, 0) },
		"cut": func(p string) error {
			st, err := os.Stat(p)
			if err != nil {
				return err
			}
			return os.Truncate(p, r.Int64N(max(1, st.Size())))
		},
		"garbled": func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil || len(b) == 0 {
				return err
			}
			b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
			return os.WriteFile(p, b, 0o600)
		},
	}
	kinds := []string{"removed", "emptied", "cut", "garbled"}
	lost, trials := 0, 0
	check := func(what string) {
		t.Helper()
		trials++
		a, err := start()
		if err != nil {
			lost++
			t.Fatalf("%s: the agent does not open: %v", what, err)
		}
		got, err := a.Status(t.Context())
		hubs := slices.Clone(a.enrolment.Hubs)
		if err = errors.Join(err, a.Close()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got.Device != want.Device || got.Epoch != want.Epoch || got.Pending != want.Pending || got.Docs != want.Docs || len(hubs) != 1 {
			lost++
			t.Errorf("%s: it is %s %s with %d entries, %d documents and hubs %v; was %s %s, %d, %d", what,
				got.Device, got.Epoch, got.Pending, got.Docs, hubs, want.Device, want.Epoch, want.Pending, want.Docs)
		}
	}
	// The key of the data itself has no copy: it lies where the operating system
	// keeps it, and the vault's tests hold what becomes of it.
	var files []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "docs" || d.Name() == "journal"):
			return fs.SkipDir
		case !d.Type().IsRegular() || name == "vault.key" || strings.Contains(name, "lock") || strings.HasSuffix(name, "ballast"):
			return nil
		}
		files = append(files, path)
		return nil
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %q, %v", len(files), files, err)
	}
	for _, f := range files {
		for _, kind := range kinds {
			if err := harms[kind](f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			check(kind + " " + strings.TrimPrefix(f, dir))
		}
	}
	// A release without copies left none.
	for _, f := range files {
		if strings.HasSuffix(f, seal.CopyEnding) {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, "data", "epoch.json")); err != nil {
		t.Fatal(err)
	}
	check("the epoch's note removed, and no copy")
	for range random {
		var said []string
		hit := map[string]bool{}
		for range 1 + r.IntN(4) {
			f, kind := files[r.IntN(len(files))], kinds[r.IntN(len(kinds))]
			if hit[strings.TrimSuffix(f, seal.CopyEnding)] {
				continue // both copies of one are too much
			}
			hit[strings.TrimSuffix(f, seal.CopyEnding)] = true
			if err := harms[kind](f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			said = append(said, kind+" "+strings.TrimPrefix(f, dir))
		}
		check(strings.Join(said, ", "))
	}
	t.Logf("drill: trials=%d lost=%d saw=%d small files", trials, lost, len(files))
}
