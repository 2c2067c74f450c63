package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"shangu/sync/change"
)

// packVersion is the version of the pack format that this build writes.
const packVersion = 1

// Head is what a pack says about itself.
type Head struct {
	First uint64  // seq of its first entry
	Count int     // entries
	Prev  [8]byte // first bytes of the hash of the tip that it continues
	Raw   int     // size of the entries in canonical bytes
}

// Unpacked is a pack's content.
type Unpacked struct {
	Head    Head
	Entries []*change.Entry
	Bytes   [][]byte // each entry's canonical bytes
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// headFixed is the length of a header without its three numbers: version,
// coding, previous hash, CRC32C.
const headFixed = 1 + 1 + 8 + 4

// maxRatio bounds how much larger than itself a pack may say that it becomes.
const maxRatio = 1024

// PackEntries packs entries that follow prev in a chain, and takes them into
// t, the table of the chain up to prev. It fails with ErrChain when they do not
// follow each other, and with ErrLimit over the limits of a pack; t is then
// unchanged.
func PackEntries(t *Table, chain change.ChainID, prev Tip, entries []*change.Entry) ([]byte, error) {
	if len(entries) == 0 || len(entries) > MaxPackEntries {
		return nil, fmt.Errorf("pack %d entries: %w", len(entries), ErrLimit)
	}
	raw, err := canonical(chain, prev, entries)
	if err != nil {
		return nil, err
	}
	head := make([]byte, headFixed, headFixed+16+len(raw)/8)
	head[0] = packVersion
	copy(head[2:10], prev.Hash[:8])
	head = binary.AppendUvarint(head, entries[0].Seq)
	head = binary.AppendUvarint(head, uint64(len(entries)))
	head = binary.AppendUvarint(head, uint64(len(raw)))

	before := t.Clone()
	c := codec{t: t, chain: chain, enc: true}
	for _, e := range entries {
		c.entry(e)
	}
	bits := c.w.finish()
	texts, smaller := compress(c.text)
	pack := slices.Concat(head, binary.AppendUvarint(nil, uint64(len(bits))), bits, texts)
	if pack[1] = codingModel; smaller {
		pack[1] = codingDict1
	}
	seal(pack)
	// What cannot be read back must not be sent: it would block the chain.
	if !readsBack(pack, before.Clone(), t, chain, raw) {
		*t = *before
		for _, e := range entries {
			t.Observe(e)
		}
		if pack = append(head, raw...); len(pack) > MaxPack {
			*t = *before
			return nil, fmt.Errorf("pack of %d bytes: %w", len(pack), ErrLimit)
		}
		pack[1] = codingWhole
		seal(pack)
	}
	return pack, nil
}

// canonical returns the entries' canonical bytes, one after the other.
func canonical(chain change.ChainID, prev Tip, entries []*change.Entry) (raw []byte, err error) {
	for i, e := range entries {
		if e.Seq != prev.Seq+1+uint64(i) {
			return nil, fmt.Errorf("pack entry %d after %d: %w", e.Seq, prev.Seq+uint64(i), ErrChain)
		}
		n := len(raw)
		if raw = AppendEntry(raw, chain, e); len(raw)-n > MaxEntry {
			return nil, fmt.Errorf("pack entry of %d bytes: %w", len(raw)-n, ErrLimit)
		}
	}
	if len(raw) > MaxPackRaw {
		return nil, fmt.Errorf("pack %d bytes: %w", len(raw), ErrLimit)
	}
	return raw, nil
}

// readsBack reports whether a pack unpacks, over the table before it, to the
// canonical bytes raw and the table after it.
func readsBack(pack []byte, before, after *Table, chain change.ChainID, raw []byte) bool {
	u, err := Unpack(pack, before, chain)
	if err != nil {
		return false
	}
	for _, b := range u.Bytes {
		if !bytes.HasPrefix(raw, b) {
			return false
		}
		raw = raw[len(b):]
	}
	return len(raw) == 0 && before.Len() == after.Len() && bytes.Equal(before.Aux(), after.Aux())
}

// seal puts the CRC32C into a pack.
func seal(p []byte) { binary.BigEndian.PutUint32(p[10:14], packSum(p)) }

// packSum is the CRC32C of a pack without the four bytes that hold it.
func packSum(p []byte) uint32 {
	return crc32.Update(crc32.Checksum(p[:10], castagnoli), castagnoli, p[14:])
}

// Peek reads a pack's header and checks its CRC, and nothing more.
func Peek(pack []byte) (Head, error) {
	h, _, _, err := peek(pack)
	return h, err
}

func peek(pack []byte) (h Head, coding byte, body []byte, err error) {
	switch {
	case len(pack) > MaxPack:
		return h, 0, nil, fmt.Errorf("read pack of %d bytes: %w", len(pack), ErrLimit)
	case len(pack) < headFixed+3:
		return h, 0, nil, fmt.Errorf("read pack: %w: cut short", ErrFormat)
	case pack[0] != packVersion:
		return h, 0, nil, fmt.Errorf("read pack: %w: version %d", ErrFormat, pack[0])
	case binary.BigEndian.Uint32(pack[10:14]) != packSum(pack):
		return h, 0, nil, fmt.Errorf("read pack: %w: checksum", ErrFormat)
	}
	coding = pack[1]
	h.Prev = [8]byte(pack[2:10])
	body = pack[headFixed:]
	var n [3]uint64
	for i := range n {
		v, k := binary.Uvarint(body)
		if k <= 0 || k > 1 && body[k-1] == 0 {
			return h, 0, nil, fmt.Errorf("read pack: %w: bad header", ErrFormat)
		}
		n[i], body = v, body[k:]
	}
	if n[0] == 0 || n[0] > 1<<62 || n[1] == 0 || n[2] < n[1] {
		return h, 0, nil, fmt.Errorf("read pack: %w: bad header", ErrFormat)
	}
	if n[1] > MaxPackEntries || n[2] > MaxPackRaw || n[2] > maxRatio*uint64(len(pack)) {
		return h, 0, nil, fmt.Errorf("read pack of %d entries, %d bytes: %w", n[1], n[2], ErrLimit)
	}
	h.First, h.Count, h.Raw = n[0], int(n[1]), int(n[2])
	return h, coding, body, nil
}

// Unpack unpacks a pack that continues the chain prefix that t knows, and
// takes its entries into t. On error t is unchanged. The caller compares
// Head.First and Head.Prev with the chain's tip before, and recomputes the
// chain over Bytes.
func Unpack(pack []byte, t *Table, chain change.ChainID) (*Unpacked, error) {
	return new(Unpacker).Unpack(pack, t, chain)
}

// Unpacker is Unpack for one pack after the other, in the same memory.
type Unpacker struct {
	u       Unpacked
	entries []change.Entry
	fields  []change.Field
	raw     []byte
}

// Unpack is as the function of that name. What it returns is good until the
// next call, but for texts and values.
func (p *Unpacker) Unpack(pack []byte, t *Table, chain change.ChainID) (*Unpacked, error) {
	h, coding, body, err := peek(pack)
	if err != nil {
		return nil, err
	}
	u := &p.u
	*u = Unpacked{Head: h, Entries: u.Entries[:0], Bytes: u.Bytes[:0]}
	switch coding {
	case codingWhole:
		err = u.whole(body, t, chain)
	case codingModel, codingDict1:
		err = p.model(coding, body, t, chain)
	default:
		err = fmt.Errorf("%w: coding %d", ErrFormat, coding)
	}
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return u, nil
}

func (u *Unpacked) whole(body []byte, t *Table, chain change.ChainID) error {
	if len(body) != u.Head.Raw {
		return fmt.Errorf("%w: %d bytes, not %d", ErrFormat, len(body), u.Head.Raw)
	}
	for i := range u.Head.Count {
		n := skip(body)
		if n < 0 {
			return fmt.Errorf("entry %d: %w", i, ErrFormat)
		}
		e, err := DecodeEntry(body[:n:n], chain)
		if err != nil {
			return err
		}
		if e.Seq != u.Head.First+uint64(i) {
			return fmt.Errorf("entry %d: %w", i, ErrChain)
		}
		u.Entries = append(u.Entries, e)
		u.Bytes = append(u.Bytes, body[:n:n])
		body = body[n:]
	}
	if len(body) != 0 {
		return fmt.Errorf("%w: %d trailing bytes", ErrFormat, len(body))
	}
	for _, e := range u.Entries {
		t.Observe(e)
	}
	return nil
}

func (p *Unpacker) model(coding byte, body []byte, t *Table, chain change.ChainID) error {
	u := &p.u
	n, k := binary.Uvarint(body)
	if k <= 0 || n > uint64(len(body)-k) || uint64(u.Head.Count) > 8*n {
		return fmt.Errorf("%w: bad length", ErrFormat)
	}
	texts := body[k+int(n):]
	if coding == codingDict1 {
		var err error
		if texts, err = expand(texts, u.Head.Raw); err != nil {
			return err
		}
	}
	c := codec{t: t, chain: chain, r: bitReader{b: body[k : k+int(n)]}, text: texts, fields: p.fields[:0]}
	lines, state := t.Len(), t.model.clone()
	err := p.decode(&c)
	p.fields = c.fields
	if err != nil {
		t.truncate(lines)
		t.model = state
		return err
	}
	return nil
}

func (p *Unpacker) decode(c *codec) error {
	u := &p.u
	p.entries = slices.Grow(p.entries[:0], u.Head.Count)[:u.Head.Count]
	u.Entries = slices.Grow(u.Entries, u.Head.Count)[:u.Head.Count]
	u.Bytes = slices.Grow(u.Bytes, u.Head.Count)[:u.Head.Count]
	p.raw = slices.Grow(p.raw[:0], u.Head.Raw)
	raw := p.raw
	for i := range p.entries {
		e := &p.entries[i]
		*e = change.Entry{Seq: u.Head.First + uint64(i)}
		if c.entry(e); c.r.over {
			c.fail("cut short")
		}
		if c.err != nil {
			return fmt.Errorf("entry %d: %w", i, c.err)
		}
		from := len(raw)
		if raw = AppendEntry(raw, c.chain, e); len(raw) > u.Head.Raw {
			return fmt.Errorf("entry %d: %w: more than %d bytes", i, ErrFormat, u.Head.Raw)
		}
		if len(raw)-from > MaxEntry {
			return fmt.Errorf("entry %d of %d bytes: %w", i, len(raw)-from, ErrLimit)
		}
		u.Entries[i], u.Bytes[i] = e, raw[from:len(raw):len(raw)]
	}
	if len(raw) != u.Head.Raw || len(c.text) != 0 || !c.r.rest() {
		return fmt.Errorf("%w: trailing bytes", ErrFormat)
	}
	return nil
}
