package report

import (
	"strconv"
	"time"

	"shangu/agent/register"
	"shangu/agent/roster"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// changes are figures that are other ones than they were, and who wrote into sheets.
type changes struct {
	Rows    []changeRow
	More    int // that are not listed
	Touches []touchRow
	Open    bool // who did it is shown at once
}

type changeRow struct {
	Class, Pupil string
	What         string
	Old, New     string
}

type touchRow struct {
	Sheet, Pupil, Now, By, At string
}

// maxChanges bounds the lines of a page; a month that nobody had looked after has more
// than anybody reads.
const maxChanges = 300

// pupilName is a pupil as a page names one, whether still on the roster or not.
func pupilName(book *roster.Roster, id string) string {
	if p := book.Pupil(id); p != nil {
		return p.Name
	}
	return schema.MaskID(id)
}

func (p *pages) changesOf(r *ui.Request, book *roster.Roster, list []register.Change, trace []register.Touch) changes {
	var out changes
	for i, c := range list {
		if i == maxChanges {
			out.More = len(list) - i
			break
		}
		row := changeRow{What: what(c).In(r.Lang), Old: amount(c.What, c.Old), New: amount(c.What, c.New)}
		if c.Class != "" {
			row.Class = register.ClassName(c.Class)
		}
		if c.Pupil != "" {
			row.Pupil = pupilName(book, c.Pupil)
		}
		out.Rows = append(out.Rows, row)
	}
	for _, t := range trace {
		row := touchRow{
			Sheet: r.Say("register.touched", "class", register.ClassName(t.Sheet.Class), "day", ui.Day(t.Sheet.Date, r.Lang), "session", text.New("sheet.session_"+t.Sheet.Session.String())),
			By:    t.By, At: time.Unix(t.At, 0).In(schema.Zone).Format("2006-01-02 15:04"),
		}
		switch {
		case t.Pupil == "":
			row.Now = schema.SheetStates.Label(int64(t.Status)).In(r.Lang)
		case t.Status == 0:
			row.Pupil, row.Now = pupilName(book, t.Pupil), schema.Statuses.Label(int64(schema.StatusPresent)).In(r.Lang)
		default:
			row.Pupil, row.Now = pupilName(book, t.Pupil), schema.Statuses.Label(int64(t.Status)).In(r.Lang)
		}
		out.Touches = append(out.Touches, row)
	}
	return out
}

// what names the figure that changed.
func what(c register.Change) *text.Message {
	session := text.New("register.nothing")
	if c.What <= register.SheetsNoSchool {
		session = text.New("sheet.session_" + schema.Session(c.Of).String())
	}
	switch c.What {
	case register.SheetsDue:
		return text.New("register.what_due", "session", session)
	case register.SheetsTaken:
		return text.New("register.what_taken", "session", session)
	case register.SheetsNoSchool:
		return text.New("register.what_no_school", "session", session)
	case register.Sessions:
		return text.New("register.what_sessions")
	case register.ByStatus:
		return text.New("register.what_status", "status", schema.Statuses.Label(int64(c.Of)))
	case register.BySymptom:
		return text.New("register.what_symptom", "symptom", register.SymptomLabel(c.Of))
	case register.VisitsHosted:
		return text.New("register.what_hosted")
	case register.VisitsConfirmed:
		return text.New("register.what_confirmed")
	case register.VisitsMade:
		return text.New("register.what_made")
	case register.VisitHours:
		return text.New("register.what_visit_hours")
	case register.Trainings:
		return text.New("register.what_trainings")
	case register.TrainingHours:
		return text.New("register.what_training_hours")
	case register.CasesOpened:
		return text.New("register.what_opened")
	}
	return text.New("register.what_closed")
}

// amount writes a figure: hours in tenths, all others as they are.
func amount(w register.What, n int) string {
	if w == register.VisitHours || w == register.TrainingHours {
		return strconv.FormatFloat(float64(n)/10, 'f', -1, 64)
	}
	return strconv.Itoa(n)
}
