package node

import (
	"slices"
	"strconv"
	"strings"

	"shangu/hub/state"
	"shangu/installer/host/cli"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Quarantined is a quarantined entry as `hub quarantine` shows it.
type Quarantined struct {
	Ref     string             `json:"ref"` // SCHOOL/ID: names it in commands
	School  string             `json:"school"`
	Seq     uint64             `json:"seq"`
	State   string             `json:"state"`   // waiting, fixed or dropped
	Reason  string             `json:"reason"`  // in words
	Code    string             `json:"code"`    // the same as schema/text codes it
	Kind    string             `json:"kind"`    // of the entry; "" if it cannot be read
	Scope   string             `json:"scope"`   // whose document it wanted to change: a school, or the district
	Doc     string             `json:"doc"`     // id of that document
	Account string             `json:"account"` // who saved it
	By      string             `json:"by,omitempty"`
	Note    string             `json:"note,omitempty"`
	Fields  []QuarantinedField `json:"fields,omitempty"`
	Entry   []byte             `json:"entry"` // canonical bytes, as pushed
}

// QuarantinedField is a field of a quarantined entry.
type QuarantinedField struct {
	Num   schema.FieldNum `json:"num"`
	Sub   string          `json:"sub,omitempty"`
	Name  string          `json:"name"`
	Value string          `json:"value"`         // in words
	Raw   []byte          `json:"raw,omitempty"` // canonical msgpack
}

var quarantineStates = map[int]string{
	schema.QuarantineWaiting: "waiting", schema.QuarantineFixed: "fixed", schema.QuarantineDropped: "dropped",
}

func showQuarantined(q state.Quarantined) Quarantined {
	out := Quarantined{Ref: q.School + "/" + q.ID, School: q.School, Seq: q.Seq, State: quarantineStates[q.State],
		Reason: text.Parse(q.Reason).Error(), Code: q.Reason, By: q.By, Note: q.Note}
	if raw, ok := q.Doc.Value(schema.QuarantineEntry).Bin(); ok {
		out.Entry = []byte(raw)
	}
	e := q.Entry
	if e == nil {
		return out
	}
	out.Kind, out.Doc, out.Account = e.Kind.String(), e.ID, e.Account
	if out.Scope = e.Scope; out.Scope == "" {
		out.Scope = q.School
	}
	for _, f := range e.Fields {
		name := "field-" + strconv.Itoa(int(f.Key.Num))
		if known, ok := schema.FieldOf(e.Kind, f.Key.Num); ok {
			name = known.Name
		}
		if f.Key.Sub != "" {
			name += "[" + f.Key.Sub + "]"
		}
		out.Fields = append(out.Fields, QuarantinedField{Num: f.Key.Num, Sub: f.Key.Sub, Name: name,
			Value: schema.Words(e.Kind, f.Key.Num, f.Value).In(text.Default()), Raw: []byte(f.Value)})
	}
	return out
}

// Correct returns the entry's fields with corrections of the form NAME=VALUE or
// NAME[SUB]=VALUE. An empty VALUE leaves the field out.
func (q Quarantined) Correct(set []string) ([]change.Field, error) {
	kind, ok := schema.ParseKind(q.Kind)
	if !ok {
		return nil, text.New("hub.cannot_correct", "ref", q.Ref)
	}
	fields := map[schema.Key]schema.Value{}
	for _, f := range q.Fields {
		fields[schema.Key{Num: f.Num, Sub: f.Sub}] = schema.Value(f.Raw)
	}
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, cli.Usage("hub.bad_set", "set", s)
		}
		key, v, err := parseField(kind, name, value)
		if err != nil {
			return nil, err
		}
		if fields[key] = v; value == "" {
			delete(fields, key)
		}
	}
	return sorted(fields), nil
}

func parseField(kind schema.Kind, name, value string) (key schema.Key, v schema.Value, err error) {
	name, sub, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	for _, f := range schema.Fields(kind) {
		if f.Name != name {
			continue
		}
		key = schema.Key{Num: f.Num, Sub: sub}
		if v, ok := parseValue(f, value); ok || value == "" {
			return key, v, nil
		}
		return key, v, cli.Usage("hub.bad_value", "field", name, "value", value)
	}
	return key, v, cli.Usage("hub.bad_field", "field", name, "kind", kind.String())
}

// parseValue reads a field's value as an operator types it.
func parseValue(f schema.Field, s string) (schema.Value, bool) {
	switch f.Type {
	case schema.TypeText:
		return schema.Str(s), true
	case schema.TypeDate:
		d, ok := schema.ParseDate(s)
		return schema.Int(int64(d)), ok
	case schema.TypeBool:
		b, err := strconv.ParseBool(s)
		return schema.Bool(b), err == nil
	case schema.TypeTenths, schema.TypeMoney:
		scale := 10.0
		if f.Type == schema.TypeMoney {
			scale = 100
		}
		x, err := strconv.ParseFloat(s, 64)
		return schema.Int(int64(x*scale + 0.5)), err == nil && x >= 0
	case schema.TypeInt, schema.TypeMonth, schema.TypeCode:
		n, err := strconv.ParseInt(s, 10, 64)
		return schema.Int(n), err == nil
	}
	return "", false
}

func sorted(m map[schema.Key]schema.Value) []change.Field {
	fields := make([]change.Field, 0, len(m))
	for k, v := range m {
		fields = append(fields, change.Field{Key: k, Value: v})
	}
	slices.SortFunc(fields, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
	return fields
}
