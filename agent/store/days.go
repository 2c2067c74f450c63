package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
)

// Days says which days' records the hub holds for sure.
type Days struct {
	Total     int           // days that this school has records of
	Waiting   []schema.Date // with records that the hub has given no receipt for
	Differing []schema.Date // in months whose digests differed at the last session, and were not mended
	Checked   int64         // when digests agreed last, unix seconds by this machine; 0: never
	Mended    []Mend        // days that differed and were mended, the latest last
}

// Mend is a day on which school and hub held different records.
type Mend struct {
	Day  schema.Date `json:"day"`
	At   int64       `json:"at"`             // unix seconds by this machine
	Sent bool        `json:"sent,omitempty"` // the hub lacked something; else it was this computer
}

// maxMends is how many mended days are remembered.
const maxMends = 32

// Safe is the number of days of which all records are safe.
func (d *Days) Safe() int {
	unsafe := map[schema.Date]bool{}
	for _, list := range [][]schema.Date{d.Waiting, d.Differing} {
		for _, day := range list {
			unsafe[day] = true
		}
	}
	return d.Total - len(unsafe)
}

// check is what the last comparison of digests came to.
type check struct {
	At     int64    `json:"at,omitempty"`     // when they agreed
	Differ []string `json:"differ,omitempty"` // months that did not, not mended yet
	Mended []Mend   `json:"mended,omitempty"`
}

// dayOf is the day that a document of this school is about.
func dayOf(d *change.Doc) (schema.Date, bool) {
	if d == nil || d.Scope != "" {
		return 0, false
	}
	return schema.DocDate(d.Kind, d.ID, d.Lookup)
}

// Days says how the days stand. It costs as much as there is pending.
func (s *Store) Days() (Days, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.broken != nil {
		return Days{}, s.broken
	}
	out := Days{Total: len(s.seen.days), Checked: s.st.Check.At, Mended: slices.Clone(s.st.Check.Mended)}
	waiting := map[schema.Date]bool{}
	for k := range s.pending {
		scope, kind, id := k.parts()
		if scope != "" || !s.waiting(k) {
			continue
		}
		day, ok := schema.Date(0), false
		switch kind {
		case schema.KindSheet:
			day, ok = schema.DocDate(kind, id, nil)
		case schema.KindVisit, schema.KindTraining, schema.KindInspection:
			l, err := s.readLayers(k)
			if err != nil {
				return Days{}, fmt.Errorf("count days: %w", err)
			}
			day, ok = dayOf(l.seen())
		}
		if ok {
			waiting[day] = true
		}
	}
	out.Waiting = slices.Sorted(maps.Keys(waiting))
	for day := range s.seen.days {
		if slices.Contains(s.st.Check.Differ, day.Month()) {
			out.Differing = append(out.Differing, day)
		}
	}
	slices.Sort(out.Differing)
	return out, nil
}

// Compared notes what a comparison of digests with the hub came to: the buckets
// that differ, none when all agree.
func (s *Store) Compared(differ []digest.Bucket) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Check.Differ = nil
	if len(differ) == 0 {
		s.st.Check.At = s.o.Now().Unix()
		s.st.Hole = false
	}
	for _, b := range differ {
		if b.Month != schema.NoMonth && !slices.Contains(s.st.Check.Differ, b.Month) {
			s.st.Check.Differ = append(s.st.Check.Differ, b.Month)
		}
	}
	slices.Sort(s.st.Check.Differ)
	if err := s.mayWriteDocs(0); err != nil {
		return nil // a full disk: it is known until the next start
	}
	return s.batch().flush()
}

// differed notes on which days documents are not what the hub has.
func (s *Store) differed(ours, theirs map[docKey]*change.Doc, lost map[docKey][]claim) {
	days := map[schema.Date]bool{}
	note := func(k docKey, d *change.Doc) {
		scope, kind, id := k.parts()
		if scope != "" {
			return
		}
		if day, ok := schema.DocDate(kind, id, d.Lookup); ok {
			_, sent := lost[k]
			days[day] = days[day] || sent
		}
	}
	for k, d := range ours {
		if digest.Of(d) != digest.Of(theirs[k]) {
			note(k, d)
		}
	}
	for k, d := range theirs {
		if ours[k] == nil {
			note(k, d)
		}
	}
	for k := range lost {
		if ours[k] == nil && theirs[k] == nil {
			note(k, nil)
		}
	}
	s.mended(days)
}

// mended notes the days on which documents of a bucket differed.
func (s *Store) mended(days map[schema.Date]bool) {
	now := s.o.Now().Unix()
	list := slices.DeleteFunc(s.st.Check.Mended, func(m Mend) bool { _, again := days[m.Day]; return again })
	for day, sent := range days {
		list = append(list, Mend{day, now, sent})
	}
	slices.SortStableFunc(list, func(a, b Mend) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Day, b.Day)) })
	s.st.Check.Mended = list[max(0, len(list)-maxMends):]
}

// Kept is a record of one day, and what proves that it is safe.
type Kept struct {
	Doc     *change.Doc
	Pending bool       // something in it waits for the hub
	Ref     change.Ref // the last write of this computer; zero when others wrote all of it
	By      string     // who that was
}

// Day returns the records of a day: sheets, visits and training of this school,
// and visits of others that this computer wrote into, as readers see them.
func (s *Store) Day(day schema.Date, own Receipts) ([]Kept, error) {
	var out []Kept
	chain, _ := s.Chain()
	take := func(kind schema.Kind, prefix string) error {
		for d, err := range s.Docs(kind, prefix) {
			if err != nil {
				return err
			}
			if at, ok := schema.DocDate(d.Kind, d.ID, d.Lookup); !ok || at != day {
				continue
			}
			k := Kept{Doc: d}
			last := int64(-1)
			for i := range d.Cells {
				c := &d.Cells[i]
				_, old := own[c.Version.Chain]
				if c.Version.Chain != chain && !old {
					continue
				}
				newer := c.At > last
				if c.Version.Chain == k.Ref.Chain {
					newer = c.Version.Seq > k.Ref.Seq
				}
				if newer {
					k.Ref, k.By, last = c.Version, c.By, c.At
				}
			}
			if s.own(d.Scope) != "" && k.Ref.IsZero() {
				continue
			}
			s.mu.RLock()
			k.Pending = s.waiting(keyOf(s.own(d.Scope), d.Kind, d.ID))
			s.mu.RUnlock()
			out = append(out, k)
		}
		return nil
	}
	for kind, prefix := range map[schema.Kind]string{schema.KindSheet: day.String(), schema.KindVisit: "", schema.KindTraining: ""} {
		if err := take(kind, prefix); err != nil {
			return nil, fmt.Errorf("read day %s: %w", day, err)
		}
	}
	slices.SortFunc(out, func(a, b Kept) int {
		return cmp.Or(cmp.Compare(a.Doc.Kind, b.Doc.Kind), cmp.Compare(a.Doc.ID, b.Doc.ID))
	})
	return out, nil
}
