package disk

import (
	"bufio"
	"errors"
	"io"
	"path/filepath"
)

// PartEnding ends the name that a file of Put's has until it is whole.
const PartEnding = ".part"

// Put writes a file that may be on a stick: under a name of its own beside its
// place, synced, and only then under its name, as Publish does it. Whenever the
// power fails or the stick is pulled out the file is whole or not there. check,
// if not nil, reads it back before it gets its name, and its error keeps it from
// that. After an error nothing is left beside, and what had the name keeps it.
func Put(d FS, path string, fill func(io.Writer) error, check func(part string) error) error {
	part := path + PartEnding
	err := d.Remove(part)
	if err != nil {
		return err
	}
	err = write(d, part, fill)
	if err == nil && check != nil {
		err = check(part)
	}
	if err == nil {
		err = Publish(d, part, path)
	}
	if err != nil && !errors.Is(err, ErrCut) {
		err = errors.Join(err, d.Remove(part))
	}
	return err
}

func write(d FS, name string, fill func(io.Writer) error) (err error) {
	f, err := d.Open(name, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(&appender{f: f}, 64<<10)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Datasync()
}

// appender writes one piece after the other.
type appender struct {
	f  File
	at int64
}

func (a *appender) Write(b []byte) (int, error) {
	n, err := a.f.WriteAt(b, a.at)
	a.at += int64(n)
	return n, err
}

// Publish gives a file that was written and synced under the name part its own
// name, for good. FAT keeps size and place of a file beside its name: after a
// rename Linux writes the new name without them, and adds them when it likes,
// unless the file itself is synced once more. Syncing the directory does not do
// it.
func Publish(d FS, part, path string) error {
	err := d.Rename(part, path)
	if err == nil {
		err = settle(d, path)
	}
	if err == nil {
		err = d.SyncDir(filepath.Dir(path))
	}
	return err
}

// settle syncs a file that is closed.
func settle(d FS, path string) error {
	if d == OS {
		return settleFile(path)
	}
	f, err := d.Open(path, false)
	if err != nil {
		return err
	}
	return errors.Join(f.Datasync(), f.Close())
}
