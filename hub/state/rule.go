package state

import (
	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// checkEntry says which rule an entry breaks before its document is looked at.
func checkEntry(k DocKey, e *change.Entry) *text.Message {
	if !goodName(k.Scope) {
		return text.New("state.bad_scope", "scope", k.Scope)
	}
	return e.Check()
}

// checkFields says which of an entry's values breaks a rule by itself. Unknown
// kinds and fields break none.
func checkFields(e *change.Entry) *text.Message {
	for i := range e.Fields {
		if m := schema.CheckField(e.Kind, e.Fields[i].Key, e.Fields[i].Value); m != nil {
			return m
		}
	}
	return nil
}

// roleOf says in which role a writer changes a document, or why it may not.
func (b *batch) roleOf(w *writer, k DocKey, e *change.Entry, was *change.Doc) (schema.Role, *text.Message) {
	if w.school == "" {
		return schema.RoleDistrict, nil
	}
	switch k.Kind {
	case schema.KindSchool, schema.KindAgreement, schema.KindProgramme, schema.KindQuarantine:
		return schema.RoleNone, text.New("state.district_only", "kind", k.Kind)
	case schema.KindCard:
		if was == nil || k.Scope != w.school || !only(e, func(n schema.FieldNum) bool { return n == schema.CardSettled || n == schema.CardSettler }) {
			return schema.RoleNone, text.New("state.card")
		}
	case schema.KindVisit:
		if k.Scope == w.school {
			if !only(e, func(n schema.FieldNum) bool { return schema.Owner(k.Kind, n) != schema.RoleHelper }) {
				return schema.RoleNone, text.New("state.helper_field")
			}
			break
		}
		// A confirmation may come before the host's record of the visit: a hub
		// restored from a backup gets both again, in any order. Then it is taken
		// from a school that an agreement ties to the host.
		helper := was.Value(schema.VisitHelper)
		if !helper.IsNil() && helper.Text() != w.school || helper.IsNil() && !b.partners(w, k.Scope) {
			return schema.RoleNone, text.New("state.scope", "school", w.school, "scope", k.Scope)
		}
		if !only(e, func(n schema.FieldNum) bool { return schema.Owner(k.Kind, n) == schema.RoleHelper }) {
			return schema.RoleNone, text.New("state.host_field")
		}
		return schema.RoleHelper, nil
	}
	if k.Scope != w.school {
		return schema.RoleNone, text.New("state.scope", "school", w.school, "scope", k.Scope)
	}
	return schema.RoleHost, nil
}

// partners reports whether an agreement names both the writer's school and
// another one.
func (b *batch) partners(w *writer, school string) bool {
	if b.err != nil {
		return false
	}
	if w.partners == nil {
		w.partners = map[string]bool{}
		it := b.txn.NewIterator(badger.IteratorOptions{Prefix: foreignKey(w.school, DocKey{Scope: schema.DistrictScope, Kind: schema.KindAgreement})})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			k, ok := splitDocKey(it.Item().Key()[len(nameKey(keyForeign, w.school)):])
			if !ok {
				continue
			}
			if d, _ := b.doc(k); d != nil && !d.Void() {
				for _, s := range viewersOf(d) {
					w.partners[s] = true
				}
			}
		}
	}
	return w.partners[school]
}

func only(e *change.Entry, allowed func(schema.FieldNum) bool) bool {
	for i := range e.Fields {
		if !allowed(e.Fields[i].Key.Num) {
			return false
		}
	}
	return true
}

// early reports whether an entry comes before what it builds on: it confirms a
// visit that the host's record of is still to come, or bases a field on a
// version that the document has never had. That happens after a restore from a
// backup, when each device sends again what was lost. Such a document is
// incomplete for a while, which is no fault of the entry, nor of those that
// change it meanwhile.
func early(e *change.Entry, role schema.Role, was *change.Doc) bool {
	if schema.CheckID(e.Kind, e.ID) != nil {
		return false // a wrong id stays wrong
	}
	if role == schema.RoleHelper && was.Value(schema.VisitHelper).IsNil() {
		return true
	}
	for i := range e.Fields {
		if _, ok := was.Find(e.Fields[i].Key); !ok && !e.Fields[i].Base.IsZero() {
			return true
		}
	}
	return was != nil && len(schema.Validate(was.Kind, was.ID, was.Each)) > 0
}

// checkDoc says which rule a document breaks after a merge.
func checkDoc(d *change.Doc) *text.Message {
	if ms := schema.Validate(d.Kind, d.ID, d.Each); len(ms) > 0 {
		return ms[0]
	}
	return d.Check()
}

// entryBytes returns an entry's canonical bytes, or false when they are more
// than an entry may have.
func entryBytes(chain change.ChainID, e *change.Entry) ([]byte, bool) {
	raw := frame.AppendEntry(nil, chain, e)
	return raw, len(raw) <= frame.MaxEntry
}
