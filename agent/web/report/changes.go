package report

import (
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
		row := changeRow{What: c.Say().In(r.Lang), Old: c.What.Amount(c.Old), New: c.What.Amount(c.New)}
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
			Now:   t.Say().In(r.Lang), By: t.By, At: time.Unix(t.At, 0).In(schema.Zone).Format("2006-01-02 15:04"),
		}
		if t.Pupil != "" {
			row.Pupil = pupilName(book, t.Pupil)
		}
		out.Touches = append(out.Touches, row)
	}
	return out
}
