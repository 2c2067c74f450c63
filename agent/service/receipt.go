package service

import (
	"context"
	"time"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/receipt"
	"shangu/sync/session"
)

// DaySheet is what was recorded about one day and what proves that it is safe:
// it is printed and kept, or its codes are read to the district.
type DaySheet struct {
	School  string   `json:"school"`
	Name    string   `json:"name"`
	Date    string   `json:"date"`           // yyyy-mm-dd
	Code    string   `json:"code,omitempty"` // of the day: the newest receipt for its records
	Time    string   `json:"time,omitempty"` // RFC 3339: when the district gave that receipt
	Safe    int      `json:"safe"`           // records that the district gave receipts for
	Waiting int      `json:"waiting"`        // records with something that waits
	Records []Record `json:"records"`
}

// Record is one line of a DaySheet. What is a code (schema/text) until Words.
type Record struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	What  string `json:"what"`
	By    string `json:"by"`
	State string `json:"state"`          // safe; waiting; elsewhere: safe, and written on another computer, which has the code
	Code  string `json:"code,omitempty"` // of the record
	Time  string `json:"time,omitempty"` // RFC 3339: when the district gave the receipt
}

// States of a Record.
const (
	stateSafe      = "safe"
	stateWaiting   = "waiting"
	stateElsewhere = "elsewhere"
)

// Receipt makes the sheet of a day, yyyy-mm-dd; of one record of it when id is
// not "".
func (a *Agent) Receipt(_ context.Context, date, id string) (DaySheet, error) {
	return a.receipt(date, id, true)
}

// receipt is Receipt with names and numbers of people as they are, or masked.
func (a *Agent) receipt(date, id string, open bool) (DaySheet, error) {
	day, ok := schema.ParseDate(date)
	if !ok {
		return DaySheet{}, text.New("agent.receipt_date", "date", date)
	}
	receipts, err := a.store.Receipts()
	if err != nil {
		return DaySheet{}, err
	}
	kept, err := a.store.Day(day, receipts)
	if err != nil {
		return DaySheet{}, err
	}
	st := a.store.Status()
	out := DaySheet{School: st.School, Date: date, Records: []Record{}}
	if st.School != "" {
		d, err := a.store.Doc(schema.DistrictScope, schema.KindSchool, st.School)
		if err != nil {
			return DaySheet{}, err
		}
		out.Name = d.Value(schema.SchoolName).Text()
	}
	var newest session.Receipt
	for _, k := range kept {
		r, given := receipts.For(k.Ref)
		if given && r.N > newest.N {
			newest = r
		}
		if id != "" && k.Doc.ID != id {
			continue
		}
		line := lineOf(k, r, given, open)
		if out.Records = append(out.Records, line); line.State == stateWaiting {
			out.Waiting++
		} else {
			out.Safe++
		}
	}
	if len(out.Records) == 0 {
		if id != "" {
			return out, text.New("agent.receipt_no_record", "date", date, "id", id)
		}
		return out, text.New("agent.receipt_nothing", "date", date)
	}
	if c, ok := receipt.OfDay(newest, day); ok {
		out.Code, out.Time = c.String(), clockTime(newest.Time)
	}
	return out, nil
}

func lineOf(k store.Kept, r session.Receipt, given, open bool) Record {
	number, name := schema.Masks(open)
	out := Record{ID: k.Doc.ID, Kind: k.Doc.Kind.String(), What: whatOf(k, number).Code(), By: name(k.By), State: stateSafe}
	switch {
	case k.Pending || !k.Ref.IsZero() && !given:
		out.State = stateWaiting
	case k.Ref.IsZero():
		out.State = stateElsewhere
	}
	if !given || k.Pending {
		return out // the code of an earlier state would say too little
	}
	if c, ok := receipt.OfRecord(r, k.Ref.Seq); ok {
		out.Code, out.Time = c.String(), clockTime(r.Time)
	}
	return out
}

// whatOf says in a few words what a record holds; number writes a person's number.
func whatOf(k store.Kept, number func(string) string) *text.Message {
	d := k.Doc
	if d.Void() {
		return text.New("agent.receipt_void", "kind", d.Kind.Label(), "why", d.Value(schema.FieldVoid).Text())
	}
	switch d.Kind {
	case schema.KindSheet:
		id, _ := schema.ParseSheetID(d.ID)
		_, class, _ := schema.ParseClassID(id.Class)
		if n, _ := d.Value(schema.SheetState).Int(); n != schema.SheetTaken {
			return text.New("agent.receipt_no_class", "class", class, "session", schema.Words(d.Kind, schema.SheetState, d.Value(schema.SheetState)))
		}
		marks := 0
		d.Each(func(key schema.Key, v schema.Value) {
			if key.Num == schema.SheetMark && !v.IsNil() {
				marks++
			}
		})
		roll, _ := d.Value(schema.SheetRoll).Int()
		return text.New("agent.receipt_sheet_"+id.Session.String(), "class", class, "roll", roll, "marks", marks)
	case schema.KindVisit:
		return text.New("agent.receipt_visit", "topic", d.Value(schema.VisitTopic).Text(), "helper", d.Value(schema.VisitHelper).Text())
	}
	return text.New("agent.receipt_training", "title", d.Value(schema.TrainingTitle).Text(), "teacher", number(d.Value(schema.TrainingTeacher).Text()))
}

func clockTime(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) }

// Words is the record with What in words.
func (r Record) Words() Record {
	r.What = text.Parse(r.What).Error()
	return r
}
