package watch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Case is a pupil who stays away, until that is settled (销号).
type Case struct {
	ID      string // schema.CaseID
	PupilID string
	Opened  schema.Date
	Rule    int         // schema.CaseRules
	Closed  schema.Date // 0 while it is open
	End     int         // schema.CaseEnds
	Note    string
	By      string // who follows it
	Steps   []Step // the earliest first
}

// Step is a call, a home visit or another step of a case.
type Step struct {
	ID     string
	Date   schema.Date
	Kind   int // schema.StepKinds
	By     string
	Result string
}

// Last is the date of the newest step, or of the opening.
func (c *Case) Last() schema.Date {
	if n := len(c.Steps); n > 0 {
		return max(c.Opened, c.Steps[n-1].Date)
	}
	return c.Opened
}

var caseKinds = []schema.Kind{schema.KindCase, schema.KindStep}

// Cases are all of the school's, open ones first, the newest first.
func (d *Desk) Cases() ([]*Case, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.store.Revision(caseKinds...)
	if d.read && d.at == at {
		return d.cases, nil
	}
	by := map[string]*Case{}
	var all []*Case
	for doc, err := range d.store.Docs(schema.KindCase, "") {
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		if c := caseOf(doc); c != nil {
			by[c.ID] = c
			all = append(all, c)
		}
	}
	for doc, err := range d.store.Docs(schema.KindStep, "") {
		if err != nil {
			return nil, fmt.Errorf("read steps of cases: %w", err)
		}
		if c := by[doc.Value(schema.StepCase).Text()]; c != nil && !doc.Void() && doc.Scope == "" {
			c.Steps = append(c.Steps, Step{
				ID: doc.ID, Date: schema.Date(number(doc, schema.StepDate)), Kind: int(number(doc, schema.StepKind)),
				By: doc.Value(schema.StepBy).Text(), Result: doc.Value(schema.StepResult).Text(),
			})
		}
	}
	for _, c := range all {
		slices.SortFunc(c.Steps, func(a, b Step) int { return cmp.Or(cmp.Compare(a.Date, b.Date), strings.Compare(a.ID, b.ID)) })
	}
	slices.SortFunc(all, func(a, b *Case) int {
		closed := func(c *Case) int { return min(int(c.Closed), 1) }
		return cmp.Or(cmp.Compare(closed(a), closed(b)), cmp.Compare(b.Closed, a.Closed), cmp.Compare(b.Opened, a.Opened), strings.Compare(a.ID, b.ID))
	})
	d.at, d.cases, d.read = at, all, true
	return all, nil
}

func number(doc *change.Doc, n schema.FieldNum) int64 { i, _ := doc.Value(n).Int(); return i }

func caseOf(doc *change.Doc) *Case {
	pupil, opened, ok := schema.ParseCaseID(doc.ID)
	if !ok || doc.Void() || doc.Scope != "" {
		return nil
	}
	return &Case{
		ID: doc.ID, PupilID: pupil, Opened: opened, Rule: int(number(doc, schema.CaseRule)),
		Closed: schema.Date(number(doc, schema.CaseClosed)), End: int(number(doc, schema.CaseEnd)),
		Note: doc.Value(schema.CaseNote).Text(), By: doc.Value(schema.CaseBy).Text(),
	}
}

// Case returns a case by its id, nil if there is none.
func (d *Desk) Case(id string) (*Case, error) {
	all, err := d.Cases()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(c *Case) bool { return c.ID == id }); i >= 0 {
		return all[i], nil
	}
	return nil, nil
}

// Opening is a case to be opened.
type Opening struct {
	Pupil string
	Rule  int
	On    schema.Date
	By    string // who follows it
	Note  string
}

// Open opens a pupil's case and returns its id. A pupil who has an open case gets
// no second one.
func (d *Desk) Open(ctx context.Context, account string, o Opening) (string, error) {
	r, err := d.book.Open()
	if err != nil {
		return "", err
	}
	p := r.Pupil(o.Pupil)
	if p == nil {
		return "", form.Beside("pupil", "watch.no_pupil")
	}
	if _, ok := schema.CaseRules.ByNum(int64(o.Rule)); !ok {
		return "", form.Beside("rule", "watch.no_rule")
	}
	all, err := d.Cases()
	if err != nil {
		return "", err
	}
	id := schema.CaseID(o.Pupil, o.On)
	for _, c := range all {
		switch {
		case c.PupilID == o.Pupil && c.Closed == 0:
			return "", form.Beside("pupil", "watch.has_case", "name", p.Name, "date", c.Opened)
		case c.ID == id:
			return "", form.Beside("pupil", "watch.closed_today", "name", p.Name)
		}
	}
	e := store.Edit{Kind: schema.KindCase, ID: id}
	e.Set(schema.CasePupil, schema.Str(o.Pupil))
	e.Set(schema.CaseOpened, schema.Int(int64(o.On)))
	e.Set(schema.CaseRule, schema.Int(int64(o.Rule)))
	e.Set(schema.CaseBy, schema.Said(o.By))
	e.Set(schema.CaseNote, schema.Said(o.Note))
	_, err = d.saver.Save(ctx, account, []store.Edit{e})
	return id, err
}

// AddStep writes down a step of an open case.
func (d *Desk) AddStep(ctx context.Context, account, id string, s Step, today schema.Date) error {
	c, err := d.openCase(id)
	if err != nil {
		return err
	}
	if _, ok := schema.StepKinds.ByNum(int64(s.Kind)); !ok {
		return form.Beside("kind", "page.needed")
	}
	switch {
	case s.Date == 0:
		return form.Beside("date", "page.needed")
	case s.Date > today:
		return form.Beside("date", "watch.not_yet")
	case s.Result == "":
		return form.Beside("result", "page.needed")
	}
	e := store.Edit{Kind: schema.KindStep, ID: d.store.NewID()}
	e.Set(schema.StepCase, schema.Str(c.ID))
	e.Set(schema.StepDate, schema.Int(int64(s.Date)))
	e.Set(schema.StepKind, schema.Int(int64(s.Kind)))
	e.Set(schema.StepBy, schema.Said(s.By))
	e.Set(schema.StepResult, schema.Str(s.Result))
	_, err = d.saver.Save(ctx, account, []store.Edit{e})
	return err
}

// VoidStep takes back a step that was written down by mistake; it stays in the trail,
// with the reason.
func (d *Desk) VoidStep(ctx context.Context, account, id, step, reason string) error {
	c, err := d.openCase(id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(c.Steps, func(s Step) bool { return s.ID == step }) {
		return text.New("watch.no_step")
	}
	if reason == "" {
		return text.New("watch.say_mistake")
	}
	e := store.Edit{Kind: schema.KindStep, ID: step}
	e.Set(schema.FieldVoid, schema.Str(reason))
	_, err = d.saver.Save(ctx, account, []store.Edit{e})
	return err
}

// Closing is how a case ends.
type Closing struct {
	On   schema.Date
	End  int // schema.CaseEnds
	Note string
}

// endOther needs to be explained.
const endOther = 9

// Close closes a case, which takes a reason.
func (d *Desk) Close(ctx context.Context, account, id string, cl Closing, today schema.Date) error {
	c, err := d.openCase(id)
	if err != nil {
		return err
	}
	_, ok := schema.CaseEnds.ByNum(int64(cl.End))
	switch {
	case !ok:
		return form.Beside("end", "watch.no_end")
	case cl.End == endOther && cl.Note == "":
		return form.Beside("note", "watch.say_why")
	case cl.On == 0:
		return form.Beside("on", "page.needed")
	case cl.On > today:
		return form.Beside("on", "watch.not_yet")
	case cl.On < c.Opened:
		return form.Beside("on", "watch.before_opening", "date", c.Opened)
	}
	e := store.Edit{Kind: schema.KindCase, ID: id}
	e.Set(schema.CaseClosed, schema.Int(int64(cl.On)))
	e.Set(schema.CaseEnd, schema.Int(int64(cl.End)))
	if cl.Note != "" {
		e.Set(schema.CaseNote, schema.Str(strings.TrimSpace(c.Note+"\n"+cl.Note)))
	}
	_, err = d.saver.Save(ctx, account, []store.Edit{e})
	return err
}

// stepOther is a step of no named kind.
const stepOther = 6

// Reopen takes back that a case was closed, which takes a reason; the trail keeps that
// it was, and the reason stands among its steps. A case that is open stays so. One that
// another of the same pupil has followed stays closed: what came after it is that one's.
func (d *Desk) Reopen(ctx context.Context, account, id, reason string, today schema.Date) error {
	all, err := d.Cases()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(c *Case) bool { return c.ID == id })
	if i < 0 {
		return text.New("watch.no_case")
	}
	c := all[i]
	if c.Closed == 0 {
		return nil
	}
	if reason == "" {
		return form.Beside("why", "page.needed")
	}
	for _, later := range all {
		if later.PupilID == c.PupilID && later.Opened > c.Opened {
			return form.Beside("why", "watch.has_later", "date", later.Opened)
		}
	}
	e := store.Edit{Kind: schema.KindCase, ID: id}
	e.Set(schema.CaseClosed, schema.Nil)
	e.Set(schema.CaseEnd, schema.Nil)
	step := store.Edit{Kind: schema.KindStep, ID: d.store.NewID()}
	step.Set(schema.StepCase, schema.Str(c.ID))
	step.Set(schema.StepDate, schema.Int(int64(today)))
	step.Set(schema.StepKind, schema.Int(stepOther))
	step.Set(schema.StepBy, schema.Said(account))
	step.Set(schema.StepResult, schema.Str(text.New("watch.reopened", "date", c.Closed, "end", schema.CaseEnds.Label(int64(c.End)), "why", reason).In(text.ZH)))
	_, err = d.saver.Save(ctx, account, []store.Edit{e, step})
	return err
}

func (d *Desk) openCase(id string) (*Case, error) {
	c, err := d.Case(id)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, text.New("watch.no_case")
	case c.Closed != 0:
		return nil, text.New("watch.is_closed", "date", c.Closed)
	}
	return c, nil
}

// SetWatched puts pupils on the watch list (重点关注), by id, or takes them off it: all
// of them or none.
func (d *Desk) SetWatched(ctx context.Context, account string, pupils map[string]bool) error {
	r, err := d.book.Open()
	if err != nil {
		return err
	}
	var edits []store.Edit
	for id, watched := range pupils {
		if r.Pupil(id) == nil {
			return form.Beside("pupil", "watch.no_pupil")
		}
		v := schema.Nil
		if watched {
			v = schema.Bool(true)
		}
		e := store.Edit{Kind: schema.KindPupil, ID: id}
		e.Set(schema.PupilWatch, v)
		edits = append(edits, e)
	}
	if len(edits) == 0 {
		return nil
	}
	slices.SortFunc(edits, func(a, b store.Edit) int { return strings.Compare(a.ID, b.ID) })
	_, err = d.saver.Save(ctx, account, edits)
	return err
}

// Safe reports whether all of a case is at the district, with a receipt.
func (d *Desk) Safe(c *Case) bool {
	return !d.store.Waiting(schema.KindCase, c.ID) &&
		!slices.ContainsFunc(c.Steps, func(s Step) bool { return d.store.Waiting(schema.KindStep, s.ID) })
}

// Watched are the pupils on the watch list who are in a class on a day, in pinyin
// order.
func (d *Desk) Watched(on schema.Date) ([]*roster.Pupil, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(r.Everybody(), func(p *roster.Pupil) bool { return !p.Watch || r.ClassOn(p, on) == nil }), nil
}
