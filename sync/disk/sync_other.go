//go:build !linux

package disk

import "os"

// Datasync syncs a file's content: FlushFileBuffers on Windows, fsync (and
// F_FULLFSYNC) elsewhere.
func Datasync(f *os.File) error { return f.Sync() }
