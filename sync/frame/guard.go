package frame

import (
	"encoding/binary"
	"fmt"
)

// Guard walks b and fails unless it is exactly one msgpack value whose nesting
// is at most MaxDepth, whose every length fits in the bytes that remain, and
// after which nothing follows. It allocates nothing. A decoder that trusts
// length headers is safe behind it. Maps and extensions are refused: nothing of
// ours uses them.
func Guard(b []byte) error {
	// left[d] counts the values still to come at depth d.
	var left [MaxDepth + 1]int
	depth, pos := 0, 0
	left[0] = 1
	for {
		for depth > 0 && left[depth] == 0 {
			depth--
		}
		if left[depth] == 0 {
			break
		}
		left[depth]--
		if pos >= len(b) {
			return fmt.Errorf("%w: cut short at byte %d", ErrFormat, pos)
		}
		size, items, err := header(b[pos:])
		if err != nil {
			return fmt.Errorf("%w at byte %d", err, pos)
		}
		rest := len(b) - pos
		if size > rest || items > rest {
			return fmt.Errorf("%w: a length at byte %d exceeds the %d bytes that remain", ErrFormat, pos, rest)
		}
		pos += size
		if items > 0 {
			if depth == MaxDepth {
				return fmt.Errorf("%w: nested deeper than %d", ErrLimit, MaxDepth)
			}
			depth++
			left[depth] = items
		}
	}
	if pos != len(b) {
		return fmt.Errorf("%w: %d trailing bytes", ErrFormat, len(b)-pos)
	}
	return nil
}

// header returns how many bytes the value at the start of b takes without its
// items, and how many items follow.
func header(b []byte) (size, items int, err error) {
	c := b[0]
	length := func(width int) (int, bool) {
		if len(b) < 1+width {
			return 0, false
		}
		switch width {
		case 1:
			return int(b[1]), true
		case 2:
			return int(binary.BigEndian.Uint16(b[1:])), true
		}
		n := binary.BigEndian.Uint32(b[1:])
		return int(n), n <= 1<<31-16
	}
	switch {
	case c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3:
		return 1, 0, nil
	case c >= 0xa0 && c <= 0xbf:
		return 1 + int(c&0x1f), 0, nil
	case c >= 0x90 && c <= 0x9f:
		return 1, int(c & 0x0f), nil
	case c >= 0xcc && c <= 0xd3:
		return 1 + 1<<(c&3), 0, nil
	}
	width := 0
	switch c {
	case 0xc4, 0xd9:
		width = 1
	case 0xc5, 0xda, 0xdc:
		width = 2
	case 0xc6, 0xdb, 0xdd:
		width = 4
	default:
		return 0, 0, fmt.Errorf("%w: type 0x%02x is not used here", ErrFormat, c)
	}
	n, ok := length(width)
	if !ok {
		return 0, 0, fmt.Errorf("%w: bad length", ErrFormat)
	}
	if c == 0xdc || c == 0xdd {
		return 1 + width, n, nil
	}
	return 1 + width + n, 0, nil
}

// skip returns the length of the msgpack value that b begins with, or -1. It
// keeps Guard's limits.
func skip(b []byte) int {
	pos, left := 0, 1
	for left > 0 {
		if pos >= len(b) {
			return -1
		}
		size, items, err := header(b[pos:])
		if err != nil || size > len(b)-pos || items > len(b)-pos {
			return -1
		}
		pos += size
		left += items - 1
	}
	return pos
}
