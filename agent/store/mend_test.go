package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// spoil makes the hub lose things that it gave receipts for: whole documents,
// fields, and the newest values of fields.
func (h *modelHub) spoil(r *rand.Rand, before *modelHub, n int) (spoilt []docKey) {
	keys := slices.Sorted(maps.Keys(h.docs))
	for range n {
		k := keys[r.IntN(len(keys))]
		m := h.docs[k]
		if m == nil || m.doc.Kind != schema.KindSheet {
			continue
		}
		spoilt = append(spoilt, k)
		switch old := before.docs[k]; r.IntN(3) {
		case 0:
			delete(h.docs, k)
		case 1:
			d := *m.doc
			i := r.IntN(len(d.Cells))
			d.Cells = slices.Delete(slices.Clone(d.Cells), i, i+1)
			m.doc = &d
		case 2:
			if old == nil {
				delete(h.docs, k)
				continue
			}
			m.doc = old.doc
		}
	}
	return spoilt
}

// Whatever the hub loses of what it gave receipts for, and whatever a store
// loses of what it confirmed, nothing that a clerk saved is gone after the next
// session: the digests differ, the day is named, and it is sent or fetched.
func TestWhatEitherSideLostComesBack(t *testing.T) {
	seeds, first := uint64(3), uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		first = n
	}
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		seeds = 300
	}
	trials, lost, resent, fetched := 0, 0, 0, 0
	for seed := first; seed < first+seeds; seed++ {
		r := rand.New(rand.NewPCG(seed, 3))
		h := newModelHub()
		stores := []*Store{open(t, t.TempDir(), Options{Device: [16]byte{1}}), open(t, t.TempDir(), Options{Device: [16]byte{2}})}
		want := map[docKey]string{}
		write := func(n int) {
			for range n {
				who := r.IntN(2)
				e := sheet(r.IntN(20), 1+who, 4, 5)
				text := fmt.Sprint("n", r.Uint32())
				e.Fields = append(e.Fields, note(text))
				save(t, stores[who], e)
				want[keyOf("", e.Kind, e.ID)] = text
			}
		}
		for _, s := range stores {
			if err := s.SetHome(homeSchool); err != nil {
				t.Fatal(err)
			}
		}
		write(40)
		bad := sheet(19, 3)
		bad.Fields = append(bad.Fields, FieldEdit{Key: schema.Key{Num: schema.SheetNote}, Value: badNote})
		save(t, stores[0], bad) // must not be sent again
		drain(t, &h, stores...)
		before := h.backup()
		write(20)
		if r.IntN(2) == 0 { // receipts of an earlier epoch count too
			if err := stores[0].Rechain(stores[0].Confirmed().Seq); err != nil {
				t.Fatal(err)
			}
		}
		drain(t, &h, stores...)
		entries := stores[0].Status().Safe + stores[1].Status().Safe

		hit := h.spoil(r, before, 1+r.IntN(6))
		trials += len(hit)
		drain(t, &h, stores...)
		if s := stores[0].Status(); s.Quarantined != 1 {
			t.Errorf("seed %d: %d entries in quarantine", seed, s.Quarantined)
		}
		resent += int(stores[0].Status().Safe + stores[1].Status().Safe - entries)

		s := stores[r.IntN(2)]
		hurt := hurtStore(t, s, r)
		trials += hurt
		fetched += hurt
		drain(t, &h, stores...)
		if s = reopen(t, s); s.Status().Rebuilt != "" {
			t.Errorf("seed %d: rebuilt: %s", seed, s.Status().Rebuilt)
		}
		for k, text := range want {
			_, _, id := k.parts()
			d := h.docs[k]
			if d == nil || d.doc.Value(schema.SheetNote).Text() != text {
				lost++
				t.Errorf("seed %d: sheet %s is not at the hub as it was saved", seed, id)
			}
		}
		days, err := s.Days()
		if err != nil || days.Safe() != days.Total || days.Total == 0 || days.Checked == 0 || len(days.Mended) == 0 {
			t.Errorf("seed %d: %+v %v", seed, days, err)
		}
	}
	if resent == 0 || fetched == 0 {
		t.Error("nothing was sent or fetched again: the test proves nothing")
	}
	t.Logf("drill: trials=%d lost=%d saw=resent=%d,fetched=%d,seeds=%d..%d", trials, lost, resent, fetched, first, first+seeds-1)
}

// hurtStore changes confirmed documents of a store in Badger, digests and all.
func hurtStore(t testing.TB, s *Store, r *rand.Rand) (n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batch()
	var keys []docKey
	for day := range 20 {
		for class := 1; class < 3; class++ {
			keys = append(keys, keyOf("", schema.KindSheet, sheet(day, class).ID))
		}
	}
	for range 1 + r.IntN(4) {
		k := keys[r.IntN(len(keys))]
		l, err := b.get(k)
		if err != nil {
			t.Fatal(err)
		}
		if l.conf == nil {
			continue
		}
		n++
		var d *change.Doc
		if r.IntN(2) == 0 {
			if d, err = frame.DecodeDoc(frame.AppendDoc(nil, l.conf)); err != nil {
				t.Fatal(err)
			}
			d.Cells[r.IntN(len(d.Cells))].Value = schema.Int(1)
		}
		if err := b.setConfirmed(k, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	return n
}

// A day waits while a record of it does, and is safe after the session; the
// receipts name each entry's own, through starts, rebuilds and epochs.
func TestDaysAndReceipts(t *testing.T) {
	h := newModelHub()
	s := open(t, t.TempDir(), Options{Device: [16]byte{1}})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	for day := range 3 {
		save(t, s, sheet(day, 1, 4))
		drain(t, &h, s)
	}
	save(t, s, sheet(1, 2), sheet(3, 1))
	check := func(total, safe, waiting int) {
		t.Helper()
		d, err := s.Days()
		if err != nil || d.Total != total || d.Safe() != safe || len(d.Waiting) != waiting || len(d.Differing) != 0 {
			t.Errorf("%+v %v, expected %d, %d safe, %d waiting", d, err, total, safe, waiting)
		}
	}
	check(4, 2, 2)
	s = reopen(t, s)
	check(4, 2, 2)
	drain(t, &h, s)
	check(4, 4, 0)
	old := s.ident.chain()
	if err := s.Rechain(s.Confirmed().Seq); err != nil {
		t.Fatal(err)
	}
	save(t, s, sheet(4, 1))
	drain(t, &h, s)
	if v, err := s.Verify(false); err != nil || len(v.Problems) > 0 {
		t.Fatal(v, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(s.files.dir + "/" + dirDocs); err != nil { // a rebuild
		t.Fatal(err)
	}
	s = open(t, s.files.dir, s.o)
	rs, err := s.Receipts()
	if err != nil {
		t.Fatal(err)
	}
	for seq, tip := range map[uint64]uint64{1: 1, 2: 2, 3: 3, 4: 5, 5: 5, 6: 0} {
		r, ok := rs.For(change.Ref{Chain: old, Seq: seq})
		if ok != (tip != 0) || r.Tip.Seq != tip || ok && !r.Verify(receiptPublic(), testCluster) {
			t.Errorf("entry %d: %v %+v, expected the receipt up to %d", seq, ok, r, tip)
		}
	}
	if r, ok := rs.For(change.Ref{Chain: s.ident.chain(), Seq: 1}); !ok || r.Tip.Seq != 1 {
		t.Errorf("new epoch: %+v %v", r, ok)
	}
	day, _ := schema.DocDate(schema.KindSheet, sheet(1, 1).ID, nil)
	drain(t, &h, s)
	kept, err := s.Day(day, rs)
	if err != nil || len(kept) != 2 || kept[0].Ref != (change.Ref{Chain: old, Seq: 2}) || kept[1].Ref.Seq != 4 || kept[0].Pending || kept[0].By == "" {
		t.Errorf("%+v %v", kept, err)
	}
}

// A hub restored from a backup knows nothing of later receipts: they no longer
// count, and what is sent again gets new ones.
func TestReceiptsAreWithdrawn(t *testing.T) {
	h := newModelHub()
	s := open(t, t.TempDir(), Options{Device: [16]byte{1}})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	var kept *modelHub
	for day := range 4 {
		save(t, s, sheet(day, 1, 4))
		drain(t, &h, s)
		if day == 1 {
			kept = h.backup()
		}
	}
	h = kept
	save(t, s, sheet(9, 1))
	l := &link{hub: &h, device: s.o.Device, now: s.o.Now().Unix()}
	if _, err := l.sync(s); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	rs, err := s.Receipts()
	if err != nil {
		t.Fatal(err)
	}
	for seq, tip := range map[uint64]uint64{1: 1, 2: 2, 3: 5, 4: 5, 5: 5} {
		if r, ok := rs.For(change.Ref{Chain: s.ident.chain(), Seq: seq}); !ok || r.Tip.Seq != tip {
			t.Errorf("entry %d: %+v %v, expected the receipt up to %d", seq, r, ok, tip)
		}
	}
	if r := s.Status().Receipt; r.Tip.Seq != 5 {
		t.Errorf("last receipt %+v", r)
	}
}
