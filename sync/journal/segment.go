package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/seal"
)

// The format; DESIGN.md has it as a table.
const (
	magic        = "SGJRNL1\n" // records are plain
	magicSealed  = "SGJRNL2\n" // records are sealed
	headerSize   = 72
	headerSealed = headerSize + seal.IDSize
	recordHeader = 28
	align        = 8
	suffix       = ".seg"
	tempName     = "next.tmp"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is one file. Its entries end where the next segment's begin, or at
// the journal's durable tip.
type segment struct {
	first uint64 // seq of its first entry
}

func (s segment) name() string { return fmt.Sprintf("%016x", s.first) + suffix }

// parseName reads what name wrote.
func parseName(name string) (segment, bool) {
	hex, ok := strings.CutSuffix(name, suffix)
	n, err := strconv.ParseUint(hex, 16, 64)
	return segment{n}, ok && err == nil && n > 0 && len(hex) == 16
}

// header begins a segment.
type header struct {
	chain  change.ChainID
	before frame.Tip // the chain's tip before the segment's first entry
	sealed bool
	key    [seal.IDSize]byte // id of the key that the records are sealed under
}

func (h header) size() int64 {
	if h.sealed {
		return headerSealed
	}
	return headerSize
}

func (h header) append(dst []byte) []byte {
	start := len(dst)
	if h.sealed {
		dst = append(dst, magicSealed...)
	} else {
		dst = append(dst, magic...)
	}
	dst = append(dst, h.chain[:]...)
	dst = binary.BigEndian.AppendUint64(dst, h.before.Seq+1)
	dst = append(dst, h.before.Hash[:]...)
	if h.sealed {
		dst = append(dst, h.key[:]...)
	}
	crc := crc32.Checksum(dst[start:], castagnoli)
	return append(binary.BigEndian.AppendUint32(dst, crc), 0, 0, 0, 0)
}

// parseHeader reads what append wrote; b may go on behind it.
func parseHeader(b []byte) (h header, ok bool) {
	h.sealed = len(b) >= headerSealed && string(b[:8]) == magicSealed
	if !h.sealed && (len(b) < headerSize || string(b[:8]) != magic) {
		return h, false
	}
	crc := h.size() - 8
	if crc32.Checksum(b[:crc], castagnoli) != binary.BigEndian.Uint32(b[crc:]) {
		return h, false
	}
	copy(h.chain[:], b[8:])
	first := binary.BigEndian.Uint64(b[24:])
	copy(h.before.Hash[:], b[32:])
	h.before.Seq = first - 1
	if h.sealed {
		copy(h.key[:], b[64:])
	}
	return h, first > 0
}

// record is one atomic batch as it stands in a segment.
type record struct {
	first   uint64 // seq of its first entry
	durable uint64 // last seq that was known to be synced when it was written
	count   uint32
	size    int64  // bytes that it takes, padding included
	payload []byte // count times: uvarint length, entry; what is sealed of it in a sealed segment
}

// newRecord lays out a record with room for what c adds; finish completes it.
func newRecord(first uint64, entries [][]byte, c cover) []byte {
	n := recordHeader + align + seal.Overhead
	for _, e := range entries {
		n += binary.MaxVarintLen32 + len(e)
	}
	b := make([]byte, recordHeader+c.before(), n)
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(len(e)))
		b = append(b, e...)
	}
	b = append(b, make([]byte, c.after())...)
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-recordHeader))
	binary.BigEndian.PutUint64(b[8:], first)
	binary.BigEndian.PutUint32(b[24:], uint32(len(entries)))
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

// finish notes what is durable, seals the payload and signs the record with its
// checksum. A record is finished once.
func finish(b []byte, durable uint64, c cover) error {
	binary.BigEndian.PutUint64(b[16:], durable)
	end := recordHeader + binary.BigEndian.Uint32(b[4:])
	if err := c.seal(b[:end]); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:end], castagnoli))
	return nil
}

// parseRecordHeader reads the header at the start of b and checks what can be
// checked without the payload: room is what the segment has left for it.
func parseRecordHeader(b []byte, room int64) (r record, ok bool) {
	if len(b) < recordHeader {
		return r, false
	}
	n := int64(binary.BigEndian.Uint32(b[4:]))
	r.first = binary.BigEndian.Uint64(b[8:])
	r.durable = binary.BigEndian.Uint64(b[16:])
	r.count = binary.BigEndian.Uint32(b[24:])
	r.size = (recordHeader + n + align - 1) / align * align
	return r, n > 0 && r.size <= room && r.first > 0 && r.durable < r.first &&
		r.count > 0 && int64(r.count) <= n
}

// parseRecord reads the whole record at the start of b: its checksum is right,
// what the payload says is not looked at.
func parseRecord(b []byte) (r record, ok bool) {
	if r, ok = parseRecordHeader(b, int64(len(b))); !ok {
		return r, false
	}
	end := recordHeader + int64(binary.BigEndian.Uint32(b[4:]))
	if crc32.Checksum(b[4:end], castagnoli) != binary.BigEndian.Uint32(b) {
		return r, false
	}
	r.payload = b[recordHeader:end]
	return r, true
}

// counted reports whether the payload is the entries that the header promises.
func (r *record) counted() bool {
	rest, count := r.payload, uint32(0)
	for ok := true; len(rest) > 0; count++ {
		if _, rest, ok = cutEntry(rest); !ok {
			return false
		}
	}
	return count == r.count
}

// cutEntry takes the first entry off a payload.
func cutEntry(b []byte) (entry, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n == 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k : k+int(n)], b[k+int(n):], true
}
