package visit

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"shangu/agent/roster"
	"shangu/agent/visit"
	"shangu/agent/web/ui"
	"shangu/schema"
)

// share is one teacher's hours.
type share struct{ Name, Time string }

// shown is what the page of one visit shows.
type shown struct {
	line
	Form             *ui.Form
	Host, HelperName string
	AgreementNow     bool // the agreement is known here
	Credits          []share
	HelperShares     []share // at the helper, by name; at the host only how many
	HelperCount      int
	Teachers         []ui.Choice // of the helper, to choose from
	MayWrite         bool
	Trouble          string
}

func (p *pages) show(r *ui.Request) (ui.Answer, error) {
	book, v, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.NewForm("code", v.Code, "helper_note", v.HelperNote)
	if !v.Own {
		fill(f, book, v.HelperCredits, v.Hours)
	}
	return p.page(r, book, v, f, "", 0), nil
}

func (p *pages) page(r *ui.Request, book *roster.Roster, v *visit.Visit, f *ui.Form, trouble string, code int) ui.Answer {
	d := shown{
		line: p.line(book, v), Form: f, Host: book.SchoolName(v.Host), HelperName: book.SchoolName(v.Helper), HelperCount: len(v.HelperCredits),
		MayWrite: r.May(ui.Recorder), Trouble: trouble,
	}
	if v.Own {
		d.Credits = shares(book, v.Credits)
	} else {
		d.HelperShares = shares(book, v.HelperCredits)
		d.Teachers = teachers(book, v.HelperCredits)
	}
	return ui.Show{Template: "visit/visit", Title: titleOf(r, d.line), Active: "visits", Data: d, Code: code}
}

func titleOf(r *ui.Request, l line) string {
	return r.Say("visit.title_of", "day", ui.Day(l.Date, r.Lang), "kind", l.What())
}

// shares are teachers' hours in the order of the list of teachers.
func shares(book *roster.Roster, credits map[string]int) []share {
	var out []share
	for _, t := range book.Teachers() {
		if n, ok := credits[t.ID]; ok {
			out = append(out, share{t.Name, ui.Tenths(n)})
		}
	}
	var gone []share
	for id, n := range credits {
		if book.Teacher(id) == nil {
			gone = append(gone, share{id, ui.Tenths(n)})
		}
	}
	slices.SortFunc(gone, func(a, b share) int { return strings.Compare(a.Name, b.Name) })
	return append(out, gone...)
}

// maxReason bounds why a visit does not count, as the schema does.
const maxReason = 200

func (p *pages) cancel(r *ui.Request) (ui.Answer, error) {
	book, v, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	reason := f.Needed("reason", maxReason)
	if !f.OK() {
		return p.page(r, book, v, f, r.Say("form.wrong"), http.StatusUnprocessableEntity), nil
	}
	_, err = p.desk.Cancel(r.Context(), r.Name(), v.Key(), reason)
	return p.done(r, book, v, f, err)
}

func (p *pages) restore(r *ui.Request) (ui.Answer, error) {
	book, v, err := p.find(r)
	if err != nil {
		return nil, err
	}
	_, err = p.desk.Cancel(r.Context(), r.Name(), v.Key(), "")
	return p.done(r, book, v, r.Typed(), err)
}

func (p *pages) confirm(r *ui.Request) (ui.Answer, error) {
	book, v, err := p.find(r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	w := visit.Word{Note: f.Text("helper_note", maxNote), Credits: credited(f, book, v.HelperCredits, v.Hours)}
	if !f.OK() {
		return p.page(r, book, v, f, r.Say("form.wrong"), http.StatusUnprocessableEntity), nil
	}
	_, err = p.desk.Confirm(r.Context(), r.Name(), v.Key(), f.Value("code"), w, r.Today)
	if errors.Is(err, visit.ErrStale) {
		f.Set("code", v.Code)
	}
	return p.done(r, book, v, f, err)
}

func (p *pages) withdraw(r *ui.Request) (ui.Answer, error) {
	book, v, err := p.find(r)
	if err != nil {
		return nil, err
	}
	_, err = p.desk.Withdraw(r.Context(), r.Name(), v.Key())
	return p.done(r, book, v, r.Typed(), err)
}

// done goes back to the visit's page, or shows what kept it from being done.
func (p *pages) done(r *ui.Request, book *roster.Roster, v *visit.Visit, f *ui.Form, err error) (ui.Answer, error) {
	if err == nil {
		return ui.See(Path + "/" + v.Key()), nil
	}
	m := said(f, err)
	if m == nil {
		return nil, err
	}
	return p.page(r, book, v, f, m.In(r.Lang), http.StatusUnprocessableEntity), nil
}

// checked is what the page for codes from paper shows.
type checked struct {
	Form  *ui.Form
	Code  string // as it was understood, "" before any was typed
	Found []line // the visits that it is the code of
	Was   []line // those that were confirmed under it and have been changed since
}

func (p *pages) paper(r *ui.Request) (ui.Answer, error) {
	return ui.Show{Template: "visit/paper", Title: r.Say("visit.paper_title"), Active: "visits", Data: checked{Form: r.NewForm()}}, nil
}

func (p *pages) checkPaper(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	d := checked{Form: f}
	code, err := visit.ReadCode(f.Needed("code", 60))
	if f.OK() {
		if err := f.Refuse("code", err); err != nil {
			return nil, err
		}
	}
	status := http.StatusUnprocessableEntity
	if f.OK() {
		status, d.Code = 0, code
		all, err := p.desk.All()
		if err != nil {
			return nil, err
		}
		book, err := p.book.Open()
		if err != nil {
			return nil, err
		}
		for _, v := range all {
			switch {
			case v.Code == code:
				d.Found = append(d.Found, p.line(book, v))
			case v.ConfirmedCode == code:
				d.Was = append(d.Was, p.line(book, v))
			}
		}
	}
	return ui.Show{Template: "visit/paper", Title: r.Say("visit.paper_title"), Active: "visits", Data: d, Code: status}, nil
}

// Sync reports whether classes and the line belong to the visit.
func (s shown) Sync() bool { return s.Kind == schema.VisitSync }

// Dropped reports whether the line of a shared lesson dropped.
func (s shown) Dropped() bool { return s.Link == visit.LinkDropped }

// LinkKnown reports whether anybody said how it held.
func (s shown) LinkKnown() bool { return s.Link != visit.LinkUnsaid }
