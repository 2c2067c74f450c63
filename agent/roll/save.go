package roll

import (
	"context"
	"fmt"
	"slices"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
)

// Typed is what somebody typed into one row.
type Typed struct {
	Pupil string
	Was   schema.Mark // that the page showed
	Now   schema.Mark
}

// Wish is what is to be saved of a sheet.
type Wish struct {
	Marks    []Typed
	Take     bool   // the roll was taken to its end
	NoSchool bool   // there were no lessons, for Reason
	Reason   string // of NoSchool
	Note     *string
}

// StaleError: somebody else has marked some of the pupils since the page was
// shown. Nothing was saved; the sheet as it stands goes back to the page.
type StaleError struct {
	Sheet  *Sheet
	Pupils []string // that were marked by somebody else
}

func (e *StaleError) Error() string { return text.New("roll.stale", "n", len(e.Pupils)).Error() }

// Unwrap lets the sentence be found.
func (e *StaleError) Unwrap() error { return text.New("roll.stale", "n", len(e.Pupils)) }

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
	if err != nil {
		return nil, err
	}
	e := store.Edit{Kind: schema.KindSheet, ID: id.String()}
	set := func(k schema.Key, v schema.Value) {
		// Of what the page showed only the value matters: the base is what is there.
		cell, _ := doc.Find(k)
		base := cell.Version
		e.Fields = append(e.Fields, store.FieldEdit{Key: k, Value: v, Base: &base})
	}
	var stale []string
	for _, t := range w.Marks {
		i := slices.IndexFunc(s.Rows, func(row Row) bool { return row.Pupil.ID == t.Pupil })
		if i < 0 {
			return nil, text.New("roll.no_pupil", "class", s.Class.Name)
		}
		now := s.Rows[i].Mark
		if now != t.Was && now != t.Now {
			stale = append(stale, t.Pupil)
			continue
		}
		k, v := schema.Key{Num: schema.SheetMark, Sub: t.Pupil}, schema.Nil
		if t.Now.Status != schema.StatusPresent {
			v = t.Now.Encode()
		}
		set(k, v)
	}
	if len(stale) > 0 {
		return nil, &StaleError{s, stale}
	}
	plain := func(n schema.FieldNum, v schema.Value) { set(schema.Key{Num: n}, v) }
	switch {
	case w.NoSchool && w.Reason == "":
		return nil, text.New("roll.no_reason")
	case w.NoSchool:
		plain(schema.SheetState, schema.Int(schema.SheetNoSchool))
		plain(schema.SheetReason, schema.Str(w.Reason))
		plain(schema.SheetTaker, schema.Str(account))
	case w.Take:
		plain(schema.SheetState, schema.Int(schema.SheetTaken))
		plain(schema.SheetReason, schema.Nil)
		if s.Taker == "" {
			plain(schema.SheetTaker, schema.Str(account))
		}
		if s.State != Taken && s.State != AllPresent {
			plain(schema.SheetRoll, schema.Int(int64(s.Count.Roll)))
		}
	}
	if w.Note != nil {
		plain(schema.SheetNote, textOrNil(*w.Note))
	}
	if len(e.Fields) > 0 {
		if _, err := d.saver.Save(ctx, account, []store.Edit{e}); err != nil {
			return nil, err
		}
	}
	return d.Open(id)
}

func textOrNil(s string) schema.Value {
	if s == "" {
		return schema.Nil
	}
	return schema.Str(s)
}
