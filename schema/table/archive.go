package table

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"shangu/schema/text"
)

// Archive is a zip file of csv files, as programs pass tables on.
type Archive struct {
	files map[string]*zip.File
	left  uint64 // bytes that may still be unpacked
}

// IsArchive reports whether data is a zip file that is no workbook.
func IsArchive(data []byte) bool { return detect(data) == formArchive }

// OpenArchive opens a zip file. Folders in it do not count, nor does the case
// of names.
func OpenArchive(data []byte) (*Archive, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, text.Wrap(err, "table.is_cut")
	}
	if len(z.File) > maxParts {
		return nil, text.New("table.bomb")
	}
	a := &Archive{files: map[string]*zip.File{}, left: maxUnpacked}
	for _, f := range z.File {
		full := strings.ReplaceAll(f.Name, `\`, "/")
		name := strings.ToLower(path.Base(full))
		if strings.HasSuffix(full, "/") || strings.HasPrefix(name, "._") {
			continue
		}
		if _, twice := a.files[name]; twice {
			return nil, text.New("table.twice_in_archive", "file", name)
		}
		a.files[name] = f
	}
	return a, nil
}

// Has reports whether the archive holds a file.
func (a *Archive) Has(name string) bool { return a.files[name] != nil }

// Read reads one csv file of the archive as Read does. Problems name the file.
func (a *Archive) Read(name string, spec *Spec, problems *Problems, each func(*Row)) Info {
	data, err := a.unpack(name)
	if err != nil {
		m := text.Of(err)
		if m == nil {
			m = text.Wrap(err, "table.damaged", "why", err)
		}
		problems.Add(Problem{Sheet: name, Message: m})
		return Info{}
	}
	return ReadNamed(name, data, spec, problems, each)
}

func (a *Archive) unpack(name string) ([]byte, error) {
	f := a.files[name]
	if f == nil {
		return nil, text.New("table.not_in_archive", "file", name)
	}
	if f.Flags&1 != 0 {
		return nil, formEncrypted.refusal()
	}
	if f.UncompressedSize64 > MaxFile || f.UncompressedSize64 > a.left {
		return nil, text.New("table.bomb")
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	a.left -= uint64(len(data))
	return data, nil
}
