//go:build !linux

package bench

import (
	"context"
	"errors"
	"time"
)

// commandSize is the size of one command of the bare run in bytes.
const commandSize = 64 << 10

func bareRaft(context.Context, string, int, time.Duration) (float64, error) {
	return 0, errors.New("bare raft: raft-wal runs on Linux only")
}
