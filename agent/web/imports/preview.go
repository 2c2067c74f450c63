package imports

import (
	"slices"
	"strconv"

	"shangu/agent/intake"
	"shangu/agent/web/ui"
	"shangu/schema/table"
	"shangu/schema/text"
)

// perPage is how many lines a page shows: a roster of three thousand would be a page
// that no old browser likes.
const perPage = 50

// mostGone is how many pupils can be transferred out by one file. A file that lacks
// more of them holds a part of the school.
const mostGone = 100

// line is a line as the page shows it.
type line struct {
	intake.Line
	Changes []*text.Message
}

type gone struct {
	I           int
	Name, Class string
}

type tab struct {
	Show string
	Text string
	N    int
	On   bool
}

type view struct {
	At       string // address of the file's pages
	Kind     intake.Kind
	Notice   string // what went wrong when it was to be stored
	Done     *done
	Plan     *intake.Plan
	Tabs     []tab
	Notes    []table.Problem
	Lines    []line
	Page     int
	Pages    int
	Show     string
	Gone     []gone
	Many     int // how many are gone, where they are too many to choose from
	Nothing  bool
	Problems []table.Problem
	Wrong    int // problems in all
	More     int // problems that are not listed
	Columns  bool
	Zip      bool
	Token    string
	Tab      string
}

func (p *pages) preview(r *ui.Request) (ui.Answer, error) {
	h, err := p.open(r)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return p.show(r, h, nil, 0)
}

// show makes the page of a file; its lock is held.
func (p *pages) show(r *ui.Request, h *held, notice *text.Message, code int) (ui.Answer, error) {
	v := view{At: "/import/" + r.PathValue("file"), Kind: h.kind, Done: h.done, Plan: h.plan, Tab: "import", Zip: table.IsArchive(h.data)}
	if notice != nil {
		v.Notice = notice.In(r.Lang)
	}
	title := r.Say("imports.preview", "kind", kindName(h.kind))
	switch {
	case h.done != nil:
		title = r.Say("imports.done_title")
	case h.problems != nil:
		v.Problems, v.More = h.problems.List()
		v.Wrong, v.Columns = h.problems.Len(), needsColumns(h.problems)
	default:
		if err := p.lines(r, h.plan, &v); err != nil {
			return nil, err
		}
	}
	return ui.Show{Template: "imports/preview", Title: title, Active: "roster", Data: v, Code: code}, nil
}

// lines picks the lines of one page.
func (p *pages) lines(r *ui.Request, plan *intake.Plan, v *view) error {
	v.Show = r.FormValue("show")
	counts := map[string]int{"": plan.New + plan.Changed, "new": plan.New, "changed": plan.Changed, "same": plan.Same}
	if _, known := counts[v.Show]; !known {
		v.Show = ""
	}
	for _, s := range []string{"", "new", "changed", "same"} {
		id := "imports.both"
		if s != "" {
			id = "imports." + s
		}
		v.Tabs = append(v.Tabs, tab{s, r.Say(id), counts[s], s == v.Show})
	}
	// Who is gone is listed below, where it can be said what became of each.
	v.Notes = slices.DeleteFunc(slices.Clone(plan.Notes), func(n table.Problem) bool { return n.Message.ID() == "intake.pupils_missing" && len(plan.Gone) > 0 })
	v.Nothing = len(plan.Edits) == 0 && len(plan.Gone) == 0
	picked := slices.DeleteFunc(slices.Clone(plan.Lines), func(l intake.Line) bool {
		switch v.Show {
		case "new":
			return l.Outcome != intake.New
		case "changed":
			return l.Outcome != intake.Changed
		case "same":
			return l.Outcome != intake.Same
		}
		return l.Outcome == intake.Same
	})
	v.Pages = max(1, (len(picked)+perPage-1)/perPage)
	v.Page, _ = strconv.Atoi(r.FormValue("page"))
	v.Page = min(max(v.Page, 1), v.Pages)
	for _, l := range picked[(v.Page-1)*perPage : min(v.Page*perPage, len(picked))] {
		changes, err := plan.Changes(p.store, l)
		if err != nil {
			return err
		}
		v.Lines = append(v.Lines, line{l, changes})
	}
	if len(plan.Gone) > mostGone {
		v.Many = len(plan.Gone)
		return nil
	}
	for i, g := range plan.Gone {
		v.Gone = append(v.Gone, gone{i, g.Name, classOf(g)})
	}
	return nil
}
