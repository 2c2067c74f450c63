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

// Limits of a table. A chain that would pass them is still packed and
// unpacked: its further names are then spelled out each time.
const (
	maxNames   = 1 << 16 // names of one chain
	maxNameLen = 255     // bytes of one name
)

// Table is what both ends of a chain know from its entries so far and a pack
// need not repeat: the names (pupil, class and teacher ids ...) in the order
// in which the chain first used them, and small state beside them. It is a
// function of the chain's prefix alone.
//
// Names only ever grow, so that a store keeps them in an append-only list
// (AppendSince, Extend) and rewrites nothing but the state (Aux, SetAux).
// A Table is not safe for concurrent use.
type Table struct {
	names []string
	index map[string]uint32
}

// NewTable is the table of an empty chain.
func NewTable() *Table { return &Table{index: map[string]uint32{}} }

// Clone copies t.
func (t *Table) Clone() *Table {
	return &Table{names: slices.Clip(t.names), index: maps.Clone(t.index)}
}

// Len is the number of names.
func (t *Table) Len() int { return len(t.names) }

// Observe takes the next entry of the chain into t.
func (t *Table) Observe(e *change.Entry) {
	switch e.Kind {
	case schema.KindPupil, schema.KindTeacher, schema.KindClass:
		t.intern(e.ID)
	}
}

func (t *Table) intern(s string) {
	if _, ok := t.index[s]; ok || len(t.names) >= maxNames || len(s) > maxNameLen {
		return
	}
	t.index[s] = uint32(len(t.names))
	t.names = append(t.names, s)
}

// AppendSince returns the names after the first n, for an append-only store.
func (t *Table) AppendSince(n int) []byte {
	var b []byte
	for _, s := range t.names[min(max(n, 0), len(t.names)):] {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// Extend adds what AppendSince returned. On error t is unchanged.
func (t *Table) Extend(b []byte) error {
	n := len(t.names)
	for len(b) > 0 {
		size, k := binary.Uvarint(b)
		if k <= 0 || size > maxNameLen || size > uint64(len(b)-k) || len(t.names) >= maxNames || !utf8.Valid(b[k:k+int(size)]) {
			t.truncate(n)
			return fmt.Errorf("extend table: %w", ErrFormat)
		}
		s := string(b[k : k+int(size)])
		if _, ok := t.index[s]; ok {
			t.truncate(n)
			return fmt.Errorf("extend table: %w: a name comes twice", ErrFormat)
		}
		t.intern(s)
		b = b[k+int(size):]
	}
	return nil
}

func (t *Table) truncate(n int) {
	for _, s := range t.names[n:] {
		delete(t.index, s)
	}
	t.names = t.names[:n]
}

// Aux is the state beside the names.
func (t *Table) Aux() []byte { return nil }

// SetAux takes what Aux returned. On error t is unchanged.
func (t *Table) SetAux(b []byte) error {
	if len(b) != 0 {
		return fmt.Errorf("set table state: %w", ErrFormat)
	}
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
	if k <= 0 || n > uint64(len(b)-k) {
		return fmt.Errorf("decode table: %w", ErrFormat)
	}
	next := NewTable()
	if err := next.Extend(b[k+int(n):]); err != nil {
		return fmt.Errorf("decode table: %w", err)
	}
	if err := next.SetAux(b[k : k+int(n)]); err != nil {
		return fmt.Errorf("decode table: %w", err)
	}
	*t = *next
	return nil
}
