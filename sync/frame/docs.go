package frame

import (
	"encoding/binary"
	"fmt"
)

// CompressDocs joins canonical documents for the way to an agent.
func CompressDocs(docs [][]byte) []byte {
	size := 2 + binary.MaxVarintLen64
	for _, d := range docs {
		size += len(d) + binary.MaxVarintLen32
	}
	b := append(make([]byte, 0, size), packVersion, 0)
	for _, d := range docs {
		b = binary.AppendUvarint(b, uint64(len(d)))
		b = append(b, d...)
	}
	return b
}

// ExpandDocs returns the documents that CompressDocs joined. It fails with
// ErrLimit when they take more than max bytes together.
func ExpandDocs(b []byte, max int) ([][]byte, error) {
	if len(b) < 2 || b[0] != packVersion || b[1] != 0 {
		return nil, fmt.Errorf("expand documents: %w", ErrFormat)
	}
	b = b[2:]
	if len(b) > max {
		return nil, fmt.Errorf("expand documents of %d bytes: %w", len(b), ErrLimit)
	}
	var docs [][]byte
	for len(b) > 0 {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, fmt.Errorf("expand documents: %w", ErrFormat)
		}
		docs = append(docs, b[k:k+int(n):k+int(n)])
		b = b[k+int(n):]
	}
	return docs, nil
}
