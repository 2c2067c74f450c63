package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"shangu/schema/text"
	"shangu/sync/disk"
)

func TestSaveSaysWhyAFileIsNotThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "report.csv")
	if err := SaveBytes(file, []byte("old")); err != nil {
		t.Fatal(err)
	}
	failing := func(err error) error { return Save(file, func(io.Writer) error { return err }, nil) }
	unread := func(err error) error {
		return Save(file, func(io.Writer) error { return nil }, func(string) error { return err })
	}
	for id, err := range map[string]error{
		"host.file_full":   failing(disk.ErrFull),
		"host.file_locked": failing(fs.ErrPermission),
		"host.file_failed": unread(errors.New("not whole")),
		"host.no_args":     unread(text.New("host.no_args")),
		"host.file_no_dir": SaveBytes(filepath.Join(dir, "none", "x"), nil),
	} {
		if text.Of(err) == nil || text.Of(err).ID() != id {
			t.Errorf("%s: %v", id, err)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "old" {
		t.Errorf("the file that was there: %q, %v", b, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
