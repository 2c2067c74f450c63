package gate

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/frame/frametest"
	"shangu/sync/link"
	"shangu/sync/session"
)

// school is an agent's store in memory: entries, what the hub has confirmed of
// them, and the documents that follow.
type school struct {
	*device
	chain     change.ChainID
	entries   []*change.Entry
	tips      []frame.Tip // tips[i] is the chain's end after i entries
	confirmed frame.Tip
	table     *frame.Table // at the confirmed tip
	cursor    uint64
	docs      map[session.DocKey]*change.Doc
	set       digest.Set
	writer    *frametest.Writer
	days      int
	tables    map[uint64]*frame.Table // after each pack that was made, by its last entry
	confirms  []uint64                // seq of each receipt

	hub *district         // where it is enrolled, for tests that look there
	by  session.Transport // in place of the link alone, if set
}

func newSchool(d *device) *school {
	s := &school{device: d, chain: frame.ChainOf(d.key.Device(), d.epoch), table: frame.NewTable(),
		docs: map[session.DocKey]*change.Doc{}, set: digest.Set{}, tables: map[uint64]*frame.Table{}}
	s.confirmed = frame.Genesis(s.chain)
	s.tips = []frame.Tip{s.confirmed}
	return s
}

// day is one school day of 12 classes of 40 pupils.
func (s *school) day(t testing.TB) {
	t.Helper()
	made := schooltest.New(7, schooltest.Shape{Code: schoolA, Classes: 12, Pupils: 480})
	if s.writer == nil {
		s.writer = frametest.NewWriter(s.key.Device(), s.epoch, "班主任")
	}
	days := made.Term(7, schooltest.SchoolDays(s.days+1), schooltest.Plan{Exceptions: 43 * (s.days + 1), Visits: s.days + 1})
	s.save(&days[s.days])
	s.days++
}

// term plans n school days, for save.
func (s *school) term(n int) []schooltest.Day {
	made := schooltest.New(7, schooltest.Shape{Code: schoolA, Classes: 12, Pupils: 480})
	s.writer = frametest.NewWriter(s.key.Device(), s.epoch, "班主任")
	return made.Term(7, schooltest.SchoolDays(n), schooltest.Plan{Exceptions: 43 * n, Visits: n})
}

func (s *school) save(d *schooltest.Day) {
	s.entries = append(s.entries, s.writer.Day(d)...)
	for _, e := range s.entries[len(s.tips)-1:] {
		s.tips = append(s.tips, s.tips[len(s.tips)-1].Next(frame.AppendEntry(nil, s.chain, e)))
	}
}

func (s *school) sync(ctx context.Context, l *link.Link) (session.Report, error) {
	var way session.Transport = l
	if s.by != nil {
		way = s.by
	}
	r, err := session.Run(ctx, s, way, session.Options{Cluster: s.cr.Cluster, Key: s.cr.ReceiptKey(), Budget: l.Budget})
	if r.HubTime != 0 {
		l.Trust(time.Unix(r.HubTime, 0))
	}
	return r, errors.Join(err, l.Rest())
}

func (s *school) Heartbeat() session.Heartbeat {
	return session.Heartbeat{At: time.Now().Unix(), Boot: 3, Up: 3600, Pending: uint64(len(s.entries)) - s.confirmed.Seq,
		DiskFree: 20000, Version: "1.0.0"}
}

func (s *school) Chain() (change.ChainID, [16]byte) { return s.chain, s.epoch }
func (s *school) Confirmed() frame.Tip              { return s.confirmed }
func (s *school) Cursor() uint64                    { return s.cursor }
func (s *school) Root() digest.Sum                  { return s.set.Root() }
func (s *school) Buckets() (digest.Set, error)      { return s.set, nil }

func (s *school) TipAt(seq uint64) (frame.Tip, bool) {
	if seq >= uint64(len(s.tips)) {
		return frame.Tip{}, false
	}
	return s.tips[seq], true
}

// Pack packs as many entries as fit; 0 is no bound.
func (s *school) Pack(budget int) ([]byte, uint64, error) {
	rest := s.entries[s.confirmed.Seq:]
	rest = rest[:min(len(rest), frame.MaxPackEntries)]
	if budget > 0 {
		rest = rest[:min(len(rest), max(1, budget/8))] // an entry is rarely smaller
	}
	for len(rest) > 0 {
		packed := s.table.Clone()
		pack, err := frame.PackEntries(packed, s.chain, s.confirmed, rest)
		if err != nil || budget == 0 || len(pack) <= budget || len(rest) == 1 {
			last := s.confirmed.Seq + uint64(len(rest))
			s.tables[last] = packed
			return pack, last, err
		}
		rest = rest[:max(1, min(len(rest)*budget/len(pack), len(rest)-1))]
	}
	return nil, 0, nil
}

func (s *school) Confirm(r session.Receipt, verdicts []session.Verdict, clock change.Clock) error {
	if len(verdicts) > 0 {
		return fmt.Errorf("entry %d: outcome %d, %s", verdicts[0].Seq, verdicts[0].Outcome, verdicts[0].Reason)
	}
	for _, e := range s.entries[s.confirmed.Seq:r.Tip.Seq] {
		k := session.DocKey{Kind: e.Kind, ID: e.ID}
		d, _ := change.Merge(s.docs[k], e, change.Author{Chain: s.chain, Role: schema.RoleHost, Clock: clock})
		s.put(k, d)
	}
	// The response to an earlier push may have been lost.
	if s.table = s.tables[r.Tip.Seq]; s.table == nil {
		return fmt.Errorf("a receipt for entry %d, at which no pack ended", r.Tip.Seq)
	}
	s.confirmed = r.Tip
	s.confirms = append(s.confirms, r.Tip.Seq)
	return nil
}

func (s *school) put(k session.DocKey, d *change.Doc) {
	s.set.Replace(s.docs[k], d)
	s.docs[k] = d
}

func (s *school) Absorb(d session.Delta) error {
	for _, doc := range d.Docs {
		k := session.DocKey{Scope: doc.Scope, Kind: doc.Kind, ID: doc.ID}
		if k.Scope == s.cr.School {
			k.Scope = ""
		}
		s.put(k, doc)
	}
	s.cursor = d.Cursor
	return nil
}

var errUnexpected = errors.New("the hub lost what it acknowledged")

func (s *school) Rewind(frame.Tip) error                     { return errUnexpected }
func (s *school) Rechain(uint64) error                       { return errUnexpected }
func (s *school) Replace(digest.Bucket, []*change.Doc) error { return errUnexpected }

func (s *school) Compared(differ []digest.Bucket) error {
	if len(differ) > 0 {
		return errUnexpected
	}
	return nil
}
