package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"shangu/schema"
	"shangu/schema/text"
)

//go:embed *.html static
var files embed.FS

type asset struct {
	body []byte
	kind string
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// readStatic names each asset by what is in it, so that browsers may keep it for
// ever and a new release is seen at once.
func (s *Site) readStatic() error {
	return fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		s.static["/"+name] = asset{body, kinds[path.Ext(name)]}
		return nil
	})
}

// readArea takes an area's style and script, which its pages load besides the
// common ones.
func (s *Site) readArea(a Area) error {
	if a.Files == nil {
		return nil
	}
	return fs.WalkDir(a.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || kinds[path.Ext(name)] == "" {
			return err
		}
		body, err := fs.ReadFile(a.Files, name)
		s.static["/static/"+a.Name+"/"+name] = asset{body, kinds[path.Ext(name)]}
		return err
	})
}

// own lists the area's assets of one sort that a template's page loads.
func (s *Site) own(tmpl, ext string) []string {
	area, _, ok := strings.Cut(tmpl, "/")
	if name := area + "/" + area + ext; ok && s.static["/static/"+name].body != nil {
		return []string{name}
	}
	return nil
}

// link is the address of an asset: its path, and a mark of its content.
func (s *Site) link(name string) (string, error) {
	a, ok := s.static["/static/"+name]
	if !ok {
		return "", fmt.Errorf("no asset %s", name)
	}
	sum := sha256.Sum256(a.body)
	return "/static/" + name + "?" + hex.EncodeToString(sum[:4]), nil
}

func (s *Site) parse(lang text.Lang) (*template.Template, error) {
	t := template.New("").Funcs(template.FuncMap{
		"say":   func(id string, kv ...any) string { return text.New(id, kv...).In(lang) },
		"words": func(m *text.Message) string { return m.In(lang) },
		"label": func(l text.Label) string { return l.In(lang) },
		"code":  func(l *schema.CodeList, n int) string { return codeName(l, n, lang) },
		"day":   func(d schema.Date) string { return Day(d, lang) },
		"field": fieldIn(lang),
		"asset": s.link,
		"add":   func(a, b int) int { return a + b },
		"take":  take,
	})
	t, err := t.ParseFS(files, "*.html")
	if err != nil {
		return nil, err
	}
	for _, a := range s.d.Areas {
		if a.Files == nil {
			continue
		}
		t.Funcs(a.Funcs)
		names, err := fs.Glob(a.Files, "*.html")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			b, err := fs.ReadFile(a.Files, n)
			if err != nil {
				return nil, err
			}
			if _, err := t.New(a.Name + "/" + strings.TrimSuffix(n, ".html")).Parse(string(b)); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func codeName(l *schema.CodeList, n int, lang text.Lang) string {
	c, ok := l.ByNum(int64(n))
	if !ok {
		return ""
	}
	return c.Name.In(lang)
}

// Day is a date as people write it: 10月12日 周一.
func Day(d schema.Date, lang text.Lang) string {
	_, m, day := d.Parts()
	return text.New("page.day", "month", text.New(fmt.Sprintf("page.month%d", m)).In(lang), "day", day, "weekday", text.New(fmt.Sprintf("page.weekday%d", d.Weekday())).In(lang)).In(lang)
}
