package text

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sync"
)

//go:embed catalogue/*.json
var files embed.FS

// entry is one message of the catalogue.
type entry struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

func (e entry) in(l Lang) string {
	if l == EN {
		return e.EN
	}
	return e.ZH
}

// catalogue holds what could be read; a file that is broken costs its own
// messages their words, which the package's test does not let happen.
var catalogue = sync.OnceValue(func() map[string]entry {
	all, _ := load(files)
	return all
})

// load reads all areas. On errors it still returns what was sound.
func load(fsys fs.FS) (map[string]entry, error) {
	names, err := fs.Glob(fsys, "catalogue/*.json")
	if err != nil {
		return nil, fmt.Errorf("list catalogue: %w", err)
	}
	all := map[string]entry{}
	var errs []error
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read catalogue: %w", err))
			continue
		}
		area := map[string]entry{}
		if err := json.Unmarshal(data, &area); err != nil {
			errs = append(errs, fmt.Errorf("parse %s: %w", path.Base(name), err))
			continue
		}
		for id, e := range area {
			if _, dup := all[id]; dup {
				errs = append(errs, fmt.Errorf("parse %s: %q is in another file too", path.Base(name), id))
			}
			all[id] = e
		}
	}
	return all, errors.Join(errs...)
}

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)
