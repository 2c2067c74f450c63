package card

import (
	"cmp"

	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Reader says how whoever reads may have the names of people.
type Reader struct {
	Roster *roster.Roster
	name   func(string) string
	open   bool
}

// NewReader is a reader who may have names as they are if open is set, else masked.
func NewReader(r *roster.Roster, open bool) Reader {
	_, name := schema.Masks(open)
	return Reader{r, name, open}
}

// About names a record as people know it. Numbers of persons never stand there.
func (r Reader) About(kind schema.Kind, id string, doc *change.Doc) *text.Message {
	of := func(what string) *text.Message { return text.New("card.about", "kind", kind.Label(), "what", what) }
	switch kind {
	case schema.KindSheet:
		s, ok := schema.ParseSheetID(id)
		if !ok {
			break
		}
		return text.New("card.about_sheet", "class", r.class(s.Class), "date", s.Date, "session", text.New("sheet.session_"+s.Session.String()))
	case schema.KindPupil:
		return of(r.pupil(id))
	case schema.KindTeacher:
		return of(r.teacher(id))
	case schema.KindClass:
		return of(r.class(id))
	case schema.KindEnrolment:
		if p, c, _, ok := schema.ParseEnrolmentID(id); ok {
			return of(r.pupil(p) + " · " + r.class(c))
		}
	case schema.KindVisit:
		return of(doc.Value(schema.VisitTopic).Text())
	case schema.KindTraining:
		return of(doc.Value(schema.TrainingTitle).Text() + " · " + r.teacher(doc.Value(schema.TrainingTeacher).Text()))
	case schema.KindReport:
		return of(id)
	case schema.KindCase:
		if p, _, ok := schema.ParseCaseID(id); ok {
			return of(r.pupil(p))
		}
	}
	return text.New("card.about_kind", "kind", kind.Label())
}

// field names what in a record the two differ on.
func (r Reader) field(kind schema.Kind, key schema.Key) *text.Message {
	f, ok := schema.FieldOf(kind, key.Num)
	if !ok {
		return text.New("card.field_new")
	}
	item := key.Sub
	switch f.Sub {
	case schema.SubNone:
		return text.New("card.field", "field", f.Label)
	case schema.SubPupil:
		item = r.pupil(key.Sub)
	case schema.SubTeacher:
		item = r.teacher(key.Sub)
	case schema.SubSchool:
		item = r.Roster.SchoolName(key.Sub)
	case schema.SubClass:
		item = r.class(key.Sub)
	}
	return text.New("card.field_of", "field", f.Label, "item", item)
}

func (r Reader) pupil(id string) string {
	if p := r.Roster.Pupil(id); p != nil {
		return r.name(p.Name)
	}
	return "……" + id[max(0, len(id)-4):]
}

func (r Reader) teacher(id string) string {
	if t := r.Roster.Teacher(id); t != nil {
		return r.name(t.Name)
	}
	return "……" + id[max(0, len(id)-3):]
}

func (r Reader) class(id string) string {
	if c := r.Roster.Class(id); c != nil {
		return c.Name
	}
	_, name, _ := schema.ParseClassID(id)
	return cmp.Or(name, id)
}
