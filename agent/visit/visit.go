// Package visit is what happens between a helper school and a school that it
// helps: written down by the host, confirmed by the helper, and told apart by a
// short code that fits on paper.
//
// It reads visits as pages show them, says what is wrong with one before it is
// saved, and turns what was typed into edits of the fields that this school owns.
// It imports schema, sync/change, sync/receipt, agent/form, agent/roster and agent/store,
// and knows no page.
package visit

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"shangu/schema"
	"shangu/sync/change"
)

// Unsaid stands for a number that nobody wrote down.
const Unsaid = -1

// Link says how the line of a shared online lesson held.
type Link uint8

// How it held.
const (
	LinkUnsaid Link = iota
	LinkHeld
	LinkDropped
)

// Facts are what the host school writes down.
type Facts struct {
	Date, End              schema.Date // End: last day of a stay, 0 for a visit of one day
	Agreement              string      // number, "" for none
	Helper                 string      // school code
	Direction, Kind, Mode  int         // of schema's lists, 0: not said
	Topic                  string
	Visitors               int      // heads, or Unsaid
	Names                  []string // of visitors
	Hours                  int      // tenths, or Unsaid
	PupilsMet, TeachersMet int      // or Unsaid
	Note                   string
	Classes                []string       // names; of a shared online lesson
	Link                   Link           // of a shared online lesson
	Credits                map[string]int // tenths of an hour, by the host's teachers
}

// Visit is one visit as its document says.
type Visit struct {
	Facts
	ID, Host string // Host: school code, "" before this school is enrolled
	Own      bool   // this school is the host
	Void     string // why it does not count, "" if it does
	By       string // who wrote down the facts last

	Confirmed     schema.Date // 0: not yet
	ConfirmedBy   string
	ConfirmedCode string // Code of what the helper confirmed, "" where none was kept
	HelperNote    string
	HelperCredits map[string]int // tenths of an hour, by the helper's teachers

	// Code is the short code of the facts, "" before there is a host to name.
	Code string
	// Seen changes with every change of the facts: what an editor has seen.
	Seen string
}

// State is how far a visit is confirmed.
type State uint8

// States of a visit.
const (
	Waits     State = iota // for the helper's confirmation
	Confirmed              // as it stands
	Changed                // by the host after the helper had confirmed it
	Voided
)

// State says how far the visit is confirmed. A confirmation that kept no code, of
// an older version of this program, counts for what stands now.
func (v *Visit) State() State {
	switch {
	case v.Void != "":
		return Voided
	case v.Confirmed == 0:
		return Waits
	case v.ConfirmedCode != "" && v.ConfirmedCode != v.Code:
		return Changed
	}
	return Confirmed
}

// ForUs reports whether the visit waits for this school's confirmation.
func (v *Visit) ForUs() bool {
	state := v.State()
	return !v.Own && (state == Waits || state == Changed)
}

// Last is the last day of the visit.
func (v *Visit) Last() schema.Date { return max(v.Date, v.End) }

// Key stands for a visit in addresses, which browsers keep.
func (v *Visit) Key() string {
	sum := sha256.Sum256([]byte(v.Host + "\n" + v.ID))
	return hex.EncodeToString(sum[:8])
}

// of reads a visit from its document; home is this school's code.
func of(d *change.Doc, home string) *Visit {
	v := &Visit{ID: d.ID, Host: d.Scope, Own: d.Scope == "" || d.Scope == home, Void: d.Value(schema.FieldVoid).Text()}
	if v.Own {
		v.Host = home
	}
	if d.Void() && v.Void == "" {
		v.Void = "-"
	}
	num := func(n schema.FieldNum) int { i, _ := d.Value(n).Int(); return int(i) }
	count := func(n schema.FieldNum) int {
		if i, ok := d.Value(n).Int(); ok {
			return int(i)
		}
		return Unsaid
	}
	date := func(n schema.FieldNum) schema.Date { return schema.Date(num(n)) }
	word := func(n schema.FieldNum) string { return d.Value(n).Text() }
	v.Facts = Facts{
		Date: date(schema.VisitDate), End: date(schema.VisitEnd), Agreement: word(schema.VisitAgreement), Helper: word(schema.VisitHelper),
		Direction: num(schema.VisitDirection), Kind: num(schema.VisitKind), Mode: num(schema.VisitMode), Topic: word(schema.VisitTopic),
		Visitors: count(schema.VisitVisitors), Names: words(d.Value(schema.VisitVisitorNames)), Hours: count(schema.VisitHours),
		PupilsMet: count(schema.VisitPupils), TeachersMet: count(schema.VisitTeachers), Note: word(schema.VisitNote),
		Classes: words(d.Value(schema.VisitClasses)), Credits: map[string]int{},
	}
	if dropped, ok := d.Value(schema.VisitDropped).Bool(); ok {
		if v.Link = LinkHeld; dropped {
			v.Link = LinkDropped
		}
	}
	v.Confirmed, v.ConfirmedBy, v.ConfirmedCode = date(schema.VisitConfirmed), word(schema.VisitConfirmedBy), word(schema.VisitConfirmedCode)
	v.HelperNote, v.HelperCredits = word(schema.VisitHelperNote), map[string]int{}
	seen := sha256.New()
	var last int64
	for _, c := range d.Cells {
		if i, ok := c.Value.Int(); ok && c.Key.Num == schema.VisitCredits {
			v.Credits[c.Key.Sub] = int(i)
		} else if ok && c.Key.Num == schema.VisitHelperCredits {
			v.HelperCredits[c.Key.Sub] = int(i)
		}
		if schema.Owner(schema.KindVisit, c.Key.Num) == schema.RoleHelper {
			continue
		}
		seen.Write(c.Version.Chain[:])
		seen.Write(schema.AppendInt(nil, int64(c.Version.Seq)))
		if c.At >= last {
			v.By, last = c.By, c.At
		}
	}
	v.Seen = hex.EncodeToString(seen.Sum(nil)[:8])
	if v.Host != "" && !d.Void() {
		v.Code = code(v.Host, d)
	}
	return v
}

func words(v schema.Value) []string {
	items, _ := v.List()
	out := make([]string, 0, len(items))
	for _, it := range items {
		out = append(out, it.Text())
	}
	return slices.Clip(out)
}
