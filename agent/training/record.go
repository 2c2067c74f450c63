// Package training is what teachers have learnt: records of training, and the ledger of
// hours that are due in a window of years which ends today, with the hours that visits
// credit counted in.
//
// It reads records as pages show them, says what is wrong with one before it is saved,
// and turns what was typed into edits. It imports schema, sync/change, agent/form,
// agent/roster, agent/visit and agent/store, and knows no page. DESIGN.md says what counts and why.
package training

import (
	"encoding/hex"

	"crypto/sha256"

	"shangu/schema"
	"shangu/sync/change"
)

// Unsaid stands for a number that nobody wrote down.
const Unsaid = -1

// Facts are what is written down of one training.
type Facts struct {
	Date, End           schema.Date // End: last day, 0 for a training of one day
	Programme, Title    string
	Level, Mode, Result int   // of schema's lists, 0: not said
	Hours               int   // tenths, or Unsaid
	Cost                int64 // fen, or Unsaid
	Provider            string
	Certificate         string
}

// Earned is the day on which the hours were earned: the last.
func (f Facts) Earned() schema.Date { return max(f.Date, f.End) }

// Record is one teacher's training.
type Record struct {
	Facts
	ID, Teacher string // Teacher: number
	Void        string // why it does not count, "" if it does
	By          string // who wrote it down last
	Seen        string // changes with every change: what an editor has seen
}

// Counts reports whether the record gives hours.
func (r *Record) Counts() bool { return r.Void == "" && schema.TrainingCounts(int64(r.Result)) }

func of(d *change.Doc) *Record {
	num := func(n schema.FieldNum, none int64) int64 {
		if i, ok := d.Value(n).Int(); ok {
			return i
		}
		return none
	}
	word := func(n schema.FieldNum) string { return d.Value(n).Text() }
	r := &Record{
		ID: d.ID, Teacher: word(schema.TrainingTeacher), Void: word(schema.FieldVoid),
		Facts: Facts{
			Date: schema.Date(num(schema.TrainingDate, 0)), End: schema.Date(num(schema.TrainingEnd, 0)),
			Programme: word(schema.TrainingProgramme), Title: word(schema.TrainingTitle), Level: int(num(schema.TrainingLevel, 0)),
			Mode: int(num(schema.TrainingMode, 0)), Result: int(num(schema.TrainingResult, 0)), Hours: int(num(schema.TrainingHours, Unsaid)),
			Cost: num(schema.TrainingCost, Unsaid), Provider: word(schema.TrainingProvider), Certificate: word(schema.TrainingCertificate),
		},
	}
	if d.Void() && r.Void == "" {
		r.Void = "-"
	}
	seen := sha256.New()
	var last int64
	for _, c := range d.Cells {
		seen.Write(c.Version.Chain[:])
		seen.Write(schema.AppendInt(nil, int64(c.Version.Seq)))
		if c.At >= last {
			r.By, last = c.By, c.At
		}
	}
	r.Seen = hex.EncodeToString(seen.Sum(nil)[:8])
	return r
}
