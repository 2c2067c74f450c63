package intake

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"shangu/schema/table"
	"shangu/schema/text"
)

// ReadFile reads a file to import, as far as an import may be long. What is
// wrong comes back as a message that says what to do: no such file, a folder, no
// permission, in use by Excel or WPS.
func ReadFile(name string) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, table.MaxFile+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	return data, nil
}

// Open opens a person's file, with the messages of ReadFile.
func Open(name string) (*os.File, error) {
	// Opening a pipe would wait for somebody to write into it.
	switch info, err := os.Stat(name); {
	case err != nil:
		return nil, unreadable(name, err)
	case info.IsDir():
		return nil, text.New("intake.directory", "file", name)
	case !info.Mode().IsRegular():
		return nil, unreadable(name, errors.New("not a regular file"))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	return f, nil
}

func unreadable(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return text.Wrap(err, "intake.not_found", "file", name)
	case inUse(err):
		return text.Wrap(err, "intake.in_use", "file", name)
	case errors.Is(err, fs.ErrPermission):
		return text.Wrap(err, "intake.no_access", "file", name)
	}
	return text.Wrap(fmt.Errorf("read file: %w", err), "intake.unreadable", "file", name)
}
