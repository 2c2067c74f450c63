// Package imports is the pages on which a table comes in: a file is chosen, each of its
// lines is shown with what it would change, and only then one button stores it.
//
// The file waits in the agent's memory, never on the disk, for the account that chose
// it alone, at most two at a time and for a bounded time. Which columns are which is
// asked where a file does not say so, and remembered for the next one. It imports
// agent/intake and agent/web/ui; what is stored is intake's to say.
package imports

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"

	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

//go:embed *.html *.css
var files embed.FS

// Store is what plans are made against, and where headings are remembered;
// agent/store's Store.
type Store interface {
	intake.View
	Meta(name string) ([]byte, error)
	SetMeta(name string, value []byte) error
}

// Saver keeps edits: agent/service's Agent.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// maxFile bounds a file in bytes. The largest roster of a district is a tenth of it.
const maxFile = 8 << 20

// Area returns the pages.
func Area(s Store, saver Saver) ui.Area {
	p := &pages{store: s, saver: saver, shelf: &shelf{}}
	return ui.Area{Name: "imports", Files: files, Funcs: template.FuncMap{"kindname": kindName, "outcome": outcomeName}, Routes: []ui.Route{
		{Pattern: "GET /import", Who: ui.Recorder, Do: p.choose},
		{Pattern: "POST /import", Who: ui.Recorder, Upload: maxFile, Do: p.take},
		{Pattern: "GET /import/{file}", Who: ui.Recorder, Do: p.preview},
		{Pattern: "GET /import/{file}/columns", Who: ui.Recorder, Do: p.columns},
		{Pattern: "POST /import/{file}/columns", Who: ui.Recorder, Do: p.say},
		{Pattern: "POST /import/{file}/store", Who: ui.Recorder, Do: p.keep},
		{Pattern: "POST /import/{file}/drop", Who: ui.Recorder, Do: p.drop},
	}}
}

type pages struct {
	store Store
	saver Saver
	shelf *shelf
}

func kindName(k intake.Kind) *text.Message { return text.New("imports.kind_" + string(k)) }

func outcomeName(o intake.Outcome) *text.Message {
	switch o {
	case intake.New:
		return text.New("imports.new")
	case intake.Changed:
		return text.New("imports.changed")
	}
	return text.New("imports.same")
}

type choosing struct {
	Form  *ui.Form
	Kinds []ui.Choice
	Years []ui.Choice
	File  string // what is wrong with the file, in the reader's words
	Tab   string
}

func (p *pages) choose(r *ui.Request) (ui.Answer, error) {
	kind := intake.Roster
	if k, err := intake.ParseKind(r.FormValue("kind")); err == nil {
		kind = k
	}
	return p.ask(r, r.NewForm("kind", string(kind)), 0), nil
}

func (p *pages) ask(r *ui.Request, f *ui.Form, code int) ui.Answer {
	v := choosing{Form: f, Tab: "import"}
	for _, k := range intake.Kinds() {
		v.Kinds = append(v.Kinds, ui.Choice{Value: string(k), Text: kindName(k).In(r.Lang)})
	}
	for y := r.Today.SchoolYear() + 1; y > r.Today.SchoolYear()-3; y-- {
		v.Years = append(v.Years, ui.Choice{Value: strconv.Itoa(y), Text: fmt.Sprintf("%d-%d", y, y+1)})
	}
	return ui.Show{Template: "imports/choose", Title: r.Say("imports.title"), Active: "roster", Data: v, Code: code}
}

// take reads the file and keeps it until it is stored or dropped.
func (p *pages) take(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	kind, err := intake.ParseKind(f.Value("kind"))
	if err := f.Refuse("kind", err); err != nil {
		return nil, err
	}
	year := f.Int("year", 1990, 2100)
	if r.File == nil || len(r.File.Body) == 0 {
		_ = f.Refuse("file", text.New("imports.no_file"))
	}
	if !f.OK() {
		return p.ask(r, f, http.StatusUnprocessableEntity), nil
	}
	h := &held{kind: kind, name: r.File.Name, data: r.File.Body, who: r.Account.ID}
	known, err := p.known(kind)
	if err != nil {
		return nil, err
	}
	h.options = intake.Options{Today: r.Today, Year: year, Headings: known.Headings}
	if err := p.plan(h); err != nil {
		return nil, err
	}
	return ui.See("/import/" + p.shelf.put(h, r.Now)), nil
}

// plan reads the file as the options say.
func (p *pages) plan(h *held) error {
	defer debug.FreeOSMemory() // a workbook takes many times its size
	h.problems = nil
	plan, err := intake.Read(h.kind, h.name, h.data, p.store, h.options)
	if ps, ok := errors.AsType[*table.Problems](err); ok {
		h.plan, h.problems = nil, ps
		return nil
	}
	h.plan = plan
	return err
}

// open finds a file that waits.
func (p *pages) open(r *ui.Request) (*held, error) {
	h := p.shelf.get(r.PathValue("file"), r.Now)
	if h == nil || h.who != r.Account.ID {
		return nil, text.New("imports.gone_file")
	}
	return h, nil
}

func (p *pages) drop(r *ui.Request) (ui.Answer, error) {
	h, err := p.open(r)
	if err != nil {
		return nil, err
	}
	p.shelf.drop(r.PathValue("file"))
	return ui.See("/import?kind=" + string(h.kind)), nil
}

// keep stores what the preview showed. The plan is made anew: should somebody have
// saved something meanwhile that makes it another, it is shown again first.
func (p *pages) keep(r *ui.Request) (ui.Answer, error) {
	h, err := p.open(r)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done != nil || h.plan == nil {
		return ui.See("/import/" + r.PathValue("file")), nil
	}
	shown := h.plan
	h.options.Out = nil
	for _, s := range r.PostForm["out"] {
		if i, err := strconv.Atoi(s); err == nil && i >= 0 && i < len(shown.Gone) {
			h.options.Out = append(h.options.Out, shown.Gone[i].ID)
		}
	}
	if err := p.plan(h); err != nil {
		return nil, err
	}
	if h.plan == nil || h.plan.New != shown.New || h.plan.Changed != shown.Changed || len(h.plan.Gone) != len(shown.Gone) {
		return p.show(r, h, text.New("imports.other_now"), http.StatusConflict)
	}
	if _, err := p.saver.Save(r.Context(), r.Name(), h.plan.Edits); err != nil {
		if wrong, ok := errors.AsType[*store.InvalidError](err); ok {
			err = wrong.Messages[0]
		}
		m := text.Of(err)
		if m == nil {
			return nil, err
		}
		return p.show(r, h, m, http.StatusConflict)
	}
	h.done = &done{New: h.plan.New, Changed: h.plan.Changed, Same: h.plan.Same, Out: len(h.options.Out)}
	h.plan, h.data = nil, nil
	debug.FreeOSMemory()
	return ui.See("/import/" + r.PathValue("file")), nil
}

// mapping is what is remembered of a kind's files.
type mapping struct {
	Headings map[string]string `json:"headings"`
}

func metaName(k intake.Kind) string { return "import." + string(k) }

// maxHeadings bounds what is remembered; older ones go.
const maxHeadings = 200

// known is what was said about columns of a kind's files before. What cannot be read
// was never said.
func (p *pages) known(k intake.Kind) (m mapping, err error) {
	b, err := p.store.Meta(metaName(k))
	if err != nil || b == nil || json.Unmarshal(b, &m) != nil {
		return mapping{}, err
	}
	return m, nil
}

func (p *pages) remember(k intake.Kind, headings map[string]string) error {
	m, err := p.known(k)
	if err != nil {
		return err
	}
	if m.Headings == nil || len(m.Headings)+len(headings) > maxHeadings {
		m.Headings = map[string]string{}
	}
	for h, c := range headings {
		m.Headings[h] = c
	}
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("remember columns: %w", err)
	}
	return p.store.SetMeta(metaName(k), b)
}

// classOf names the class of one who is gone.
func classOf(g intake.Gone) string {
	_, name, _ := schema.ParseClassID(g.Class)
	return cmp.Or(name, g.Class)
}

// needsColumns reports whether a file says less than is needed about its columns.
func needsColumns(ps *table.Problems) bool {
	if ps == nil {
		return false
	}
	list, _ := ps.List()
	return slices.ContainsFunc(list, func(p table.Problem) bool {
		return slices.Contains([]string{"table.no_column", "table.column_twice", "table.no_rows"}, p.Message.ID())
	})
}
