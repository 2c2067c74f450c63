package sheet

import (
	"errors"
	"strings"
	"unicode/utf8"

	"shangu/agent/roll"
	"shangu/agent/roster"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// mark is a schema.Mark as the page's script has it: [status, minutes, symptom].
type mark [3]int

func markOf(m schema.Mark) mark { return mark{int(m.Status), m.Minutes, int(m.Symptom)} }

// decode refuses what no mark can be.
func (m mark) decode() (schema.Mark, error) {
	for _, n := range m {
		if n < 0 || n > 600 {
			return schema.Mark{}, text.New("page.bad_form")
		}
	}
	if m[0] > 255 || m[2] > 255 {
		return schema.Mark{}, text.New("page.bad_form")
	}
	return schema.Mark{Status: schema.Status(m[0]), Minutes: m[1], Symptom: schema.Symptom(m[2])}, nil
}

// typed is a row as the script sends it.
type typed struct {
	Pupil string `json:"pupil"` // key
	Was   mark   `json:"was"`
	Now   mark   `json:"now"`
}

type noted struct {
	Was string `json:"was"`
	Now string `json:"now"`
}

// wish is what the script sends: roll.Wish.
type wish struct {
	Marks  []typed `json:"marks"`
	Note   *noted  `json:"note"`
	Take   bool    `json:"take"`
	Closed bool    `json:"closed"`
	Reason string  `json:"reason"`
	Reopen bool    `json:"reopen"`
	Over   bool    `json:"over"`
	Why    string  `json:"why"`
}

// Longest texts, in characters; schema has the same.
const (
	maxLine = 200
	maxNote = 2000
)

func (w *wish) roll(book *roster.Roster) (roll.Wish, error) {
	out := roll.Wish{
		Take: w.Take, NoSchool: w.Closed, Reason: strings.TrimSpace(w.Reason), Reopen: w.Reopen,
		Over: w.Over, Why: strings.TrimSpace(w.Why),
	}
	if utf8.RuneCountInString(out.Reason) > maxLine || utf8.RuneCountInString(out.Why) > maxLine {
		return out, text.New("page.too_long", "max", maxLine)
	}
	if w.Note != nil {
		out.Note = &roll.Noted{Was: w.Note.Was, Now: strings.TrimSpace(w.Note.Now)}
		if utf8.RuneCountInString(out.Note.Now) > maxNote {
			return out, text.New("page.too_long", "max", maxNote)
		}
	}
	for _, t := range w.Marks {
		was, err := t.Was.decode()
		if err != nil {
			return out, err
		}
		now, err := t.Now.decode()
		if err != nil {
			return out, err
		}
		out.Marks = append(out.Marks, roll.Typed{Pupil: book.ByKey(t.Pupil), Was: was, Now: now})
	}
	return out, nil
}

// standing is how a sheet stands, for the page's script.
type standing struct {
	State  roll.State         `json:"state"`
	Where  roll.Where         `json:"where"`
	Over   bool               `json:"over"`
	Note   string             `json:"note"`
	Reason string             `json:"reason"`
	Rows   map[string]rowJSON `json:"rows"`            // by key
	Stale  []string           `json:"stale,omitempty"` // pupils that somebody else has marked: nothing was saved
	Said   string             `json:"said,omitempty"`
	Wrong  bool               `json:"wrong,omitempty"` // nothing was saved: Said says why
	Alarms []string           `json:"alarms,omitempty"`
}

type rowJSON struct {
	Mark     mark   `json:"mark"`
	By       string `json:"by,omitempty"`
	Expected bool   `json:"expected,omitempty"`
}

func stands(book *roster.Roster, s *roll.Sheet) standing {
	out := standing{State: s.State, Where: s.Where, Over: s.Over, Note: s.Note, Reason: s.Reason, Rows: make(map[string]rowJSON, len(s.Rows))}
	for _, w := range s.Rows {
		out.Rows[book.Key(w.Pupil.ID)] = rowJSON{markOf(w.Mark), by(w, s.ID.Date), w.Expected}
	}
	return out
}

func (p *pages) save(r *ui.Request) (ui.Answer, error) {
	book, id, err := p.find(r)
	if err != nil {
		return nil, err
	}
	var w wish
	if err := r.JSON(&w); err != nil {
		return nil, err
	}
	do, err := w.roll(book)
	if err != nil {
		return nil, err
	}
	s, err := p.desk.Save(r.Context(), r.Name(), id, do)
	if stale, ok := errors.AsType[*roll.StaleError](err); ok {
		out := stands(book, stale.Sheet)
		for _, p := range stale.Pupils {
			out.Stale = append(out.Stale, book.Key(p))
		}
		out.Wrong, out.Said = true, text.Of(err).In(r.Lang)
		return ui.Reply{Value: out}, nil
	}
	if err != nil {
		return nil, err
	}
	out := stands(book, s)
	if out.Alarms, err = p.alarms(r, id); err != nil {
		return nil, err
	}
	out.Said = r.Say("sheet.saved_at", "time", r.Now.In(schema.Zone).Format("15:04:05"))
	return ui.Reply{Value: out}, nil
}

// now tells an open page how its sheet stands: that it has reached the district, or
// what somebody else has marked meanwhile.
func (p *pages) now(r *ui.Request) (ui.Answer, error) {
	book, id, err := p.find(r)
	if err != nil {
		return nil, err
	}
	s, err := p.desk.Open(id)
	if err != nil {
		return nil, err
	}
	out := stands(book, s)
	out.Alarms, err = p.alarms(r, id)
	return ui.Reply{Value: out}, err
}
