package imports

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"shangu/agent/intake"
	"shangu/agent/web/ui"
	"shangu/schema/table"
	"shangu/schema/text"
)

// layout is what the page of columns shows.
type layout struct {
	At       string
	Form     *ui.Form
	Sheets   []ui.Choice
	Lines    []ui.Choice // that may be the headings
	Glimpse  table.Glimpse
	Sheet    int // index of it
	Header   int
	Headings []heading
	Tab      string
}

// heading is a column of the file, and the field that says which of ours it is.
type heading struct {
	Field, Text string
	List        []ui.Choice
}

func field(column int) string { return fmt.Sprintf("column%d", column) }

// nameOf is a column's name in the reader's words: its usual heading, or the one that
// programs write.
func nameOf(c table.Column, l text.Lang) string {
	return text.Label{ZH: c.Titles[0], EN: strings.ReplaceAll(c.Name, "_", " ")}.In(l)
}

// looked is a file's sheets and what was chosen of them.
type looked struct {
	sheets []table.Glimpse
	at     int // index of the sheet
	header int // line of its headings
}

func (l looked) sheet() table.Glimpse { return l.sheets[l.at] }

// headings are the cells of the chosen line, each once.
func (l looked) headings() (cells []string) {
	g := l.sheet()
	i := slices.IndexFunc(g.Lines, func(x table.GlimpseLine) bool { return x.Line == l.header })
	if i < 0 {
		return nil
	}
	cells = slices.Clone(g.Lines[i].Cells)
	for n, c := range cells {
		if slices.Contains(cells[:n], c) {
			cells[n] = ""
		}
	}
	return cells
}

// look opens a file and chooses the sheet and line that seem right.
func (p *pages) look(h *held) (l looked, err error) {
	if l.sheets, err = intake.Look(h.kind, h.data, h.options.Headings); err != nil {
		return l, err
	}
	if len(l.sheets) == 0 {
		return l, text.New("imports.no_sheet")
	}
	l.at = slices.IndexFunc(l.sheets, func(g table.Glimpse) bool { return g.Name == h.options.Sheet && g.Name != "" })
	if l.at < 0 {
		l.at = max(0, slices.IndexFunc(l.sheets, func(g table.Glimpse) bool { return g.Header > 0 }))
	}
	l.guess()
	return l, nil
}

// guess chooses the line of headings of a sheet.
func (l *looked) guess() {
	if g := l.sheet(); g.Header > 0 {
		l.header = g.Header
	} else if len(g.Lines) > 0 {
		l.header = g.Lines[0].Line
	}
}

// columns asks which sheet of a file is the table, which line has its headings and
// which column is which.
func (p *pages) columns(r *ui.Request) (ui.Answer, error) {
	h, err := p.open(r)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.data == nil || table.IsArchive(h.data) {
		return ui.See("/import/" + r.PathValue("file")), nil
	}
	l, err := p.look(h)
	if err != nil {
		return nil, err
	}
	return p.askColumns(r, h, l, nil), nil
}

// askColumns shows the page; f is what was typed into it, nil to begin with what is
// known.
func (p *pages) askColumns(r *ui.Request, h *held, l looked, f *ui.Form) ui.Answer {
	v := layout{At: "/import/" + r.PathValue("file"), Form: f, Glimpse: l.sheet(), Sheet: l.at, Header: l.header, Tab: "import"}
	for i, g := range l.sheets {
		v.Sheets = append(v.Sheets, ui.Choice{Value: strconv.Itoa(i), Text: g.Name})
	}
	for _, g := range v.Glimpse.Lines {
		v.Lines = append(v.Lines, ui.Choice{Value: strconv.Itoa(g.Line), Text: r.Say("imports.line_n", "line", g.Line)})
	}
	var list []ui.Choice
	for _, c := range intake.Columns(h.kind) {
		name := nameOf(c, r.Lang)
		if c.Required {
			name += r.Say("imports.needed")
		}
		list = append(list, ui.Choice{Value: c.Name, Text: name})
	}
	known := []string{"sheet", strconv.Itoa(l.at), "header", strconv.Itoa(l.header)}
	for n, cell := range l.headings() {
		if cell == "" {
			continue
		}
		v.Headings = append(v.Headings, heading{field(n), cell, list})
		known = append(known, field(n), intake.Means(h.kind, cell, h.options.Headings))
	}
	code := http.StatusUnprocessableEntity
	if f == nil {
		v.Form, code = r.NewForm(known...), 0
	}
	return ui.Show{Template: "imports/columns", Title: r.Say("imports.columns_title"), Active: "roster", Data: v, Code: code}
}

// say takes what was said about the columns and reads the file again.
func (p *pages) say(r *ui.Request) (ui.Answer, error) {
	h, err := p.open(r)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.data == nil || table.IsArchive(h.data) {
		return ui.See("/import/" + r.PathValue("file")), nil
	}
	l, err := p.look(h)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	at, err := strconv.Atoi(f.Value("sheet"))
	if err != nil || at < 0 || at >= len(l.sheets) {
		return nil, text.New("page.bad_form")
	}
	n, err := strconv.Atoi(f.Value("header"))
	if err != nil {
		return nil, text.New("page.bad_form")
	}
	if at != l.at {
		l.at = at
		l.guess()
	}
	// Columns are of the sheet and line that the page showed.
	if f.Value("sheet") != f.Value("shown_sheet") {
		return p.askColumns(r, h, l, nil), nil
	}
	l.header = n
	if f.Value("header") != f.Value("shown_header") {
		return p.askColumns(r, h, l, nil), nil
	}
	said, given := map[string]string{}, map[string]bool{}
	for n, cell := range l.headings() {
		if cell == "" || !r.PostForm.Has(field(n)) {
			continue
		}
		name := f.Value(field(n))
		if said[cell] = name; name != "" && given[name] {
			_ = f.Refuse(field(n), text.New("imports.twice"))
		}
		given[name] = true
	}
	var lacking []string
	for _, c := range intake.Columns(h.kind) {
		if c.Required && !given[c.Name] {
			lacking = append(lacking, nameOf(c, r.Lang))
		}
	}
	if len(lacking) > 0 {
		_ = f.Refuse("header", text.New("imports.lacking", "columns", strings.Join(lacking, "、")))
	}
	if !f.OK() {
		return p.askColumns(r, h, l, f), nil
	}
	if err := p.remember(h.kind, said); err != nil {
		return nil, err
	}
	h.options.Headings, h.options.Out = said, nil
	if h.options.Sheet = ""; len(l.sheets) > 1 {
		h.options.Sheet = l.sheet().Name
	}
	if err := p.plan(h); err != nil {
		return nil, err
	}
	return ui.See("/import/" + r.PathValue("file")), nil
}
