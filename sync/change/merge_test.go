package change_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema"
	"shangu/sync/change"
)

// The world of these tests: one hub, some writers that are offline most of the
// time, a few documents. A writer saves on top of what it sees; entries reach
// the hub later, mixed with those of others, some of them twice.

type docKey struct {
	kind schema.Kind
	id   string
}

type docs map[docKey]*change.Doc

func (d docs) clone() docs {
	c := docs{}
	for k, v := range d {
		c[k] = v // documents are never changed in place
	}
	return c
}

type logged struct {
	entry  *change.Entry
	author change.Author
}

type hub struct {
	docs   docs
	tips   map[change.ChainID]uint64
	log    []logged
	losses map[docKey][]change.Loss
}

func newHub() *hub {
	return &hub{docs: docs{}, tips: map[change.ChainID]uint64{}, losses: map[docKey][]change.Loss{}}
}

// take merges an entry unless it came before; it must continue its chain.
func (h *hub) take(t *rapid.T, l logged) {
	if l.entry.Seq <= h.tips[l.author.Chain] {
		return
	}
	if l.entry.Seq != h.tips[l.author.Chain]+1 {
		t.Fatalf("entry %d after %d", l.entry.Seq, h.tips[l.author.Chain])
	}
	h.tips[l.author.Chain] = l.entry.Seq
	k := docKey{l.entry.Kind, l.entry.ID}
	before := copyDoc(h.docs[k])
	next, losses := change.Merge(h.docs[k], l.entry, l.author)
	if !reflect.DeepEqual(before, h.docs[k]) {
		t.Fatalf("merging changed the document it was given")
	}
	h.docs[k] = next
	h.losses[k] = append(h.losses[k], losses...)
	h.log = append(h.log, l)
}

func copyDoc(d *change.Doc) *change.Doc {
	if d == nil {
		return nil
	}
	c := *d
	c.Cells = slices.Clone(d.Cells)
	for i := range c.Cells {
		c.Cells[i].Also = slices.Clone(c.Cells[i].Also)
	}
	return &c
}

type writer struct {
	author    change.Author
	seq       uint64
	now       int64
	confirmed docs
	pending   []logged
}

// view is what the writer sees: what the hub confirmed, and its own pending
// entries on top.
func (w *writer) view() docs {
	v := w.confirmed.clone()
	for _, l := range w.pending {
		k := docKey{l.entry.Kind, l.entry.ID}
		v[k], _ = change.Merge(v[k], l.entry, l.author)
	}
	return v
}

// pull takes the hub's documents and drops what the hub has confirmed.
func (w *writer) pull(h *hub) {
	w.confirmed = h.docs.clone()
	w.pending = slices.DeleteFunc(slices.Clone(w.pending), func(l logged) bool { return l.entry.Seq <= h.tips[w.author.Chain] })
}

type write struct {
	doc   docKey
	key   schema.Key
	value schema.Value
}

var keys = []schema.Key{
	{Num: schema.VisitTopic}, {Num: schema.VisitConfirmed}, {Num: schema.VisitHours},
	{Num: schema.VisitCredits, Sub: "T1"}, {Num: schema.VisitCredits, Sub: "T2"}, {Num: schema.FieldVoid},
}

// save makes an entry on top of the writer's view and notes which values the
// writer saw in the fields that it changed.
func (w *writer) save(t *rapid.T, values *int, wrote *[]write, saw map[write]bool) {
	k := docKey{schema.KindVisit, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "doc")}
	doc := w.view()[k]
	w.seq++
	w.now += rapid.Int64Range(-50, 100).Draw(t, "passes")
	e := &change.Entry{Seq: w.seq, At: w.now, Account: fmt.Sprint(w.author.Chain[0]), Kind: k.kind, ID: k.id}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 3, rapid.ID[schema.Key]).Draw(t, "fields") {
		*values++
		v := schema.Int(int64(*values))
		if rapid.IntRange(0, 3).Draw(t, "common") == 0 {
			v = schema.Int(0) // a value that others write too
		}
		c, _ := doc.Find(key)
		if c.Value != "" {
			saw[write{k, key, c.Value}] = true
		}
		e.Fields = append(e.Fields, change.Field{Key: key, Value: v, Base: c.Version})
		*wrote = append(*wrote, write{k, key, v})
	}
	slices.SortFunc(e.Fields, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
	w.pending = append(w.pending, logged{e, w.author})
}

func TestEverybodyEndsWithTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHub()
		var writers []*writer
		for i := range rapid.IntRange(1, 4).Draw(t, "writers") {
			writers = append(writers, &writer{
				author: change.Author{Chain: change.ChainID{byte(i + 1)}, Role: schema.Role(rapid.IntRange(1, 3).Draw(t, "role"))},
				now:    1000, confirmed: docs{},
			})
		}
		values, wrote, saw := 0, []write{}, map[write]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			w := writers[rapid.IntRange(0, len(writers)-1).Draw(t, "who")]
			switch rapid.IntRange(0, 4).Draw(t, "does") {
			case 0, 1:
				w.save(t, &values, &wrote, saw)
			case 2: // a push, cut anywhere; what is not confirmed is sent again
				for _, l := range w.pending[:rapid.IntRange(0, len(w.pending)).Draw(t, "arrive")] {
					h.take(t, l)
				}
			case 3:
				w.pull(h)
			case 4: // up to date and alone, a writer foresees what the hub will make of its entries
				w.pull(h)
				w.save(t, &values, &wrote, saw)
				foreseen := w.view()
				for _, l := range w.pending {
					h.take(t, l)
				}
				if !reflect.DeepEqual(foreseen, h.docs) {
					t.Fatalf("writer foresaw %+v, hub has %+v", foreseen, h.docs)
				}
			}
		}
		for _, w := range writers {
			for _, l := range w.pending {
				h.take(t, l)
			}
		}
		for _, w := range writers {
			w.pull(h)
			if len(w.pending) != 0 || !reflect.DeepEqual(w.view(), h.docs) {
				t.Fatalf("drained writer %x sees other documents than the hub", w.author.Chain[:1])
			}
		}

		// A node that replays the log, with what came twice, ends the same.
		replay := newHub()
		for i, l := range h.log {
			replay.take(t, l)
			replay.take(t, h.log[rapid.IntRange(0, i).Draw(t, "again")])
		}
		if !reflect.DeepEqual(replay.docs, h.docs) || !reflect.DeepEqual(replay.losses, h.losses) {
			t.Fatal("replaying the log gives another state")
		}

		// No value is lost: it stands, or somebody saw it and wrote another in
		// its place, or it is on a card.
		for _, w := range wrote {
			c, _ := h.docs[w.doc].Find(w.key)
			onCard := slices.ContainsFunc(h.losses[w.doc], func(l change.Loss) bool { return l.Key == w.key && l.Lost.Value == w.value })
			if c.Value != w.value && !saw[w] && !onCard {
				t.Fatalf("%+v is gone: the field is %q", w, c.Value)
			}
		}
		for k, list := range h.losses {
			for _, l := range list {
				if l.Lost.Value == l.Kept.Value || l.Lost.Version == l.Kept.Version || l.Lost.Key != l.Key || l.Kept.Key != l.Key {
					t.Fatalf("%v: a card that shows nothing: %+v", k, l)
				}
			}
		}
		for k, d := range h.docs {
			if !slices.IsSortedFunc(d.Cells, func(a, b change.Cell) int { return a.Key.Compare(b.Key) }) {
				t.Fatalf("%v: cells out of order", k)
			}
		}
	})
}

// TestWhoWins tells the cases of DESIGN.md apart.
func TestWhoWins(t *testing.T) {
	topic, confirmed := schema.Key{Num: schema.VisitTopic}, schema.Key{Num: schema.VisitConfirmed}
	host := func(seq uint64, at int64, base change.Ref, key schema.Key, v string) (*change.Entry, change.Author) {
		return &change.Entry{Seq: seq, At: at, Kind: schema.KindVisit, ID: "v", Fields: []change.Field{{Key: key, Value: schema.Str(v), Base: base}}},
			change.Author{Chain: change.ChainID{1}, Role: schema.RoleHost}
	}
	other := func(role schema.Role, seq uint64, at int64, base change.Ref, key schema.Key, v string) (*change.Entry, change.Author) {
		e, a := host(seq, at, base, key, v)
		a.Chain, a.Role = change.ChainID{2}, role
		return e, a
	}
	ref := change.Ref{Chain: change.ChainID{1}, Seq: 1}
	for name, c := range map[string]struct {
		key    schema.Key
		role   schema.Role
		at     int64
		base   change.Ref
		value  string
		want   string
		losses int
	}{
		"based on the version":             {topic, schema.RoleHost, 50, ref, "second", "second", 0},
		"the same value":                   {topic, schema.RoleHost, 50, change.Ref{}, "first", "first", 0},
		"later, equal rights":              {topic, schema.RoleHost, 200, change.Ref{}, "second", "second", 1},
		"earlier, equal rights":            {topic, schema.RoleHost, 50, change.Ref{}, "second", "first", 1},
		"equal times: greater version":     {topic, schema.RoleHost, 100, change.Ref{}, "second", "second", 1},
		"later, but the host owns it":      {topic, schema.RoleHelper, 200, change.Ref{}, "second", "first", 1},
		"earlier, but the helper owns it":  {confirmed, schema.RoleHelper, 50, change.Ref{}, "second", "second", 1},
		"another's right when based on it": {topic, schema.RoleHelper, 50, ref, "second", "second", 0},
	} {
		e, a := host(1, 100, change.Ref{}, c.key, "first")
		d, _ := change.Merge(nil, e, a)
		e, a = other(c.role, 1, c.at, c.base, c.key, c.value)
		d, losses := change.Merge(d, e, a)
		if got := d.Value(c.key.Num).Text(); got != c.want || len(losses) != c.losses {
			t.Errorf("%s: %q with %d losses, want %q with %d", name, got, len(losses), c.want, c.losses)
		}
	}
}

// TestSameRollTwice: two computers take one roll apart; corrections based on
// either raise no card.
func TestSameRollTwice(t *testing.T) {
	key := schema.Key{Num: schema.SheetState}
	entry := func(seq uint64, base change.Ref, v int64) *change.Entry {
		return &change.Entry{Seq: seq, Kind: schema.KindSheet, ID: "s", Fields: []change.Field{{Key: key, Value: schema.Int(v), Base: base}}}
	}
	a, b := change.Author{Chain: change.ChainID{1}, Role: schema.RoleHost}, change.Author{Chain: change.ChainID{2}, Role: schema.RoleHost}
	d, l1 := change.Merge(nil, entry(1, change.Ref{}, 1), a)
	d, l2 := change.Merge(d, entry(1, change.Ref{}, 1), b)
	d, l3 := change.Merge(d, entry(2, change.Ref{Chain: a.Chain, Seq: 1}, 2), a)
	if n := len(l1) + len(l2) + len(l3); n != 0 || d.Value(schema.SheetState) != schema.Int(2) {
		t.Errorf("%d cards, state %x", n, d.Value(schema.SheetState))
	}
}

func TestCorrectedTime(t *testing.T) {
	c := change.Clock{Hub: 10_000, At: 5_000, Boot: 3, Up: 600}
	for name, x := range map[string]struct {
		entry change.Entry
		clock change.Clock
		want  int64
	}{
		"no clock":               {change.Entry{At: 77}, change.Clock{}, 77},
		"this boot":              {change.Entry{At: 1, Boot: 3, Up: 500}, c, 9_900},
		"an earlier boot":        {change.Entry{At: 4_000, Boot: 2, Up: 500}, c, 9_000},
		"a claim that can be":    {change.Entry{At: 1_790_000_000, Boot: 2, Up: 500}, change.Clock{Hub: 1_790_259_200, At: 400, Boot: 3, Up: 5}, 1_790_000_000},
		"from before its time":   {change.Entry{At: 100, Boot: 2, Up: 500}, change.Clock{Hub: 1_790_259_200, At: 400, Boot: 3, Up: 5}, 1_790_258_900},
		"from the years to come": {change.Entry{At: 4_000_000_000, Boot: 2, Up: 500}, change.Clock{Hub: 1_790_259_200, At: 4_000_000_060, Boot: 3, Up: 5}, 1_790_259_140},
		"told by a node ahead":   {change.Entry{At: 1_790_259_202, Boot: 2, Up: 500}, change.Clock{Hub: 1_790_259_200, At: 4_000_000_060, Boot: 3, Up: 5}, 1_790_259_200},
		"not after the hub":      {change.Entry{At: 6_000, Boot: 2}, c, 10_000},
		"not before 1970":        {change.Entry{At: -20_000, Boot: 2}, c, 0},
		"this boot, clock moved": {change.Entry{At: 99_999, Boot: 3, Up: 600}, c, 10_000},
	} {
		if got := x.clock.Correct(&x.entry); got != x.want {
			t.Errorf("%s: %d, want %d", name, got, x.want)
		}
	}
}
