package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"shangu/hub/cluster"
	"shangu/hub/report"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/digest"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// The local door: what a command on the same machine asks of the node that runs
// in --dir. Who may open the socket may ask anything.
//
//	GET  /v1/status                      Status
//	GET  /v1/role                        Role
//	POST /v1/propose     command bytes   result bytes
//	POST /v1/token       TokenRequest    TokenAnswer
//	POST /v1/district    LoadRequest     Loaded
//	POST /v1/node/remove?id= /v1/node/promote?id=
//	GET  /v1/devices                     []state.Device
//	POST /v1/device/pin  PINRequest      PINAnswer
//	GET  /v1/digest?school=              digest.Set as CONTRACT.md prints it
//	GET  /v1/report?name=&format=        a report as json, csv or xlsx
//	GET  /v1/quarantine?all=1            []Quarantined
//	GET  /v1/quarantine/show?school=&id= Quarantined
//	GET  /v1/backup                      a backup
//	GET  /v1/audit/verify                Proof
//	GET  /v1/audit/show?school=&device=&doc=&from=&to=  lines of Audited
//	GET  /v1/audit/export                lines: number, hash, record
//	GET  /v1/receipt?code=               Covered
//	POST /v1/bundle      a bundle        the reply to it, and Bundle in a header
//	POST /v1/pack        PackRequest     a school pack
//	GET  /v1/profile?for=                a profile of so long, for go tool pprof
//
// Errors are a status of 4xx or 5xx and Fault.

// maxCommand bounds a proposed command in bytes.
const maxCommand = 8 << 20

// freshWithin is how long a read waits to be up to date before it gives what
// this node has and says so.
const freshWithin = 3 * time.Second

// StaleHeader says, on an answer that may be old, why it could not be made
// sure of.
const StaleHeader = "Shangu-Stale"

// Status is the answer of /v1/status, and with --json of `hub status`.
type Status struct {
	cluster.Status
	Version string    `json:"version"`
	Audit   AuditHead `json:"audit"` // how far this node's audit trail goes
}

// TokenRequest asks for a one-time token.
type TokenRequest struct {
	Role   identity.Role `json:"role"`
	School string        `json:"school"`
	TTL    time.Duration `json:"ttl"` // nanoseconds
}

// TokenAnswer is a one-time token.
type TokenAnswer struct {
	School  string    `json:"school,omitempty"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// Fault is an error on its way through the door.
type Fault struct {
	Code     string    `json:"code,omitempty"`     // as schema/text codes it
	Problems []Problem `json:"problems,omitempty"` // what is wrong with a file
	More     int       `json:"more,omitempty"`     // problems that are not listed
}

func (n *Node) door() http.Handler {
	m := http.NewServeMux()
	handle := func(pattern string, f func(*http.Request) (any, error)) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := f(r)
			if err != nil {
				refuse(w, err)
				return
			}
			reply(w, v)
		})
	}
	// read answers from the state, made fresh first.
	read := func(pattern string, f func(*http.Request) (any, error)) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			n.freshen(w, r)
			v, err := f(r)
			if err != nil {
				refuse(w, err)
				return
			}
			reply(w, v)
		})
	}
	m.HandleFunc("GET /v1/report", func(w http.ResponseWriter, r *http.Request) {
		n.freshen(w, r)
		n.report(w, r)
	})
	handle("GET /v1/status", func(r *http.Request) (any, error) {
		return Status{Status: n.Cluster.Status(r.Context()), Version: n.opts.Version, Audit: auditHead(n.State.TrailHead())}, nil
	})
	handle("GET /v1/role", func(*http.Request) (any, error) { return Role{Serves: !n.opts.Quiet}, nil })
	handle("POST /v1/token", n.token)
	handle("POST /v1/key/open", n.openKey)
	handle("POST /v1/district", n.loadDistrict)
	handle("POST /v1/node/remove", func(r *http.Request) (any, error) {
		return nil, n.Cluster.RemoveNode(r.Context(), r.FormValue("id"))
	})
	handle("POST /v1/node/promote", func(r *http.Request) (any, error) {
		return nil, n.Cluster.Promote(r.Context(), r.FormValue("id"))
	})
	m.HandleFunc("POST /v1/propose", n.propose)
	m.HandleFunc("GET /v1/backup", n.backup)
	m.HandleFunc("POST /v1/bundle", n.importBundle)
	m.HandleFunc("POST /v1/pack", n.pack)
	m.HandleFunc("GET /v1/profile", n.profile)
	read("GET /v1/audit/verify", func(*http.Request) (any, error) { return n.proveTrail() })
	m.HandleFunc("GET /v1/audit/show", n.showAudit)
	m.HandleFunc("GET /v1/audit/export", n.exportAudit)
	read("GET /v1/receipt", func(r *http.Request) (any, error) { return n.verifyCode(r.FormValue("code")) })
	read("POST /v1/device/pin", n.newPIN)
	read("GET /v1/devices", func(*http.Request) (any, error) { return n.State.Devices() })
	read("GET /v1/digest", func(r *http.Request) (any, error) { return n.digest(r.FormValue("school")) })
	read("GET /v1/quarantine", func(r *http.Request) (any, error) {
		found, err := n.State.Quarantine(r.FormValue("all") != "")
		out := make([]Quarantined, len(found))
		for i, q := range found {
			out[i] = showQuarantined(q)
		}
		return out, err
	})
	read("GET /v1/quarantine/show", func(r *http.Request) (any, error) {
		q, ok, err := n.State.QuarantineShow(r.FormValue("school"), r.FormValue("id"))
		if err == nil && !ok {
			err = text.New("hub.no_quarantined", "id", r.FormValue("id"))
		}
		return showQuarantined(q), err
	})
	return m
}

// freshen brings this node up to date, or has the answer say why it may be old.
func (n *Node) freshen(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), freshWithin)
	defer cancel()
	if err := n.Cluster.Barrier(ctx); err != nil {
		w.Header().Set(StaleHeader, text.Of(Say(err)).Code())
	}
}

// report makes a report and writes it in the format asked for.
func (n *Node) report(w http.ResponseWriter, r *http.Request) {
	t, err := report.Build(r.FormValue("name"), n.State, n.opts.Now())
	if err != nil {
		refuse(w, err)
		return
	}
	var b bytes.Buffer
	switch format := r.FormValue("format"); format {
	case "json":
		err = t.WriteJSON(&b)
	case "csv":
		err = t.WriteCSV(&b)
	case "xlsx":
		err = t.WriteXLSX(&b)
	default:
		err = text.New("hub.bad_format", "format", format)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(b.Bytes())
}

func (n *Node) token(r *http.Request) (any, error) {
	var q TokenRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&q); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	t, expires, err := n.Authority.Issue(r.Context(), q.Role, q.School, q.TTL)
	return TokenAnswer{School: q.School, Token: t.String(), Expires: expires.UTC()}, err
}

func (n *Node) propose(w http.ResponseWriter, r *http.Request) {
	cmd, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommand))
	if err == nil {
		var res []byte
		if res, err = n.Cluster.Propose(r.Context(), cmd); err == nil {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(res)
			return
		}
	}
	refuse(w, err)
}

// Stamp writes unix seconds as RFC 3339, "" for 0.
func Stamp(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}

// digest gives a school's digests as CONTRACT.md prints them: by kind and month.
func (n *Node) digest(school string) (any, error) {
	d, err := n.State.Doc(state.DocKey{Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: school})
	if err != nil {
		return nil, err
	}
	if d == nil || d.Void() {
		return nil, text.New("hub.no_school", "school", school)
	}
	set, err := n.State.DigestOf(school)
	return Digests(set), err
}

// Digests is {"<kind>":{"<yyyy-mm>":"<hex>"}}.
func Digests(set digest.Set) map[string]map[string]string {
	out := map[string]map[string]string{}
	for b, sum := range set {
		kind := b.Kind.String()
		if out[kind] == nil {
			out[kind] = map[string]string{}
		}
		out[kind][b.Month] = sum.String()
	}
	return out
}

// Say puts the cluster's errors into words for an operator.
func Say(err error) error {
	for cause, id := range map[error]string{
		session.ErrNoLeader: "hub.no_leader", session.ErrBusy: "hub.busy", session.ErrDiskFull: "hub.disk_full",
		cluster.ErrUnknownNode: "hub.no_node", cluster.ErrRemoved: "hub.node_was_removed", cluster.ErrTaken: "hub.node_taken",
		cluster.ErrOld: "hub.node_old", cluster.ErrClone: "hub.node_clone", cluster.ErrSuperseded: "hub.node_superseded", cluster.ErrRotten: "hub.node_rotten", cluster.ErrStuck: "hub.node_stuck", cluster.ErrLog: "hub.node_log", context.DeadlineExceeded: "hub.no_leader",
		state.ErrUnknownSchool: "hub.school_unknown", state.ErrUnknown: "hub.unknown", state.ErrSettled: "hub.settled",
	} {
		if errors.Is(err, cause) {
			return text.Wrap(err, id)
		}
	}
	if text.Of(err) == nil {
		return text.Wrap(err, "hub.failed", "cause", err.Error())
	}
	return err
}

func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	var f Fault
	if ps, ok := errors.AsType[*table.Problems](err); ok {
		list, more := ps.List()
		f.Problems, f.More = problems(list), more
	} else {
		f.Code = text.Of(Say(err)).Code()
	}
	json.NewEncoder(w).Encode(f)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
