package store

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"shangu/sync/digest"
)

// loseDocs closes a store, deletes its documents and opens it again.
func loseDocs(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.files.dir, dirDocs)); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.files.dir, s.o)
	if s.Status().Rebuilt == "" {
		t.Fatal("it does not say that it was rebuilt")
	}
	sound(t, s)
	return s
}

// standing is what the page says of a store.
type standing struct {
	safe, pending uint64
	days, held    int
	digest        digest.Set
}

func stands(t testing.TB, s *Store) standing {
	t.Helper()
	st := s.Status()
	d, err := s.Days()
	if err != nil {
		t.Fatal(err)
	}
	return standing{st.Safe, st.Pending, d.Total, d.Safe(), s.Digest()}
}

func (a standing) same(t testing.TB, when string, b standing) {
	t.Helper()
	if a.safe != b.safe || a.pending != b.pending || a.days != b.days || a.held != b.held {
		t.Errorf("%s: before %d safe, %d waiting, %d of %d days; after %d safe, %d waiting, %d of %d days",
			when, a.safe, a.pending, a.held, a.days, b.safe, b.pending, b.held, b.days)
	}
	if !maps.Equal(a.digest, b.digest) {
		t.Errorf("%s: documents are not what they were", when)
	}
}

// pastEpochs makes a store with two epochs behind it, something pending in each
// when it ended, and with what waits now.
func pastEpochs(t testing.TB, h **modelHub) *Store {
	s := open(t, t.TempDir(), Options{SegmentSize: 4 << 10})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	for epoch := range 3 {
		for day := range 10 {
			save(t, s, sheet(10*epoch+day, 1, 4, 5), sheet(day, 2, 1+epoch))
		}
		drain(t, h, s)
		save(t, s, sheet(10*epoch, 3, 1+epoch), sheet(3, 3, 1+epoch))
		if epoch == 2 {
			break
		}
		if err := s.Rechain(s.Confirmed().Seq); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Documents that are rebuilt are what they were, of every epoch, at once: what
// was called safe stays so, and what waited waits.
func TestRebuildKeepsWhatIsSafe(t *testing.T) {
	h := newModelHub()
	s := pastEpochs(t, &h)
	was := stands(t, s)
	if was.safe != 64 || was.pending != 2 || was.days != 30 || was.held != 28 {
		t.Fatalf("%+v", was)
	}
	s = loseDocs(t, s)
	was.same(t, "lost", stands(t, s))
	// A directory of v0.3.0 does not say how far the hub held earlier epochs.
	s.ident.Parted = nil
	if err := s.files.write(fileEpoch, s.ident); err != nil {
		t.Fatal(err)
	}
	s = loseDocs(t, s)
	was.same(t, "lost, as v0.3.0 left it", stands(t, s))
	if err := s.repair(errRepair); err != nil {
		t.Fatal(err)
	}
	was.same(t, "repaired", stands(t, s))
	drain(t, &h, s)
	if n := s.Status().Safe; n != 66 {
		t.Errorf("%d entries are safe", n)
	}
}

// A rebuild that the power cut begins again.
func TestRebuildThatWasNotFinishedBeginsAgain(t *testing.T) {
	h := newModelHub()
	s := pastEpochs(t, &h)
	was := stands(t, s)
	s.mu.Lock()
	b := s.batch()
	s.st.Unfinished = true
	for k := range s.pending {
		if err := b.setConfirmed(k, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	s.mu.Unlock()
	s = reopen(t, s)
	if s.Status().Rebuilt == "" {
		t.Error("half a rebuild is taken for a whole one")
	}
	was.same(t, "cut", stands(t, s))
}

// Documents that fall back at a power cut to what they were before the hub
// confirmed what it holds, or before an epoch ended, lack nothing of it, and
// nothing that was called safe waits again.
func TestDocumentsThatFallBackKeepWhatIsSafe(t *testing.T) {
	for name, later := range map[string]bool{"in the same epoch": false, "to an earlier epoch": true} {
		h := newModelHub()
		s := open(t, t.TempDir(), Options{SegmentSize: 4 << 10})
		if err := s.SetHome(homeSchool); err != nil {
			t.Fatal(err)
		}
		for day := range 10 {
			save(t, s, sheet(day, 1, 4))
		}
		docs, image := filepath.Join(s.files.dir, dirDocs), t.TempDir()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(image, os.DirFS(docs)); err != nil {
			t.Fatal(err)
		}
		s = open(t, s.files.dir, s.o)
		drain(t, &h, s)
		for round := 0; later && round < 2; round++ {
			if err := s.Rechain(s.Confirmed().Seq); err != nil {
				t.Fatal(err)
			}
			save(t, s, sheet(3, 1, 5+round), sheet(20+round, 1))
			drain(t, &h, s)
		}
		was := stands(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(docs); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(docs, os.DirFS(image)); err != nil {
			t.Fatal(err)
		}
		s = open(t, s.files.dir, s.o)
		if s.Status().Rebuilt != "" {
			t.Fatalf("%s: rebuilt: %s", name, s.Status().Rebuilt)
		}
		sound(t, s)
		was.same(t, name, stands(t, s))
		drain(t, &h, s)
	}
}
