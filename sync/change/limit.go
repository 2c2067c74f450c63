package change

import (
	"unicode/utf8"

	"shangu/schema/text"
)

// Limits beyond those of package frame. The hub applies an entry in one
// transaction of bounded size, so it puts what exceeds them into quarantine;
// agents refuse or split it before it is saved, by the same rule.
const (
	MaxDoc     = 64 << 10 // bytes of a document, as Size counts
	MaxFields  = 512      // of one entry: each may lose and become a card
	MaxItem    = 256      // bytes of a map field's item, which the id of such a card holds
	MaxAccount = 256      // bytes of a writer's name, which each such card holds
	MaxID      = 512      // bytes of a document id
	MaxScope   = 64       // bytes of a school code
)

// Check says which limit an entry exceeds by itself, nil when none.
func (e *Entry) Check() *text.Message {
	switch {
	case e.ID == "" || len(e.ID) > MaxID || !utf8.ValidString(e.ID):
		return text.New("state.bad_id")
	case len(e.Account) > MaxAccount || !utf8.ValidString(e.Account):
		return text.New("state.bad_account", "max", MaxAccount)
	case len(e.Fields) == 0:
		return text.New("state.no_fields")
	case len(e.Fields) > MaxFields:
		return text.New("state.too_many_fields", "count", len(e.Fields), "max", MaxFields)
	}
	for i := range e.Fields {
		if sub := e.Fields[i].Key.Sub; len(sub) > MaxItem || !utf8.ValidString(sub) {
			return text.New("state.bad_item", "max", MaxItem)
		}
	}
	return nil
}

// Check says that a document is too large, nil when it is not.
func (d *Doc) Check() *text.Message {
	if d.Size() > MaxDoc {
		return text.New("state.too_large", "max", MaxDoc>>10)
	}
	return nil
}

// Size is an upper bound on a document's canonical bytes without encoding it. A
// school's own documents have the same size at the agent, which leaves their
// scope out, as at the hub.
func (d *Doc) Size() int {
	n := MaxScope + len(d.ID) + 32
	for i := range d.Cells {
		c := &d.Cells[i]
		n += len(c.Key.Sub) + len(c.Value) + len(c.By) + 64 + 32*len(c.Also)
	}
	return n
}
