package frame

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

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
// dictionary, previous hash, CRC32C.
const headFixed = 1 + 1 + 8 + 4

// PackEntries packs entries that follow prev in a chain, and takes them into
// t, the table of the chain up to prev. It fails with ErrChain when they do not
// follow each other, and with ErrLimit over the limits of a pack; t is then
// unchanged.
func PackEntries(t *Table, chain change.ChainID, prev Tip, entries []*change.Entry) ([]byte, error) {
	if len(entries) == 0 || len(entries) > MaxPackEntries {
		return nil, fmt.Errorf("pack %d entries: %w", len(entries), ErrLimit)
	}
	var body []byte
	for i, e := range entries {
		if e.Seq != prev.Seq+1+uint64(i) {
			return nil, fmt.Errorf("pack entry %d after %d: %w", e.Seq, prev.Seq+uint64(i), ErrChain)
		}
		n := len(body)
		body = AppendEntry(body, chain, e)
		if len(body)-n > MaxEntry {
			return nil, fmt.Errorf("pack entry of %d bytes: %w", len(body)-n, ErrLimit)
		}
	}
	raw := len(body)
	if raw > MaxPackRaw {
		return nil, fmt.Errorf("pack %d bytes: %w", raw, ErrLimit)
	}
	pack := make([]byte, headFixed, headFixed+16+len(body))
	pack[0] = packVersion
	copy(pack[2:10], prev.Hash[:8])
	pack = binary.AppendUvarint(pack, entries[0].Seq)
	pack = binary.AppendUvarint(pack, uint64(len(entries)))
	pack = binary.AppendUvarint(pack, uint64(raw))
	pack = append(pack, body...)
	if len(pack) > MaxPack {
		return nil, fmt.Errorf("pack of %d bytes: %w", len(pack), ErrLimit)
	}
	binary.BigEndian.PutUint32(pack[10:14], packSum(pack))
	for _, e := range entries {
		t.Observe(e)
	}
	return pack, nil
}

// packSum is the CRC32C of a pack without the four bytes that hold it.
func packSum(p []byte) uint32 {
	return crc32.Update(crc32.Checksum(p[:10], castagnoli), castagnoli, p[14:])
}

// Peek reads a pack's header and checks its CRC, and nothing more.
func Peek(pack []byte) (Head, error) {
	h, _, _, err := peek(pack)
	return h, err
}

func peek(pack []byte) (h Head, dict byte, body []byte, err error) {
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
	dict = pack[1]
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
	if n[1] > MaxPackEntries || n[2] > MaxPackRaw {
		return h, 0, nil, fmt.Errorf("read pack of %d entries, %d bytes: %w", n[1], n[2], ErrLimit)
	}
	h.First, h.Count, h.Raw = n[0], int(n[1]), int(n[2])
	return h, dict, body, nil
}

// Unpack unpacks a pack that continues the chain prefix that t knows, and
// takes its entries into t. On error t is unchanged. The caller compares
// Head.First and Head.Prev with the chain's tip before, and recomputes the
// chain over Bytes.
func Unpack(pack []byte, t *Table, chain change.ChainID) (*Unpacked, error) {
	h, _, body, err := peek(pack)
	if err != nil {
		return nil, err
	}
	u := &Unpacked{Head: h}
	if len(body) != h.Raw {
		return nil, fmt.Errorf("unpack: %w: %d bytes, not %d", ErrFormat, len(body), h.Raw)
	}
	for i := range h.Count {
		n := skip(body)
		if n < 0 {
			return nil, fmt.Errorf("unpack entry %d: %w", i, ErrFormat)
		}
		e, err := DecodeEntry(body[:n:n], chain)
		if err != nil {
			return nil, fmt.Errorf("unpack entry %d: %w", i, err)
		}
		if e.Seq != h.First+uint64(i) {
			return nil, fmt.Errorf("unpack entry %d: %w", i, ErrChain)
		}
		u.Entries = append(u.Entries, e)
		u.Bytes = append(u.Bytes, body[:n:n])
		body = body[n:]
	}
	if len(body) != 0 {
		return nil, fmt.Errorf("unpack: %w: %d trailing bytes", ErrFormat, len(body))
	}
	for _, e := range u.Entries {
		t.Observe(e)
	}
	return u, nil
}
