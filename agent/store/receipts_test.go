package store

import (
	"os"
	"path/filepath"
	"testing"

	"shangu/sync/change"
)

// garble harms the first receipt of a chain: later ones say that it was safe, so
// that it is damage and no torn save.
func garble(t *testing.T, s *Store, chain change.ChainID) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.files.receipts(chain), "*.seg"))
	if err != nil || len(names) == 0 {
		t.Fatal("no receipts", err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	b[72+40] ^= 1
	if err := os.WriteFile(names[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Receipts that rotted are put aside, of the present epoch and of earlier ones.
// Nothing that was safe waits for them, sessions go on, and the next one brings a
// receipt for all that the hub holds of the present chain.
func TestDamagedReceiptsAreFetchedAgain(t *testing.T) {
	h := newModelHub()
	s := open(t, t.TempDir(), Options{})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	old, _ := s.Chain()
	for epoch := range 2 {
		for day := range 4 {
			save(t, s, sheet(10*epoch+day, 1, 4))
			drain(t, &h, s)
		}
		if epoch == 0 {
			if err := s.Rechain(s.Confirmed().Seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	was := stands(t, s)
	for _, chain := range []change.ChainID{old, s.ident.chain()} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		garble(t, s, chain)
		s = open(t, s.files.dir, s.o)
		if chain != old && s.Status().Receipt.Sig != nil {
			t.Fatal("the damage is too kind")
		}
		was.same(t, "damaged", stands(t, s))
		delete(h.docs, keyOf("", sheet(0, 1).Kind, sheet(2, 1).ID)) // so that receipts are asked for
		drain(t, &h, s)
		rs, err := s.Receipts()
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= 4; seq++ {
			r, ok := rs.For(change.Ref{Chain: s.ident.chain(), Seq: seq})
			if !ok || !r.Verify(receiptPublic(), testCluster) {
				t.Errorf("entry %d has no receipt", seq)
			}
		}
		was = stands(t, s)
	}
	if s = reopen(t, s); s.Status().Receipt.Sig == nil {
		t.Error("the receipt that came again was not kept")
	}
	drain(t, &h, s) // the first session after a start
	kept := s.receipts.Tip().Seq
	drain(t, &h, s)
	if n := s.receipts.Tip().Seq; n != kept {
		t.Errorf("sessions without news wrote %d receipts", n-kept)
	}
}
