package text

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"pgregory.net/rapid"
)

func placeholders(s string) []string {
	var out []string
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestCatalogueIsComplete(t *testing.T) {
	all, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	for id, e := range all {
		if strings.TrimSpace(e.ZH) == "" || strings.TrimSpace(e.EN) == "" {
			t.Errorf("%s: both languages are needed: %q, %q", id, e.ZH, e.EN)
		}
		if zh, en := placeholders(e.ZH), placeholders(e.EN); !slices.Equal(zh, en) {
			t.Errorf("%s: placeholders differ: zh %v, en %v", id, zh, en)
		}
		if strings.HasSuffix(id, ".other_language") {
			continue // the other language's name, in itself
		}
		if !strings.ContainsFunc(e.ZH, func(r rune) bool { return unicode.Is(unicode.Han, r) }) && strings.ContainsFunc(placeholder.ReplaceAllString(e.ZH, ""), unicode.IsLetter) {
			t.Errorf("%s: no Chinese in %q", id, e.ZH)
		}
		if strings.ContainsFunc(e.EN, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s: Chinese in %q", id, e.EN)
		}
	}
}

func TestIDsBeginWithTheirArea(t *testing.T) {
	names, err := fs.Glob(files, "catalogue/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		area := strings.TrimSuffix(filepath.Base(name), ".json")
		ids, err := load(fstest.MapFS{name: {Data: data}})
		if err != nil {
			t.Fatal(err)
		}
		for id := range ids {
			if !strings.HasPrefix(id, area+".") {
				t.Errorf("%s: %q belongs into another file or needs the prefix %q", name, id, area+".")
			}
		}
	}
}

// TestIDsInCodeExist reads all Go sources of the module: a message whose id is
// not in the catalogue, or that leaves a place in its text empty, is found here
// and not by a clerk.
func TestIDsInCodeExist(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	all, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || path != root && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || filepath.Dir(path) == filepath.Join(root, "schema", "text") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			at, wrapped := textCall(c)
			if at < 0 || len(c.Args) <= at {
				return true
			}
			id, ok := literal(c.Args[at])
			if !ok {
				return true
			}
			calls++
			pos := fset.Position(c.Pos())
			e, ok := all[id]
			if !ok {
				if !strings.HasSuffix(path, "_test.go") {
					t.Errorf("%s: %q is not in the catalogue", pos, id)
				}
				return true
			}
			if c.Ellipsis.IsValid() {
				return true
			}
			kv := c.Args[at+1:]
			if len(kv)%2 != 0 {
				t.Errorf("%s: %q has an argument without a value", pos, id)
			}
			given := []string{}
			if wrapped {
				given = append(given, "cause")
			}
			for i := 0; i < len(kv); i += 2 {
				name, ok := literal(kv[i])
				if !ok {
					return true
				}
				given = append(given, name)
			}
			for _, want := range placeholders(e.ZH) {
				if !slices.Contains(given, want) {
					t.Errorf("%s: %q leaves {%s} empty", pos, id, want)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls == 0 {
		t.Fatal("no call of text.New or text.Wrap was found: the search is broken")
	}
}

// textCall returns the index of the id in a call of text.New or text.Wrap, or -1.
func textCall(c *ast.CallExpr) (at int, wrapped bool) {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return -1, false
	}
	if pkg, ok := sel.X.(*ast.Ident); !ok || pkg.Name != "text" {
		return -1, false
	}
	switch sel.Sel.Name {
	case "New":
		return 0, false
	case "Wrap":
		return 1, true
	}
	return -1, false
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = up
	}
}

func TestWords(t *testing.T) {
	cause := errors.New("disk gone")
	m := Wrap(cause, "schema.required", "field", Label{"姓名", "name"})
	if got, want := m.In(ZH), "“姓名”没有填写"; got != want {
		t.Errorf("zh: %q, want %q", got, want)
	}
	if got, want := m.In(EN), "name is missing"; got != want {
		t.Errorf("en: %q, want %q", got, want)
	}
	if !errors.Is(m, cause) || !errors.Is(m, New("schema.required")) || errors.Is(m, New("schema.other")) {
		t.Error("errors.Is does not follow cause and id")
	}
	outer := New("from.a.newer.peer", "why", m, "n", 7)
	if got, want := outer.In(EN), "from.a.newer.peer why=name is missing n=7"; got != want {
		t.Errorf("unknown id: %q, want %q", got, want)
	}
	if got := Parse(outer.Code()).In(ZH); got != outer.In(ZH) {
		t.Errorf("after Code and Parse: %q", got)
	}
	if got := New("schema.required").In(EN); got != "{field} is missing" {
		t.Errorf("missing argument: %q", got)
	}
}

func TestCodeRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[a-z][a-z0-9_]{0,6}`)
	words := rapid.StringOf(rapid.RuneFrom([]rune("a\\|^=~\n\rpcnr班")))
	rapid.Check(t, func(t *rapid.T) {
		var build func(depth int) *Message
		build = func(depth int) *Message {
			var kv []any
			for range rapid.IntRange(0, 3).Draw(t, "args") {
				kv = append(kv, name.Draw(t, "name"))
				switch k := rapid.IntRange(0, 2).Draw(t, "sort"); {
				case k == 0 && depth < 3:
					kv = append(kv, build(depth+1))
				case k == 1:
					kv = append(kv, Label{words.Draw(t, "zh"), words.Draw(t, "en")})
				default:
					kv = append(kv, words.Draw(t, "value"))
				}
			}
			return New(words.Draw(t, "id"), kv...)
		}
		m := build(0)
		code := m.Code()
		if strings.ContainsAny(code, "\n\r") {
			t.Fatalf("code is not one line: %q", code)
		}
		back := Parse(code)
		if back.In(ZH) != m.In(ZH) || back.In(EN) != m.In(EN) || back.Code() != code {
			t.Fatalf("%q became %q", code, back.Code())
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("schema.required|field^姓名^name")
	f.Add("a|b~c\\pd=e")
	f.Fuzz(func(t *testing.T, code string) {
		m := Parse(code)
		if again := Parse(m.Code()); again.Code() != m.Code() {
			t.Fatalf("%q: %q became %q", code, m.Code(), again.Code())
		}
	})
}

func TestLanguageFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		shangu, lang string
		want         Lang
	}{
		{"", "", ZH}, {"", "C.UTF-8", ZH}, {"", "en_GB.UTF-8", EN}, {"zh", "en_GB.UTF-8", ZH},
		{"en", "zh_CN.UTF-8", EN}, {"", "zh_CN.GB18030", ZH}, {"fr", "en", EN}, {"EN-us", "", EN},
	} {
		env := map[string]string{"SHANGU_LANG": c.shangu, "LANG": c.lang}
		if got := FromEnvironment(func(k string) string { return env[k] }); got != c.want {
			t.Errorf("%v: %v, want %v", env, got, c.want)
		}
	}
}
