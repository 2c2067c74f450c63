package register

import (
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
)

// Say names the figure that changed.
func (c Change) Say() *text.Message {
	session := text.New("register.nothing")
	if c.What <= SheetsNoSchool {
		session = text.New("sheet.session_" + schema.Session(c.Of).String())
	}
	switch c.What {
	case SheetsDue:
		return text.New("register.what_due", "session", session)
	case SheetsTaken:
		return text.New("register.what_taken", "session", session)
	case SheetsNoSchool:
		return text.New("register.what_no_school", "session", session)
	case Sessions:
		return text.New("register.what_sessions")
	case ByStatus:
		return text.New("register.what_status", "status", schema.Statuses.Label(int64(c.Of)))
	case BySymptom:
		return text.New("register.what_symptom", "symptom", SymptomLabel(c.Of))
	case VisitsHosted:
		return text.New("register.what_hosted")
	case VisitsConfirmed:
		return text.New("register.what_confirmed")
	case VisitsMade:
		return text.New("register.what_made")
	case VisitHours:
		return text.New("register.what_visit_hours")
	case Trainings:
		return text.New("register.what_trainings")
	case TrainingHours:
		return text.New("register.what_training_hours")
	case CasesOpened:
		return text.New("register.what_opened")
	}
	return text.New("register.what_closed")
}

// Amount writes a figure: hours in tenths, all others as they are.
func (w What) Amount(n int) string { return w.decimal(n).String() }

func (w What) decimal(n int) table.Decimal {
	if w == VisitHours || w == TrainingHours {
		return table.Decimal{N: int64(n), Digits: 1}
	}
	return table.Decimal{N: int64(n)}
}

// Say is what a write left: a state of the sheet, or a pupil's mark, where no mark
// is present.
func (t Touch) Say() text.Label {
	switch {
	case t.Pupil == "":
		return schema.SheetStates.Label(int64(t.Status))
	case t.Status == 0:
		return schema.Statuses.Label(int64(schema.StatusPresent))
	}
	return schema.Statuses.Label(int64(t.Status))
}
