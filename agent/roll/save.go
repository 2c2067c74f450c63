package roll

import (
	"context"
	"fmt"
	"slices"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Typed is what somebody typed into one row.
type Typed struct {
	Pupil string
	Was   schema.Mark // that the page showed
	Now   schema.Mark
}

// Noted is what somebody wrote into the note.
type Noted struct{ Was, Now string }

// Wish is what is to be saved of a sheet.
type Wish struct {
	Marks    []Typed
	Note     *Noted // nil: as it is
	Take     bool   // the roll was taken to its end
	NoSchool bool   // there were no lessons, for Reason
	Reason   string // of NoSchool
	Reopen   bool   // neither: it was said by mistake
	Over     bool   // the day is over, and the change is meant
	Why      string // it is changed after its day; may be ""
}

// StaleError: somebody else has marked some of the pupils since the page was
// shown. Nothing was saved; the sheet as it stands goes back to the page.
type StaleError struct {
	Sheet  *Sheet
	Pupils []string // that were marked by somebody else
	Note   bool     // the note was written by somebody else
}

func (e *StaleError) message() *text.Message {
	if len(e.Pupils) == 0 {
		return text.New("roll.stale_note")
	}
	return text.New("roll.stale", "n", len(e.Pupils))
}

func (e *StaleError) Error() string { return e.message().Error() }

// Unwrap lets the sentence be found.
func (e *StaleError) Unwrap() error { return e.message() }

// Save saves what was typed, all of it or nothing, and returns the sheet as it
// stands then. It fails with StaleError, and as the store's Save does.
func (d *Desk) Save(ctx context.Context, account string, id schema.SheetID, w Wish) (*Sheet, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	doc, err := d.store.Doc("", schema.KindSheet, id.String())
	if err != nil {
		return nil, fmt.Errorf("save sheet: %w", err)
	}
	s, err := d.sheet(r, id, doc)
	switch {
	case err != nil:
		return nil, err
	case s.Early:
		return nil, text.New("roll.early", "day", id.Date, "today", d.today())
	case s.Over && !w.Over:
		return nil, text.New("roll.over", "day", id.Date)
	case w.NoSchool && w.Reason == "":
		return nil, text.New("roll.no_reason")
	}
	e := edit{store.Edit{Kind: schema.KindSheet, ID: id.String()}, doc}
	if err := e.marks(s, w); err != nil {
		return nil, err
	}
	switch {
	case w.NoSchool:
		e.plain(schema.SheetState, schema.Int(schema.SheetNoSchool))
		e.plain(schema.SheetReason, schema.Str(w.Reason))
		e.plain(schema.SheetTaker, schema.Str(account))
	case w.Reopen:
		e.plain(schema.SheetState, schema.Nil)
		e.plain(schema.SheetReason, schema.Nil)
		e.plain(schema.SheetTaker, schema.Nil)
	case w.Take:
		e.plain(schema.SheetState, schema.Int(schema.SheetTaken))
		e.plain(schema.SheetReason, schema.Nil)
		if s.Taker == "" || s.State == NoSchool {
			e.plain(schema.SheetTaker, schema.Str(account))
		}
		if s.State != Taken && s.State != AllPresent {
			e.plain(schema.SheetRoll, schema.Int(int64(s.Count.Roll)))
		}
	}
	if w.Note != nil {
		e.plain(schema.SheetNote, schema.Said(w.Note.Now))
	}
	if s.Over && w.Why != "" && len(e.Fields) > 0 {
		e.plain(schema.SheetWhy, schema.Str(w.Why))
	}
	if len(e.Fields) > 0 {
		if _, err := d.saver.Save(ctx, account, []store.Edit{e.Edit}); err != nil {
			return nil, err
		}
	}
	return d.Open(id)
}

// edit gathers what is to change of a sheet.
type edit struct {
	store.Edit
	doc *change.Doc
}

func (e *edit) set(k schema.Key, v schema.Value) {
	// Of what the page showed only the value matters: the base is what is there.
	e.SetOver(e.doc, k, v)
}

func (e *edit) plain(n schema.FieldNum, v schema.Value) { e.set(schema.Key{Num: n}, v) }

// marks takes over what was typed into the rows, and with the roll taken what
// planned leave has put into the others. It fails with StaleError.
func (e *edit) marks(s *Sheet, w Wish) error {
	stale := &StaleError{Sheet: s, Note: w.Note != nil && s.Note != w.Note.Was && s.Note != w.Note.Now}
	typed := make(map[string]bool, len(w.Marks))
	mark := func(row Row, m schema.Mark) {
		v := schema.Nil
		// Who came in spite of leave is said to be present until the roll is taken.
		if m.Status != schema.StatusPresent || row.Leave != nil && !w.Take {
			v = m.Encode()
		}
		e.set(schema.Key{Num: schema.SheetMark, Sub: row.Pupil.ID}, v)
	}
	for _, t := range w.Marks {
		i := slices.IndexFunc(s.Rows, func(row Row) bool { return row.Pupil.ID == t.Pupil })
		if i < 0 {
			return text.New("roll.no_pupil", "class", s.Class.Name)
		}
		if now := s.Rows[i].Mark; now != t.Was && now != t.Now {
			stale.Pupils = append(stale.Pupils, t.Pupil)
			continue
		}
		typed[t.Pupil] = true
		mark(s.Rows[i], t.Now)
	}
	if len(stale.Pupils) > 0 || stale.Note {
		return stale
	}
	if !w.Take || s.State == Taken || s.State == AllPresent {
		return nil
	}
	for _, row := range s.Rows {
		_, said := e.doc.Find(schema.Key{Num: schema.SheetMark, Sub: row.Pupil.ID})
		if !typed[row.Pupil.ID] && (row.Expected || said && row.Mark.Status == schema.StatusPresent) {
			mark(row, row.Mark)
		}
	}
	return nil
}
