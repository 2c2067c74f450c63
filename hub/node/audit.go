package node

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
)

// Proof is what `hub audit verify` found.
type Proof struct {
	AuditHead
	Packs    uint64       `json:"packs"`    // records that hold entries
	Entries  uint64       `json:"entries"`  // in them, all read and hashed
	Chains   int          `json:"chains"`   // that they make
	Scopes   int          `json:"scopes"`   // schools and the district, whose digests
	Docs     uint64       `json:"docs"`     // these documents give, each once for every school that sees it
	Problems []state.Flaw `json:"problems"` // why as a code
}

func (n *Node) proveTrail() (Proof, error) {
	p, err := n.State.VerifyTrail()
	if err != nil {
		return Proof{}, err
	}
	if p.Problems == nil {
		p.Problems = []state.Flaw{}
	}
	return Proof{auditHead(p.Head), p.Packs, p.Entries, p.Chains, p.Scopes, p.Documents, p.Problems}, nil
}

// Audited is one line of `hub audit show`: an entry, or a command.
type Audited struct {
	N       uint64    `json:"n"`    // audit record
	Time    string    `json:"time"` // RFC 3339: when the hub took it in
	What    string    `json:"what"` // as schema/text codes it
	School  string    `json:"school,omitempty"`
	Device  string    `json:"device,omitempty"`
	Account string    `json:"account,omitempty"`
	Seq     uint64    `json:"seq,omitempty"`   // of an entry, in its chain
	Saved   string    `json:"saved,omitempty"` // RFC 3339: when it was written, corrected
	Scope   string    `json:"scope,omitempty"` // whose document it changes
	Kind    string    `json:"kind,omitempty"`
	Doc     string    `json:"doc,omitempty"`
	Fields  []Changed `json:"fields,omitempty"`
}

// Changed is one field of an entry. Values are codes (schema/text).
type Changed struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"` // as last written before; only when a school, device or document was asked for
	New  string `json:"new"`
}

// auditFilter says which lines are wanted.
type auditFilter struct {
	school, device, doc string
	from, to            int64
}

// showAudit streams lines as JSON, one after the other.
func (n *Node) showAudit(w http.ResponseWriter, r *http.Request) {
	n.freshen(w, r)
	f := auditFilter{school: r.FormValue("school"), device: strings.ToLower(r.FormValue("device")), doc: r.FormValue("doc"), to: 1 << 62}
	for value, at := range map[string]*int64{"from": &f.from, "to": &f.to} {
		if s := r.FormValue(value); s != "" {
			d, ok := schema.ParseDate(s)
			if !ok {
				refuse(w, text.New("audit.bad_date", "date", s))
				return
			}
			t, _ := time.ParseInLocation(time.DateOnly, d.String(), time.Local)
			if *at = t.Unix(); value == "to" {
				*at = t.AddDate(0, 0, 1).Unix() - 1
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	var reader state.Reader
	values := map[state.DocKey]map[schema.Key]schema.Value{}
	err := n.State.Records(1, func(rec *state.Record) error {
		if rec.Time > f.to && f.school == "" && f.device == "" && f.doc == "" {
			return nil // records are nearly, not quite, in order of time
		}
		entries, err := reader.Entries(rec)
		if err != nil {
			return err
		}
		device := ""
		if rec.Device != ([16]byte{}) {
			device = hex.EncodeToString(rec.Device[:])
		}
		base := Audited{N: rec.N, Time: rec.Stamp(), What: rec.Say().Code(), School: rec.School, Device: device, Account: rec.Account}
		if entries == nil && f.takes(rec, device, rec.School, "") {
			return enc.Encode(base)
		}
		for _, e := range entries {
			scope := rec.ScopeOf(e)
			line := base
			line.Account, line.Seq, line.Scope, line.Kind, line.Doc = e.Account, e.Seq, scope, e.Kind.String(), e.ID
			line.Saved = time.Unix(rec.Clock.Correct(e), 0).UTC().Format(time.RFC3339)
			line.Fields = f.changed(values, state.DocKey{Scope: scope, Kind: e.Kind, ID: e.ID}, e)
			if f.takes(rec, device, scope, e.ID) {
				if err := enc.Encode(line); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		n.opts.Log.Error("audit trail was not shown to its end", "err", err.Error())
		enc.Encode(Audited{What: text.Of(Say(err)).Code()})
	}
}

func (f *auditFilter) takes(rec *state.Record, device, scope, doc string) bool {
	return rec.Time >= f.from && rec.Time <= f.to && (f.school == "" || f.school == scope || f.school == rec.School) &&
		(f.device == "" || device != "" && strings.HasPrefix(device, f.device)) && (f.doc == "" || f.doc == doc)
}

// changed lists an entry's fields, with what was written there before when the
// lines asked for are few enough to remember.
func (f *auditFilter) changed(values map[state.DocKey]map[schema.Key]schema.Value, k state.DocKey, e *change.Entry) (out []Changed) {
	remember := f.doc == k.ID && f.doc != "" || f.doc == "" && (f.school == k.Scope && f.school != "" || f.device != "")
	if remember && values[k] == nil {
		values[k] = map[schema.Key]schema.Value{}
	}
	for _, field := range e.Fields {
		c := Changed{Name: fieldName(e.Kind, field.Key), New: valueCode(e.Kind, field.Key, field.Value)}
		if remember {
			if old, ok := values[k][field.Key]; ok {
				c.Old = valueCode(e.Kind, field.Key, old)
			}
			values[k][field.Key] = field.Value
		}
		out = append(out, c)
	}
	return out
}

func fieldName(k schema.Kind, key schema.Key) string {
	name := fmt.Sprintf("field-%d", key.Num)
	if f, ok := schema.FieldOf(k, key.Num); ok {
		name = f.Name
	}
	if key.Sub != "" {
		name += "[" + key.Sub + "]"
	}
	return name
}

func valueCode(k schema.Kind, key schema.Key, v schema.Value) string {
	return schema.Words(k, key.Num, v).In(text.Default())
}

// exportAudit streams the trail: a line of JSON a record, with its hash and its
// bytes, so that anybody can hash it anew.
func (n *Node) exportAudit(w http.ResponseWriter, r *http.Request) {
	n.freshen(w, r)
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	err := n.State.Records(1, func(rec *state.Record) error {
		return enc.Encode(struct {
			N      uint64 `json:"n"`
			Hash   string `json:"hash"`
			Time   string `json:"time"`
			What   string `json:"what"`
			Record string `json:"record"` // base64: hash = SHA-256(hash before || record)
		}{rec.N, hex.EncodeToString(rec.Hash[:]), rec.Stamp(), rec.Say().In(text.EN), base64.StdEncoding.EncodeToString(rec.Bytes())})
	})
	if err != nil {
		n.opts.Log.Error("audit trail was not exported to its end", "err", err.Error())
	}
}
