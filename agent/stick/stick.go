// Package stick is the school's side of a USB stick: which are plugged in, a bundle
// put on one so that it is whole, and the replies that one brought back.
//
// What is in a bundle is agent/service's, its form sync/bundle's. The command and the
// page both use this package; it imports schema/text, sync/bundle and sync/disk.
package stick

import (
	"io"
	"os"
	"path/filepath"

	"shangu/schema/text"
	"shangu/sync/bundle"
	"shangu/sync/disk"
)

// Volume is a stick that is plugged in.
type Volume struct {
	Path string // where its files are: E:\ or /media/usb
	Name string // that somebody gave it, "" if none
	Free uint64 // bytes; 0 if not known
	Shut bool   // this program may not write there, as is so with what a desktop mounts for the person at it
}

// MaxReply is how large the file of a reply may be, in bytes.
const MaxReply = bundle.MaxFile + 1<<10

// Volumes lists the sticks that are plugged in, as far as this program sees them.
func Volumes() []Volume {
	out := volumes()
	for i := range out {
		if free, err := disk.Free(out[i].Path); err == nil {
			out[i].Free = free
		}
	}
	return out
}

// Put writes a bundle of size bytes, called name, to a folder or a file, and then
// takes away the older ones that it replaces. It returns where the bundle is; with an
// error too, if only older ones could not be removed.
func Put(arg, name string, size int64, r io.Reader) (path string, err error) {
	path, folder := bundle.Place(arg, name)
	err = bundle.Put(disk.OS, path, func(w io.Writer) error {
		n, err := io.Copy(w, r)
		if err == nil && n != size {
			err = text.New("agent.bad_answer")
		}
		return err
	})
	if err != nil || !folder {
		return path, err
	}
	if err := bundle.Sweep(disk.OS, filepath.Dir(path), name); err != nil {
		return path, text.Wrap(err, "agent.bundle_not_swept", "file", path, "cause", err)
	}
	return path, nil
}

// Replies finds in a folder the replies for the machine that own names, oldest first;
// a file is taken as it is.
func Replies(arg string, own bundle.Name) ([]string, error) {
	if st, err := os.Stat(arg); err != nil || !st.IsDir() {
		return []string{arg}, nil
	}
	names, err := disk.OS.List(arg)
	if err != nil {
		return nil, text.Wrap(err, "intake.unreadable", "file", arg, "cause", err)
	}
	var out []string
	for _, f := range bundle.Pick(names, bundle.Down) {
		if n, _ := bundle.ParseName(f); n.School == own.School && n.Chain == own.Chain {
			out = append(out, filepath.Join(arg, f))
		}
	}
	if len(out) == 0 {
		return nil, text.New("agent.bundle_no_reply", "dir", arg)
	}
	return out, nil
}
