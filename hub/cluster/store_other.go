//go:build !linux

package cluster

import (
	"fmt"
	"log/slog"
	"path/filepath"
)

// OpenLog opens the raft log of the given kind under dir. raft-wal cannot make
// its directory durable here, so bbolt is the only kind.
func OpenLog(kind, dir string, _ *slog.Logger) (LogStore, error) {
	if kind != LogBolt {
		return nil, fmt.Errorf("open raft log: kind %q needs Linux", kind)
	}
	return openBolt(filepath.Join(dir, "log.db"))
}
