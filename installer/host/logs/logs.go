// Package logs writes a service's log: slog JSON, one line an event, into
// files that are rotated by size, with the last thousand lines kept in memory
// for the status page.
//
// A log never stops the work that it tells of: on a full disk lines still reach
// memory, and the files go on when there is room again.
package logs

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"shangu/sync/disk"
)

// Defaults of Options.
const (
	DefaultMaxBytes = 4 << 20
	DefaultKeep     = 4
)

// Ring is how many lines are kept in memory, and longestLine how many bytes of
// each: together they bound it.
const (
	Ring        = 1000
	longestLine = 2048
)

// Options say where a log goes.
type Options struct {
	Path     string       // the newest file; older ones are Path.1, Path.2, ...; "" for none
	Level    slog.Leveler // what to leave out; nil is Info
	MaxBytes int64        // size at which a file is rotated; 0 is DefaultMaxBytes
	Keep     int          // how many older files to keep; 0 is DefaultKeep
	Also     io.Writer    // a second place for every line, such as stderr; may be nil
}

// AddFlag gives a command the flag --log-level and returns the level.
func AddFlag(fs *pflag.FlagSet) *slog.Level {
	l := new(slog.Level)
	fs.TextVar(l, "log-level", slog.LevelInfo, "host.flag_log_level")
	return l
}

// Log is an open log. It is safe for use by many goroutines.
type Log struct {
	*slog.Logger
	o Options

	mu   sync.Mutex
	file *os.File
	size int64
	ring [Ring]string
	next int // lines ever written
}

// Open opens a log, continuing the file that is there.
func Open(o Options) (*Log, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Keep <= 0 {
		o.Keep = DefaultKeep
	}
	l := &Log{o: o}
	l.Logger = slog.New(slog.NewJSONHandler(lines{l}, &slog.HandlerOptions{Level: o.Level}))
	if o.Path == "" {
		return l, nil
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if err := l.reopen(); err != nil && !disk.IsFull(err) {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

// Recent returns the newest lines, at most n and at most Ring, oldest first.
func (l *Log) Recent(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, l.next, Ring)
	out := make([]string, 0, max(n, 0))
	for i := l.next - n; i < l.next; i++ {
		out = append(out, l.ring[i%Ring])
	}
	return out
}

// Close closes the file. Lines that come later reach memory and Also alone.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.o.Path = ""
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// lines takes what slog writes: one Write a line.
type lines struct{ l *Log }

func (w lines) Write(b []byte) (int, error) {
	w.l.add(b)
	return len(b), nil
}

func (l *Log) add(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := bytes.TrimRight(b, "\n")
	kept := string(line[:min(len(line), longestLine)])
	if len(kept) < len(line) {
		kept = strings.ToValidUTF8(kept, "") + "…"
	}
	l.ring[l.next%Ring] = kept
	l.next++
	if l.o.Also != nil {
		l.o.Also.Write(b)
	}
	if l.o.Path == "" {
		return
	}
	if l.size > 0 && l.size+int64(len(b)) > l.o.MaxBytes {
		l.rotate()
	}
	if l.file == nil && l.reopen() != nil {
		return
	}
	n, err := l.file.Write(b)
	l.size += int64(n)
	if err != nil {
		// Closing lets the next line try afresh, on whatever is there then.
		l.file.Close()
		l.file = nil
	}
}

func (l *Log) reopen() error {
	f, err := os.OpenFile(l.o.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// rotate renames each file to the next number, dropping the oldest. The file
// is closed first: Windows does not rename what is open. If somebody else has
// it open there, it grows on and the next line tries again.
func (l *Log) rotate() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	full := l.o.Path + ".full"
	if os.Rename(l.o.Path, full) != nil {
		return
	}
	l.size = 0
	name := func(i int) string { return fmt.Sprintf("%s.%d", l.o.Path, i) }
	os.Remove(name(l.o.Keep))
	for i := l.o.Keep - 1; i >= 1; i-- {
		os.Rename(name(i), name(i+1))
	}
	os.Rename(full, name(1))
}
