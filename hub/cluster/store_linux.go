package cluster

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	wal "github.com/hashicorp/raft-wal"
)

// segmentSize of the log in bytes: it is preallocated, so it is also what a new
// node takes on disk.
const segmentSize = 16 << 20

// OpenLog opens the raft log of the given kind under dir.
func OpenLog(kind, dir string, log *slog.Logger) (LogStore, error) {
	if kind == LogBolt {
		return openBolt(filepath.Join(dir, "log.db"))
	}
	path := filepath.Join(dir, "wal")
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open raft log: %w", err)
	}
	w, err := wal.Open(path, wal.WithLogger(bridge(log)), wal.WithSegmentSize(segmentSize))
	if err != nil {
		return nil, fmt.Errorf("open raft log %s: %w", path, err)
	}
	return w, nil
}
