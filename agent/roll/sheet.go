// Package roll takes the roll: one class, one date, one session, as a page shows it
// and as it is saved; and how a day and a fortnight of sheets stand.
//
// It joins a sheet with the class as it was on that date, and turns what was typed
// into an edit of the sheet. Not taken, taken with everybody present, and no
// school are three facts and never look alike. The package imports schema, sync/change,
// agent/roster and agent/store; it knows no page.
package roll

import (
	"context"
	"fmt"
	"iter"
	"maps"

	"shangu/agent/attend"
	"shangu/agent/leave"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Store is where sheets are kept; agent/store's Store.
type Store interface {
	Doc(scope string, kind schema.Kind, id string) (*change.Doc, error)
	Docs(kind schema.Kind, prefix string) iter.Seq2[*change.Doc, error]
	// Waiting reports whether the district has given no receipt yet for what was
	// saved of a document.
	Waiting(kind schema.Kind, id string) bool
	// Written yields what this computer wrote into a document of this school, the
	// earliest first, and the chain it wrote in.
	Written(kind schema.Kind, id string) (change.ChainID, []*change.Entry, error)
}

// Saver keeps edits: agent/service's Agent, which asks for the date first.
type Saver interface {
	Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error)
}

// Leaves says which pupils have planned leave for a session; agent/leave's Desk.
type Leaves interface {
	On(schema.Date, schema.Session) (map[string]*leave.Leave, error)
}

// Parts are what a Desk is made of.
type Parts struct {
	Store  Store
	Saver  Saver
	Roster *roster.Book
	Days   *attend.Book
	Leaves Leaves
	Today  func() schema.Date
}

// Desk is where rolls are taken.
type Desk struct {
	store  Store
	saver  Saver
	book   *roster.Book
	days   *attend.Book
	leaves Leaves
	today  func() schema.Date
}

// NewDesk makes a Desk.
func NewDesk(p Parts) *Desk {
	return &Desk{p.Store, p.Saver, p.Roster, p.Days, p.Leaves, p.Today}
}

// State is how a sheet stands.
type State uint8

// States of a sheet.
const (
	NotTaken   State = iota // nobody has taken the roll, or not to its end
	Taken                   // and somebody was not simply present
	AllPresent              // taken, and everybody was there
	NoSchool                // there were no lessons for this class
)

// Where says how far a sheet has come.
type Where uint8

// Where a sheet is.
const (
	Nowhere Where = iota // nothing was saved
	Here                 // on this computer
	Safe                 // at the district, with a receipt
)

// Row is one pupil of a sheet.
type Row struct {
	Pupil *roster.Pupil
	Mark  schema.Mark // StatusPresent where none was made
	By    string      // who made it, "" where none was
	At    int64       // and when, corrected unix seconds
	// Leave is what was planned for the pupil, as long as the roll is not taken;
	// Expected that the mark comes from there and nobody has recorded it yet.
	Leave    *leave.Leave
	Expected bool
	Gone     bool // no longer in the class, and marked nevertheless
}

// Sheet is one class's roll.
type Sheet struct {
	ID     schema.SheetID
	Class  *roster.Class
	State  State
	Where  Where
	Rows   []Row
	Taker  string
	Reason string // why there was no school
	Note   string
	Why    string // it was changed after its day was over
	Count  Count
	Over   bool // its day is over, and it was taken: who changes it means to
	Early  bool // its day has not come
}

// Count is how many pupils there were of each sort.
type Count struct {
	Roll    int // pupils in the class on the date
	Present int // who came, late or leaving early too
	Absent  int
	By      [10]int // by schema.Status; of those that this build knows
}

// add counts a mark.
func (c *Count) add(m schema.Mark) {
	if m.Status.Present() {
		c.Present++
	} else {
		c.Absent++
	}
	if int(m.Status) < len(c.By) {
		c.By[m.Status]++
	}
}

// Open reads a sheet. A class that is not known fails.
func (d *Desk) Open(id schema.SheetID) (*Sheet, error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, err
	}
	doc, err := d.store.Doc("", schema.KindSheet, id.String())
	if err != nil {
		return nil, fmt.Errorf("open sheet: %w", err)
	}
	return d.sheet(r, id, doc)
}

func (d *Desk) sheet(r *roster.Roster, id schema.SheetID, doc *change.Doc) (*Sheet, error) {
	s := &Sheet{ID: id, Class: r.Class(id.Class), State: stateOf(doc), Early: id.Date > d.today()}
	if s.Class == nil {
		return nil, text.New("roll.no_class", "class", id.Class)
	}
	s.Over = s.State != NotTaken && id.Date < d.today()
	var away map[string]*leave.Leave
	if s.State == NotTaken {
		var err error
		if away, err = d.leaves.On(id.Date, id.Session); err != nil {
			return nil, err
		}
	}
	marks := marksOf(doc)
	for _, p := range r.Pupils(id.Class, id.Date) {
		row := Row{Pupil: p, Mark: schema.Mark{Status: schema.StatusPresent}, Leave: away[p.ID]}
		if m, ok := marks[p.ID]; ok {
			row.Mark, row.By, row.At = m.mark, m.by, m.at
			delete(marks, p.ID)
		} else if row.Leave != nil {
			row.Mark, row.By, row.At, row.Expected = row.Leave.Mark(), row.Leave.By, row.Leave.At, true
		}
		s.Rows = append(s.Rows, row)
	}
	s.Count.Roll = len(s.Rows)
	// Who was marked and has left the class since is still on the sheet.
	maps.DeleteFunc(marks, func(_ string, m marked) bool { return m.mark.Status == schema.StatusPresent })
	if len(marks) > 0 {
		for _, p := range r.Everybody() {
			if m, ok := marks[p.ID]; ok {
				s.Rows = append(s.Rows, Row{Pupil: p, Mark: m.mark, By: m.by, At: m.at, Gone: true})
			}
		}
	}
	for _, row := range s.Rows {
		if !row.Gone {
			s.Count.add(row.Mark)
		}
	}
	if doc == nil || doc.Void() {
		return s, nil
	}
	s.Taker, s.Reason, s.Note = doc.Value(schema.SheetTaker).Text(), doc.Value(schema.SheetReason).Text(), doc.Value(schema.SheetNote).Text()
	s.Why = doc.Value(schema.SheetWhy).Text()
	if s.Where = Safe; d.store.Waiting(schema.KindSheet, id.String()) {
		s.Where = Here
	}
	return s, nil
}

type marked struct {
	mark schema.Mark
	by   string
	at   int64
}

// marksOf are the marks of a sheet. One of StatusPresent is there only while the
// roll is not taken, and says that somebody came in spite of planned leave.
func marksOf(doc *change.Doc) map[string]marked {
	out := map[string]marked{}
	if doc == nil || doc.Void() {
		return out
	}
	for _, c := range doc.Cells {
		if c.Key.Num != schema.SheetMark {
			continue
		}
		if m, ok := schema.ParseMark(c.Value); ok {
			out[c.Key.Sub] = marked{m, c.By, c.At}
		}
	}
	return out
}

func stateOf(doc *change.Doc) State {
	if doc == nil || doc.Void() {
		return NotTaken
	}
	n, _ := doc.Value(schema.SheetState).Int()
	marked := false
	if n == schema.SheetTaken {
		for _, m := range marksOf(doc) {
			marked = marked || m.mark.Status != schema.StatusPresent
		}
	}
	return state(n, marked)
}

// state tells the states apart by what a sheet says of itself.
func state(n int64, marked bool) State {
	switch {
	case n == schema.SheetNoSchool:
		return NoSchool
	case n == schema.SheetTaken && marked:
		return Taken
	case n == schema.SheetTaken:
		return AllPresent
	}
	return NotTaken
}
