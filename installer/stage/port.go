package stage

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"

	"shangu/sync/disk"
)

// Ports that are given out: none that the system gives to outgoing connections, for
// whoever listens there ends and comes back, and must find it free. Each process has
// blocks of its own, so that no other takes a port while its owner is down.
const (
	firstPort = 12000
	blockSize = 200
	blocks    = 100
)

// ports are this process's.
var ports struct {
	sync.Mutex
	left  []int       // of the last block, not given out yet
	locks []io.Closer // of the blocks, for as long as the process lives
}

// Port returns an address on loopback that nobody listens on and that nobody else,
// here or in another process that asks so, is given.
func Port() (string, error) {
	ports.Lock()
	defer ports.Unlock()
	for {
		for n := len(ports.left); n > 0; n = len(ports.left) {
			addr := fmt.Sprintf("127.0.0.1:%d", ports.left[n-1])
			ports.left = ports.left[:n-1]
			if l, err := net.Listen("tcp", addr); err == nil {
				l.Close()
				return addr, nil
			}
		}
		if err := takeBlock(); err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
	}
}

// takeBlock takes a block that no other process has; the caller holds ports.
func takeBlock() error {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("shangu-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, block := range rand.Perm(blocks) {
		lock, err := disk.Lock(filepath.Join(dir, fmt.Sprint(block)))
		if errors.Is(err, disk.ErrLocked) {
			continue // another process's, or ours already
		}
		if err != nil {
			return err
		}
		ports.locks = append(ports.locks, lock)
		for _, i := range rand.Perm(blockSize) {
			ports.left = append(ports.left, firstPort+block*blockSize+i)
		}
		return nil
	}
	return errors.New("all ports of 127.0.0.1 from 12000 to 32000 are given out")
}
