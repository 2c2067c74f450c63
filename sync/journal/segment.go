package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"shangu/sync/change"
	"shangu/sync/frame"
)

// The format; DESIGN.md has it as a table.
const (
	magic        = "SGJRNL1\n"
	headerSize   = 72
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

// appendHeader writes a segment's header: the chain and its tip before the
// segment's first entry.
func appendHeader(dst []byte, chain change.ChainID, before frame.Tip) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, chain[:]...)
	dst = binary.BigEndian.AppendUint64(dst, before.Seq+1)
	dst = append(dst, before.Hash[:]...)
	crc := crc32.Checksum(dst[start:], castagnoli)
	return append(binary.BigEndian.AppendUint32(dst, crc), 0, 0, 0, 0)
}

// parseHeader reads what appendHeader wrote.
func parseHeader(b []byte) (chain change.ChainID, before frame.Tip, ok bool) {
	if len(b) < headerSize || string(b[:8]) != magic || crc32.Checksum(b[:64], castagnoli) != binary.BigEndian.Uint32(b[64:]) {
		return chain, before, false
	}
	copy(chain[:], b[8:])
	first := binary.BigEndian.Uint64(b[24:])
	copy(before.Hash[:], b[32:])
	before.Seq = first - 1
	return chain, before, first > 0
}

// record is one atomic batch as it stands in a segment.
type record struct {
	first   uint64 // seq of its first entry
	durable uint64 // last seq that was known to be synced when it was written
	count   uint32
	size    int64  // bytes that it takes, padding included
	payload []byte // count times: uvarint length, entry
}

// newRecord lays out a record; seal completes it.
func newRecord(first uint64, entries [][]byte) []byte {
	n := recordHeader + align
	for _, e := range entries {
		n += binary.MaxVarintLen32 + len(e)
	}
	b := make([]byte, recordHeader, n)
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(len(e)))
		b = append(b, e...)
	}
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-recordHeader))
	binary.BigEndian.PutUint64(b[8:], first)
	binary.BigEndian.PutUint32(b[24:], uint32(len(entries)))
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

// seal notes what is durable and signs the record with its checksum.
func seal(b []byte, durable uint64) {
	binary.BigEndian.PutUint64(b[16:], durable)
	end := recordHeader + binary.BigEndian.Uint32(b[4:])
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:end], castagnoli))
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

// parseRecord reads the whole record at the start of b.
func parseRecord(b []byte) (r record, ok bool) {
	if r, ok = parseRecordHeader(b, int64(len(b))); !ok {
		return r, false
	}
	end := recordHeader + int64(binary.BigEndian.Uint32(b[4:]))
	if crc32.Checksum(b[4:end], castagnoli) != binary.BigEndian.Uint32(b) {
		return r, false
	}
	r.payload = b[recordHeader:end]
	rest, count := r.payload, uint32(0)
	for len(rest) > 0 {
		if _, rest, ok = cutEntry(rest); !ok {
			return r, false
		}
		count++
	}
	return r, count == r.count
}

// cutEntry takes the first entry off a payload.
func cutEntry(b []byte) (entry, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n == 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k : k+int(n)], b[k+int(n):], true
}
