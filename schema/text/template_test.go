package text

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	tmpl "text/template/parse"
)

// Every sentence of every page comes from the catalogue: ids that templates name are
// there, their places are filled, and no Chinese stands in a template or script.
func TestIDsInTemplatesExist(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	all, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	s := &scan{t: t, all: all}
	err = filepath.WalkDir(filepath.Join(root, "agent", "web"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		s.file, err = filepath.Rel(root, path)
		if err != nil {
			return err
		}
		ext := filepath.Ext(path)
		if ext != ".html" && ext != ".js" {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// The one word that stands in its own language on the page of the other.
		words := strings.ReplaceAll(string(body), "{{else}}中文{{end}}", "")
		if at := han.FindString(words); at != "" {
			t.Errorf("%s: %q is not in the catalogue", s.file, at)
		}
		if ext != ".html" {
			return nil
		}
		tree := tmpl.New(s.file)
		tree.Mode = tmpl.SkipFuncCheck
		trees := map[string]*tmpl.Tree{}
		if _, err := tree.Parse(string(body), "", "", trees); err != nil {
			return err
		}
		for _, tr := range trees {
			s.node(tr.Root)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.calls == 0 {
		t.Fatal("no call of say was found: the search is broken")
	}
}

var han = regexp.MustCompile(`\p{Han}+`)

type scan struct {
	t     *testing.T
	all   map[string]entry
	file  string
	calls int
}

// node walks a template down to its calls.
func (s *scan) node(n tmpl.Node) {
	switch n := n.(type) {
	case *tmpl.ListNode:
		if n == nil {
			return
		}
		for _, c := range n.Nodes {
			s.node(c)
		}
	case *tmpl.ActionNode:
		s.node(n.Pipe)
	case *tmpl.TemplateNode:
		s.node(n.Pipe)
	case *tmpl.IfNode:
		s.branch(&n.BranchNode)
	case *tmpl.RangeNode:
		s.branch(&n.BranchNode)
	case *tmpl.WithNode:
		s.branch(&n.BranchNode)
	case *tmpl.PipeNode:
		if n == nil {
			return
		}
		for _, c := range n.Cmds {
			s.call(c)
		}
	}
}

func (s *scan) branch(b *tmpl.BranchNode) {
	s.node(b.Pipe)
	s.node(b.List)
	s.node(b.ElseList)
}

func (s *scan) call(c *tmpl.CommandNode) {
	for _, a := range c.Args {
		s.node(a)
	}
	f, ok := c.Args[0].(*tmpl.IdentifierNode)
	if !ok {
		return
	}
	args := c.Args[1:]
	str := func(i int) string {
		if i >= len(args) {
			return ""
		}
		if n, ok := args[i].(*tmpl.StringNode); ok {
			return n.Text
		}
		return ""
	}
	switch f.Ident {
	case "say":
		if id := str(0); id != "" {
			var given []string
			for i := 1; i < len(args); i += 2 {
				given = append(given, str(i))
			}
			s.id(id, given)
		}
	case "field":
		if id := str(2); id != "" {
			s.id(id, nil)
		}
		for i := 3; i+1 < len(args); i += 2 {
			if id := str(i + 1); id != "" && (str(i) == "hint" || str(i) == "empty") {
				s.id(id, nil)
			}
		}
	}
}

func (s *scan) id(id string, given []string) {
	s.calls++
	e, ok := s.all[id]
	if !ok {
		s.t.Errorf("%s: %q is not in the catalogue", s.file, id)
		return
	}
	for _, want := range placeholders(e.ZH) {
		if !slices.Contains(given, want) {
			s.t.Errorf("%s: %q leaves {%s} empty", s.file, id, want)
		}
	}
}
