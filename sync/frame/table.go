package frame

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"shangu/schema"
	"shangu/sync/change"
)

// Limits of a table. A chain that passes them is still packed and unpacked:
// its further names are spelled out each time.
const (
	maxNames   = 1 << 16 // names and places of one chain
	maxNameLen = 255     // bytes of one name
	maxRoster  = 1 << 10 // pupils that one class ever had
)

// A namespace is a list of names of one sort. The numbers are part of the
// format.
type namespace uint8

const (
	nsPupil     namespace = 0
	nsClass     namespace = 1
	nsTeacher   namespace = 2 // teacher numbers, and whoever else takes a roll
	nsAccount   namespace = 3
	nsSchool    namespace = 4 // scopes and school codes
	nsAgreement namespace = 5
	nsTopic     namespace = 6
	nsNote      namespace = 7
	nsProgramme namespace = 8
	nsTitle     namespace = 9
	nsProvider  namespace = 10
	nsWord      namespace = 11 // short words that come from a list somewhere
	nsPerson    namespace = 12
	nsChain     namespace = 13 // 16 bytes each, not text
	nsCount     namespace = 14
	nsRoster    namespace = 14 // in the log: not a name but a pupil's place in a class
	nsNone      namespace = 255
)

// Table is what both ends of a chain know from its entries so far and a pack
// need not repeat: the names (pupil, class and teacher ids ...) in the order
// in which the chain first used them, which pupils each class has, and the
// state of the model that predicts the next entry. It is a function of the
// chain's prefix alone.
//
// Names only ever grow, so that a store keeps them in an append-only list
// (AppendSince, Extend) and rewrites nothing but the model (Aux, SetAux).
// A Table is not safe for concurrent use.
type Table struct {
	names   [nsCount][]string
	index   [nsCount]map[string]uint32 // made when first needed
	rosters [][]uint32                 // by class: pupils
	log     []addition
	model   model
	values  [nsCount][]schema.Value // of names as texts; made when first needed
}

// addition is one line of the append-only list.
type addition struct {
	ns           namespace
	class, pupil uint32 // of nsRoster; of a name, pupil is its index
}

// NewTable is the table of an empty chain.
func NewTable() *Table { return &Table{model: newModel()} }

// Clone copies t.
func (t *Table) Clone() *Table {
	c := &Table{log: slices.Clip(t.log), model: t.model.clone(), rosters: slices.Clone(t.rosters)}
	for i := range t.names {
		c.names[i] = slices.Clip(t.names[i])
		c.index[i] = maps.Clone(t.index[i])
	}
	for i := range c.rosters {
		c.rosters[i] = slices.Clip(c.rosters[i])
	}
	return c
}

// Len is the number of lines in the append-only list: names and places.
func (t *Table) Len() int { return len(t.log) }

// Observe takes the next entry of the chain into t.
func (t *Table) Observe(e *change.Entry) {
	c := codec{t: t, enc: true, discard: true}
	c.entry(e)
}

// find returns a name's index.
func (t *Table) find(ns namespace, s string) (uint32, bool) {
	list := t.names[ns]
	if len(list) <= 24 {
		i := slices.Index(list, s)
		return uint32(max(i, 0)), i >= 0
	}
	if t.index[ns] == nil {
		t.index[ns] = make(map[string]uint32, len(list)+16)
		for i, s := range list {
			t.index[ns][s] = uint32(i)
		}
	}
	i, ok := t.index[ns][s]
	return i, ok
}

// add appends a name that find does not know; ok is false when it does not fit.
func (t *Table) add(ns namespace, s string) (i uint32, ok bool) {
	if len(t.log) >= maxNames || len(s) > maxNameLen || s == "" {
		return 0, false
	}
	i = uint32(len(t.names[ns]))
	t.names[ns] = append(t.names[ns], s)
	if t.index[ns] != nil {
		t.index[ns][s] = i
	}
	t.log = append(t.log, addition{ns: ns, pupil: i})
	return i, true
}

// text returns the value of a text whose index+1 is i, or 0.
func (t *Table) text(ns namespace, i uint32, s string) schema.Value {
	if i == 0 {
		return schema.Str(s)
	}
	for len(t.values[ns]) < int(i) {
		t.values[ns] = append(t.values[ns], "")
	}
	v := &t.values[ns][i-1]
	if *v == "" {
		*v = schema.Str(s)
	}
	return *v
}

// roster returns the pupils that a class has or had, in the order in which the
// chain put them there.
func (t *Table) roster(class uint32) []uint32 {
	if int(class) >= len(t.rosters) {
		return nil
	}
	return t.rosters[class]
}

// enrol puts a pupil into a class unless it is there.
func (t *Table) enrol(class, pupil uint32) {
	for int(class) >= len(t.rosters) {
		t.rosters = append(t.rosters, nil)
	}
	list := t.rosters[class]
	if len(t.log) >= maxNames || len(list) >= maxRoster || slices.Contains(list, pupil) {
		return
	}
	t.rosters[class] = append(list, pupil)
	t.log = append(t.log, addition{nsRoster, class, pupil})
}

// truncate takes back all that came after the first n lines.
func (t *Table) truncate(n int) {
	for i := len(t.log) - 1; i >= n; i-- {
		a := t.log[i]
		if a.ns == nsRoster {
			t.rosters[a.class] = t.rosters[a.class][:len(t.rosters[a.class])-1]
			continue
		}
		list := t.names[a.ns]
		if t.index[a.ns] != nil {
			delete(t.index[a.ns], list[len(list)-1])
		}
		t.names[a.ns] = list[:len(list)-1]
		t.values[a.ns] = t.values[a.ns][:min(len(t.values[a.ns]), len(list)-1)]
	}
	t.log = t.log[:n]
}

// AppendSince returns the lines after the first n, for an append-only store.
func (t *Table) AppendSince(n int) []byte {
	var b []byte
	for _, a := range t.log[min(max(n, 0), len(t.log)):] {
		b = append(b, byte(a.ns))
		if a.ns == nsRoster {
			b = binary.AppendUvarint(b, uint64(a.class))
			b = binary.AppendUvarint(b, uint64(a.pupil))
			continue
		}
		s := t.names[a.ns][a.pupil]
		b = append(b, byte(len(s)))
		b = append(b, s...)
	}
	return b
}

// Extend adds what AppendSince returned. On error t is unchanged.
func (t *Table) Extend(b []byte) error {
	n := len(t.log)
	all := string(b) // the names share this one copy
	for pos := 0; pos < len(b); {
		used := t.extendOne(all[pos:], b[pos:])
		if used == 0 {
			t.truncate(n)
			return fmt.Errorf("extend table: %w", ErrFormat)
		}
		pos += used
	}
	return nil
}

// extendOne adds the first line of b and returns its length, 0 if it is bad.
func (t *Table) extendOne(s string, b []byte) int {
	if len(t.log) >= maxNames || len(b) < 2 {
		return 0
	}
	ns := namespace(b[0])
	if ns == nsRoster {
		class, j := binary.Uvarint(b[1:])
		if j <= 0 || class >= uint64(len(t.names[nsClass])) {
			return 0
		}
		pupil, k := binary.Uvarint(b[1+j:])
		if k <= 0 || pupil >= uint64(len(t.names[nsPupil])) {
			return 0
		}
		before := len(t.log)
		t.enrol(uint32(class), uint32(pupil))
		if len(t.log) == before {
			return 0
		}
		return 1 + j + k
	}
	size := int(b[1])
	if ns >= nsCount || size == 0 || size > len(b)-2 {
		return 0
	}
	name := s[2 : 2+size]
	if ns == nsChain && size != len(change.ChainID{}) || ns != nsChain && !utf8.ValidString(name) {
		return 0
	}
	if _, ok := t.add(ns, name); !ok {
		return 0
	}
	return 2 + size
}

// Aux is the model's state, which changes with each entry. A store writes it
// anew each time.
func (t *Table) Aux() []byte { return t.model.append([]byte{packVersion}) }

// SetAux takes what Aux returned, after Extend took the names that it speaks
// of. No bytes are the state of an empty chain. On error t is unchanged.
func (t *Table) SetAux(b []byte) error {
	if len(b) == 0 {
		t.model = newModel()
		return nil
	}
	if b[0] != packVersion {
		return fmt.Errorf("set table state: %w: version %d", ErrFormat, b[0])
	}
	m, err := decodeModel(b[1:], t)
	if err != nil {
		return fmt.Errorf("set table state: %w", err)
	}
	t.model = m
	return nil
}

// MarshalBinary encodes all of t.
func (t *Table) MarshalBinary() ([]byte, error) {
	aux := t.Aux()
	b := binary.AppendUvarint(nil, uint64(len(aux)))
	b = append(b, aux...)
	return append(b, t.AppendSince(0)...), nil
}

// UnmarshalBinary replaces t by what MarshalBinary wrote. On error t is
// unchanged.
func (t *Table) UnmarshalBinary(b []byte) error {
	n, k := binary.Uvarint(b)
	if k <= 0 || n == 0 || n > uint64(len(b)-k) {
		return fmt.Errorf("decode table: %w", ErrFormat)
	}
	aux, names := b[k:k+int(n)], b[k+int(n):]
	next := NewTable()
	if err := next.Extend(names); err != nil {
		return fmt.Errorf("decode table: %w", err)
	}
	if err := next.SetAux(aux); err != nil {
		return fmt.Errorf("decode table: %w", err)
	}
	*t = *next
	return nil
}
