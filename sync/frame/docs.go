package frame

import (
	"encoding/binary"
	"fmt"
)

// CompressDocs joins canonical documents for the way to an agent, compressed
// if that makes them smaller.
func CompressDocs(docs [][]byte) []byte {
	size := 0
	for _, d := range docs {
		size += len(d) + binary.MaxVarintLen32
	}
	body := make([]byte, 0, size)
	for _, d := range docs {
		body = binary.AppendUvarint(body, uint64(len(d)))
		body = append(body, d...)
	}
	coding := byte(codingWhole)
	if b, smaller := compress(body); smaller {
		body, coding = b, codingDict1
	}
	return append([]byte{packVersion, coding}, body...)
}

// ExpandDocs returns the documents that CompressDocs joined; they share one
// piece of memory. It fails with ErrLimit when they would take more than max
// bytes, before it takes memory for them.
func ExpandDocs(b []byte, max int) ([][]byte, error) {
	if len(b) < 2 || b[0] != packVersion {
		return nil, fmt.Errorf("expand documents: %w: version", ErrFormat)
	}
	coding, body := b[1], b[2:]
	switch coding {
	case codingWhole:
		if len(body) > max {
			return nil, fmt.Errorf("expand documents of %d bytes: %w", len(body), ErrLimit)
		}
	case codingDict1:
		var err error
		if body, err = expand(body, max); err != nil {
			return nil, fmt.Errorf("expand documents: %w", err)
		}
	default:
		return nil, fmt.Errorf("expand documents: %w: coding %d", ErrFormat, coding)
	}
	var docs [][]byte
	for len(body) > 0 {
		n, k := binary.Uvarint(body)
		if k <= 0 || n == 0 || n > uint64(len(body)-k) {
			return nil, fmt.Errorf("expand documents: %w", ErrFormat)
		}
		docs = append(docs, body[k:k+int(n):k+int(n)])
		body = body[k+int(n):]
	}
	return docs, nil
}
