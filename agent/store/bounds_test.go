package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/disk"
	"shangu/sync/frame"
)

// A pack table that is larger than a value may be grows entry by entry, goes back
// with a hub that comes from a backup, and is put aside with its epoch.
func TestLargePackTable(t *testing.T) {
	h := newModelHub()
	s := open(t, t.TempDir(), Options{memTable: 512 << 10})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	var kept *modelHub
	for round := range 5 {
		if round == 4 {
			kept = h.backup()
		}
		var edits []Edit
		for i := range 1100 {
			e := sheet(i%3, 1)
			e.Fields = append(e.Fields, note(fmt.Sprintf("%d %s", 1100*round+i, strings.Repeat("n", 245))))
			edits = append(edits, e)
		}
		save(t, s, edits...)
		drain(t, &h, s)
	}
	if n := len(s.table.AppendSince(0)); n < 5<<18 {
		t.Fatalf("a table of %d bytes shows nothing", n)
	}
	h = kept
	save(t, s, sheet(5, 1))
	drain(t, &h, s)
	if s = reopen(t, s); s.Status().Rebuilt != "" {
		t.Fatal("rebuilt: ", s.Status().Rebuilt)
	}
	s = loseDocs(t, s)
	if err := s.Rechain(s.Confirmed().Seq); err != nil {
		t.Fatal(err)
	}
	save(t, s, sheet(6, 1))
	if s = reopen(t, s); s.Status().Rebuilt != "" {
		t.Fatal("rebuilt: ", s.Status().Rebuilt)
	}
	drain(t, &h, s)
}

// countedDisk counts syncs.
type countedDisk struct {
	disk.FS
	syncs *int
}

type countedFile struct {
	disk.File
	syncs *int
}

func (d countedDisk) Open(name string, create bool) (disk.File, error) {
	f, err := d.FS.Open(name, create)
	return countedFile{f, d.syncs}, err
}

func (f countedFile) Datasync() error {
	*f.syncs++
	return f.File.Datasync()
}

// A hub that lost all of a school's visits with their long texts and a month of
// sheets gets them again in entries that it takes, which are saved together.
func TestMuchThatTheHubLostIsSentAgain(t *testing.T) {
	h := newModelHub()
	syncs := 0
	s := open(t, "d", Options{
		Disk: countedDisk{disk.NewSim(1), &syncs}, InMemory: true, memTable: 1 << 20,
		Now: func() time.Time { return time.Unix(1_790_000_000, 0) },
	})
	if err := s.SetHome(homeSchool); err != nil {
		t.Fatal(err)
	}
	names := make([]schema.Value, 100)
	for i := range names {
		names[i] = schema.Str(strings.Repeat("王", 40))
	}
	for i := range 30 {
		e := Edit{Kind: schema.KindVisit, ID: schema.NewID(s.ident.chain(), uint64(i))}
		for _, fields := range [][]FieldEdit{
			{
				{Key: schema.Key{Num: schema.VisitDate}, Value: schema.Int(int64(schema.DateOf(2026, 9, 1) + schema.Date(i)))},
				{Key: schema.Key{Num: schema.VisitHelper}, Value: schema.Str("3199000002")},
				{Key: schema.Key{Num: schema.VisitKind}, Value: schema.Int(1)},
				{Key: schema.Key{Num: schema.VisitNote}, Value: schema.Str(strings.Repeat("做", 2000))},
			},
			{{Key: schema.Key{Num: schema.VisitVisitorNames}, Value: schema.List(names...)}},
		} {
			e.Fields = fields
			save(t, s, e)
		}
	}
	for i := range 600 {
		save(t, s, sheet(i%30, 1+i/30, 4, 5, 6))
	}
	drain(t, &h, s)
	before := s.Status().Safe
	clear(h.docs)
	syncs = 0
	drain(t, &h, s)
	if n := s.Status().Safe - before; n < 630 || n > 900 {
		t.Errorf("%d entries were sent again", n)
	}
	if syncs > 60 {
		t.Errorf("%d syncs", syncs)
	}
	err := readEntries(s.journal, before+1, s.journal.Tip().Seq, func(e *change.Entry, raw []byte) error {
		if len(raw) > frame.MaxEntry {
			return fmt.Errorf("entry %d has %d bytes", e.Seq, len(raw))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if n := len(h.docs); n != 630 {
		t.Errorf("the hub has %d documents", n)
	}
}
