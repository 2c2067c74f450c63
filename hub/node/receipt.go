package node

import (
	"encoding/hex"
	"errors"
	"time"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/receipt"
	"shangu/sync/session"
)

// Covered is what a short code stands for.
type Covered struct {
	Code   string `json:"code"`
	Kind   string `json:"kind"` // day or record
	School string `json:"school"`
	Name   string `json:"name"`
	Device string `json:"device"`
	Record uint64 `json:"record"` // audit record
	Time   string `json:"time"`   // RFC 3339: when the hub gave the receipt
	Date   string `json:"date,omitempty"`

	// Of a day, as this computer had written it up to the receipt.
	Sheets    int `json:"sheets"`
	Marks     int `json:"marks"`
	Visits    int `json:"visits"`
	Trainings int `json:"trainings"`

	// Of a record.
	DocKind     string    `json:"doc_kind,omitempty"`
	Doc         string    `json:"doc,omitempty"`
	Account     string    `json:"account,omitempty"`
	Saved       string    `json:"saved,omitempty"` // RFC 3339, corrected
	Fields      []Changed `json:"fields,omitempty"`
	Quarantined bool      `json:"quarantined"` // it was put into quarantine
	FarBack     bool      `json:"far_back"`    // the code cannot say which entry of the receipt: it covers all up to it

	Changed   int    `json:"changed"`              // documents that are no longer as they were
	ChangedBy string `json:"changed_by,omitempty"` // the latest to change one, and when
	ChangedAt string `json:"changed_at,omitempty"`
}

// verifyCode says what a short code covers.
func (n *Node) verifyCode(typed string) (Covered, error) {
	c, err := receipt.Parse(typed)
	if err != nil {
		return Covered{}, err
	}
	head := n.State.TrailHead()
	if uint64(c.Record) > head.Count || c.Record == 0 {
		return Covered{}, n.lostTimeline(text.New("receipt.beyond", "record", c.Record, "count", head.Count))
	}
	rec, err := n.State.Record(uint64(c.Record))
	if err != nil {
		return Covered{}, err
	}
	r := session.Receipt{Chain: rec.Chain, Tip: rec.Tip, Place: rec.Place()}
	r.Sign(n.Secrets.Receipt, n.Secrets.Cluster)
	if rec.What != state.WhatPack || !c.Fits(r) {
		return Covered{}, n.lostTimeline(text.New("receipt.not_ours", "record", c.Record))
	}
	out := Covered{Code: c.String(), School: rec.School, Device: hex.EncodeToString(rec.Device[:]), Record: rec.N, Time: rec.Stamp()}
	if d, err := n.State.Doc(state.DocKey{Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: rec.School}); err == nil {
		out.Name = d.Value(schema.SchoolName).Text()
	}
	if c.Kind == receipt.Day {
		out.Kind, out.Date = "day", c.Day().String()
		return out, n.coverDay(&out, rec, c.Day())
	}
	out.Kind = "record"
	if out.FarBack = c.What == receipt.FarBack; out.FarBack {
		return out, nil
	}
	return out, n.coverRecord(&out, rec, rec.Tip.Seq-uint64(c.What))
}

// lostTimeline adds, where the trail says so, that the hub was restored: codes
// of what was lost then lead nowhere.
func (n *Node) lostTimeline(m *text.Message) error {
	var restored *state.Record
	err := n.State.Records(1, func(r *state.Record) error {
		if r.What == state.WhatEvent {
			restored = r
		}
		return nil
	})
	if err == nil && restored != nil {
		return text.New("receipt.lost_timeline", "why", m, "time", restored.Stamp(), "what", restored.Say())
	}
	return errors.Join(err, m)
}

// written is what one computer wrote into a document.
type written map[schema.Key]schema.Value

func (w written) lookup(k schema.Key) schema.Value { return w[k] }

// coverDay counts what the receipt's chain had written about a day.
func (n *Node) coverDay(out *Covered, rec *state.Record, day schema.Date) error {
	refused, err := n.refused(rec.Chain)
	if err != nil {
		return err
	}
	docs := map[state.DocKey]written{}
	err = n.State.History(rec.Chain, rec.Tip.Seq, func(of *state.Record, e *change.Entry) error {
		switch e.Kind {
		case schema.KindSheet:
			if d, ok := schema.DocDate(e.Kind, e.ID, nil); !ok || d != day {
				return nil
			}
		case schema.KindVisit, schema.KindTraining:
		default:
			return nil
		}
		if refused[e.Seq] {
			return nil
		}
		k := state.DocKey{Scope: of.ScopeOf(e), Kind: e.Kind, ID: e.ID}
		if docs[k] == nil {
			docs[k] = written{}
		}
		for _, f := range e.Fields {
			docs[k][f.Key] = f.Value
		}
		return nil
	})
	if err != nil {
		return err
	}
	var last int64
	for k, w := range docs {
		now, err := n.State.Doc(k)
		if err != nil {
			return err
		}
		d, ok := schema.DocDate(k.Kind, k.ID, w.lookup)
		if !ok && now != nil { // only part of it was written here
			d, ok = schema.DocDate(k.Kind, k.ID, now.Lookup)
		}
		if !ok || d != day {
			continue
		}
		switch k.Kind {
		case schema.KindSheet:
			if s, _ := w[schema.Key{Num: schema.SheetState}].Int(); s == schema.SheetTaken {
				out.Sheets++
			}
			for key, v := range w {
				if key.Num == schema.SheetMark && !v.IsNil() {
					out.Marks++
				}
			}
		case schema.KindVisit:
			out.Visits++
		case schema.KindTraining:
			out.Trainings++
		}
		out.since(w, now, rec, &last)
	}
	return nil
}

// coverRecord says what one entry wrote.
func (n *Node) coverRecord(out *Covered, rec *state.Record, seq uint64) error {
	refused, err := n.refused(rec.Chain)
	if err != nil {
		return err
	}
	out.Quarantined = refused[seq]
	w := written{}
	var key state.DocKey
	err = n.State.History(rec.Chain, seq, func(of *state.Record, e *change.Entry) error {
		if e.Seq != seq {
			return nil
		}
		key = state.DocKey{Scope: of.ScopeOf(e), Kind: e.Kind, ID: e.ID}
		out.DocKind, out.Doc, out.Account = e.Kind.String(), e.ID, e.Account
		out.Saved = time.Unix(of.Clock.Correct(e), 0).UTC().Format(time.RFC3339)
		for _, f := range e.Fields {
			w[f.Key] = f.Value
			out.Fields = append(out.Fields, Changed{Name: fieldName(e.Kind, f.Key), New: valueCode(e.Kind, f.Key, f.Value)})
		}
		if d, ok := schema.DocDate(e.Kind, e.ID, w.lookup); ok {
			out.Date = d.String()
		}
		return nil
	})
	if err != nil || out.Quarantined {
		return err
	}
	now, err := n.State.Doc(key)
	if err != nil {
		return err
	}
	var last int64
	out.since(w, now, rec, &last)
	return nil
}

// since notes whether a document is no longer as it was written.
func (c *Covered) since(w written, now *change.Doc, rec *state.Record, last *int64) {
	changed := now == nil
	for i := 0; i < now.Len(); i++ {
		cell := &now.Cells[i]
		v, ours := w[cell.Key]
		if cell.Version.Chain == rec.Chain && cell.Version.Seq <= rec.Tip.Seq || ours && v == cell.Value {
			continue
		}
		changed = true
		if cell.At >= *last {
			*last = cell.At
			c.ChangedBy, c.ChangedAt = cell.By, time.Unix(cell.At, 0).UTC().Format(time.RFC3339)
		}
	}
	if changed {
		c.Changed++
	}
}

// refused are the entries of a chain that are in quarantine.
func (n *Node) refused(chain change.ChainID) (map[uint64]bool, error) {
	vs, err := n.State.Verdicts(chain, 0)
	out := map[uint64]bool{}
	for _, v := range vs {
		if v.Outcome == change.Quarantined {
			out[v.Seq] = true
		}
	}
	return out, err
}
