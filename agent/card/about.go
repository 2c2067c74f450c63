package card

import (
	"cmp"

	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// About names a record as people know it. Numbers of persons never stand there.
func About(r *roster.Roster, kind schema.Kind, id string, doc *change.Doc) *text.Message {
	of := func(what string) *text.Message { return text.New("card.about", "kind", kind.Label(), "what", what) }
	switch kind {
	case schema.KindSheet:
		s, ok := schema.ParseSheetID(id)
		if !ok {
			break
		}
		return text.New("card.about_sheet", "class", class(r, s.Class), "date", s.Date, "session", text.New("sheet.session_"+s.Session.String()))
	case schema.KindPupil:
		return of(pupil(r, id))
	case schema.KindTeacher:
		return of(teacher(r, id))
	case schema.KindClass:
		return of(class(r, id))
	case schema.KindEnrolment:
		if p, c, _, ok := schema.ParseEnrolmentID(id); ok {
			return of(pupil(r, p) + " · " + class(r, c))
		}
	case schema.KindVisit:
		return of(doc.Value(schema.VisitTopic).Text())
	case schema.KindTraining:
		return of(doc.Value(schema.TrainingTitle).Text() + " · " + teacher(r, doc.Value(schema.TrainingTeacher).Text()))
	case schema.KindCase:
		if p, _, ok := schema.ParseCaseID(id); ok {
			return of(pupil(r, p))
		}
	}
	return text.New("card.about_kind", "kind", kind.Label())
}

// field names what in a record the two differ on.
func field(r *roster.Roster, kind schema.Kind, key schema.Key) *text.Message {
	f, ok := schema.FieldOf(kind, key.Num)
	if !ok {
		return text.New("card.field_new")
	}
	item := key.Sub
	switch f.Sub {
	case schema.SubNone:
		return text.New("card.field", "field", f.Label)
	case schema.SubPupil:
		item = pupil(r, key.Sub)
	case schema.SubTeacher:
		item = teacher(r, key.Sub)
	case schema.SubSchool:
		item = r.SchoolName(key.Sub)
	case schema.SubClass:
		item = class(r, key.Sub)
	}
	return text.New("card.field_of", "field", f.Label, "item", item)
}

func pupil(r *roster.Roster, id string) string {
	if p := r.Pupil(id); p != nil {
		return p.Name
	}
	return "……" + id[max(0, len(id)-4):]
}

func teacher(r *roster.Roster, id string) string {
	if t := r.Teacher(id); t != nil {
		return t.Name
	}
	return "……" + id[max(0, len(id)-3):]
}

func class(r *roster.Roster, id string) string {
	if c := r.Class(id); c != nil {
		return c.Name
	}
	_, name, _ := schema.ParseClassID(id)
	return cmp.Or(name, id)
}
