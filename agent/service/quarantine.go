package service

import (
	"context"
	"slices"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// Quarantined is an entry of this school that the district could not take as
// it was, and what became of it there. Reason is a code (schema/text), as are
// the names and values of Fields; Words puts them into words.
type Quarantined struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"` // of the entry; "" if it cannot be read
	Doc     string   `json:"doc"`  // id of the document that it wanted to change
	Account string   `json:"account"`
	State   string   `json:"state"` // waiting, fixed or dropped
	Reason  string   `json:"reason"`
	By      string   `json:"by,omitempty"`   // operator who settled it
	Note    string   `json:"note,omitempty"` // the operator's reason
	Fields  []string `json:"fields,omitempty"`
}

// Quarantine lists the entries that the district holds in quarantine, waiting
// ones first; with settled also those that an operator has fixed or dropped.
func (a *Agent) Quarantine(_ context.Context, settled bool) ([]Quarantined, error) {
	out := []Quarantined{}
	for d, err := range a.store.Docs(schema.KindQuarantine, "") {
		if err != nil {
			return nil, err
		}
		q := quarantined(d)
		if settled || q.State == waiting {
			out = append(out, q)
		}
	}
	slices.SortStableFunc(out, func(a, b Quarantined) int { return order(a) - order(b) })
	return out, nil
}

const waiting = "waiting"

func order(q Quarantined) int {
	if q.State == waiting {
		return 0
	}
	return 1
}

func quarantined(d *change.Doc) Quarantined {
	state, _ := d.Value(schema.QuarantineState).Int()
	q := Quarantined{
		ID: d.ID, Reason: d.Value(schema.QuarantineReason).Text(),
		By: d.Value(schema.QuarantineBy).Text(), Note: d.Value(schema.QuarantineNote).Text(),
	}
	if c, ok := schema.QuarantineStates.ByNum(state); ok {
		q.State = c.Key
	}
	chain, _ := d.Value(schema.QuarantineChain).Bin()
	raw, _ := d.Value(schema.QuarantineEntry).Bin()
	if len(chain) != len(change.ChainID{}) {
		return q
	}
	e, err := frame.DecodeEntry([]byte(raw), change.ChainID([]byte(chain)))
	if err != nil {
		return q // of a newer peer, perhaps: its bytes are kept, and the reason says why
	}
	q.Kind, q.Doc, q.Account = e.Kind.String(), e.ID, e.Account
	for i := range e.Fields {
		f := &e.Fields[i]
		q.Fields = append(q.Fields, text.New("agent.quarantine_field", "name", fieldLabel(e.Kind, f.Key), "value", schema.Words(e.Kind, f.Key.Num, f.Value)).Code())
	}
	return q
}

func fieldLabel(k schema.Kind, key schema.Key) any {
	f, ok := schema.FieldOf(k, key.Num)
	switch {
	case !ok:
		return key.Sub
	case key.Sub != "":
		return text.New("agent.quarantine_item", "field", f.Label, "item", key.Sub)
	}
	return f.Label
}

// Words returns q with its codes in the default language.
func (q Quarantined) Words() Quarantined {
	q.Reason = text.Parse(q.Reason).Error()
	fields := make([]string, len(q.Fields))
	for i, f := range q.Fields {
		fields[i] = text.Parse(f).Error()
	}
	q.Fields = fields
	return q
}
