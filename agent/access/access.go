// Package access keeps who has seen what few may see: guarded fields of a pupil, a
// case, a table with names in full. An event is on disk before what it speaks of is
// shown, and is never changed.
//
// Events lie in small sealed files of one directory, apart from the records: they stay
// on this computer. The package knows no page; it imports schema and sync/seal.
package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"shangu/sync/seal"
)

// Event is one look.
type Event struct {
	At      int64  `json:"at"`               // unix seconds
	Account string `json:"account"`          // its name as it was then
	What    string `json:"what"`             // which sort of thing, as whoever notes it calls it
	Whose   string `json:"whose,omitempty"`  // a pupil's id
	Name    string `json:"name,omitempty"`   // the pupil's, as it was then
	Remote  bool   `json:"remote,omitempty"` // from another computer of the school
}

// Bounds of what is kept. Each event rewrites its file, which therefore stays small;
// files are counted, not dated, because clocks here cannot be trusted with deleting.
const (
	perFile = 200
	files   = 500
)

const ending = ".json"

// Log is the events of a data directory. It may be used by many at once.
type Log struct {
	dir   string
	files seal.Files

	mu   sync.Mutex
	open bool
	at   int // number of the newest file, 0: there is none
	last []Event
}

// New makes a Log in a directory, which need not be there yet.
func New(dir string, f seal.Files) *Log { return &Log{dir: dir, files: f} }

// Note keeps an event for good.
func (l *Log) Note(e Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.begin(); err != nil {
		return fmt.Errorf("note access: %w", err)
	}
	at, events := l.at, append(slices.Clone(l.last), e)
	if at == 0 || len(events) > perFile {
		at, events = at+1, []Event{e}
	}
	raw, err := json.Marshal(events)
	if err == nil {
		err = l.files.Write(l.path(at), raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("note access: %w", err)
	}
	if at != l.at {
		// One that cannot be removed now goes with the next.
		_ = l.sweep(at)
	}
	l.at, l.last = at, events
	return nil
}

// begin finds the newest file. One that cannot be read stays where it is, for whoever
// can mend it, and the next event begins a file after it.
func (l *Log) begin() error {
	if l.open {
		return nil
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	all, err := l.numbers()
	if err != nil {
		return err
	}
	if len(all) > 0 {
		l.at = all[len(all)-1]
		if l.last, err = l.read(l.at); err != nil {
			l.last = make([]Event, perFile)
		}
	}
	l.open = true
	return nil
}

// numbers are those of the files that are there, ascending.
func (l *Log) numbers() ([]int, error) {
	list, err := os.ReadDir(l.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, f := range list {
		name, ok := strings.CutSuffix(f.Name(), ending)
		if n, err := strconv.Atoi(name); ok && err == nil && n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (l *Log) path(n int) string { return filepath.Join(l.dir, fmt.Sprintf("%08d%s", n, ending)) }

func (l *Log) read(n int) (events []Event, err error) {
	raw, err := l.files.Read(l.path(n))
	if err == nil {
		err = json.Unmarshal(raw, &events)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", l.path(n), err)
	}
	return events, nil
}

func (l *Log) sweep(newest int) error {
	all, err := l.numbers()
	for _, n := range all {
		if n <= newest-files {
			err = errors.Join(err, os.Remove(l.path(n)))
		}
	}
	return err
}

// Page is the events of one file.
type Page struct {
	Number int
	Events []Event // the newest first
	Broken bool    // the file cannot be read
	Older  int     // number of the page before it, 0: this is the oldest
	Newer  int     // number of the page after it, 0: this is the newest
}

// Page returns a page, the newest if n is 0. Where there are no events it is empty; of
// a number that is not there it is the nearest older one.
func (l *Log) Page(n int) (p Page, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.numbers()
	if err != nil {
		return p, fmt.Errorf("read access: %w", err)
	}
	if len(all) == 0 {
		return p, nil
	}
	i := len(all) - 1
	for n != 0 && i > 0 && all[i] > n {
		i--
	}
	p.Number = all[i]
	if i > 0 {
		p.Older = all[i-1]
	}
	if i < len(all)-1 {
		p.Newer = all[i+1]
	}
	p.Events, err = l.read(p.Number)
	p.Broken = err != nil
	slices.Reverse(p.Events)
	return p, nil
}

// All yields the events of every file that can be read, the newest first, and what was
// wrong with those that cannot.
func (l *Log) All() (events []Event, broken error) {
	p, err := l.Page(0)
	for {
		if err != nil {
			return events, err
		}
		if p.Broken {
			broken = errors.Join(broken, fmt.Errorf("read %s", l.path(p.Number)))
		}
		events = append(events, p.Events...)
		if p.Older == 0 {
			return events, broken
		}
		p, err = l.Page(p.Older)
	}
}
