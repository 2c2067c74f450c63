package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"shangu/agent/account"
	"shangu/agent/intake"
	"shangu/schema/table"
	"shangu/schema/text"
	"shangu/sync/bundle"
)

// The local door: what a command asks of the service that runs on its data
// directory. Who may open it may ask anything; see installer/host/local.
//
//	GET  /v1/status                              Status, last_error as a code
//	GET  /v1/digest                              kind, month, hex
//	GET  /v1/receipt?date=&id=                   DaySheet, what as codes
//	POST /v1/sync?timeout=60s
//	POST /v1/enroll          enrolment           Enrolled
//	POST /v1/pack            a school pack       Enrolled
//	GET  /v1/bundle                              a bundle, and Bundled in a header
//	POST /v1/bundle          a reply             Returned
//	POST /v1/import?kind=&name=&dry=&year=&account=   file   imported
//	GET  /v1/export?kind=&name=&version=         file
//	GET  /v1/backup                              backup, cut short where it failed
//	GET  /v1/date                                DateQuestion, why as a code
//	POST /v1/date?confirm=2026-10-12             DateQuestion
//	POST /v1/verify?repair=1                     Verified
//	GET  /v1/accounts                            []Account
//	POST /v1/accounts        newAccount          Account
//	POST /v1/accounts/pin    newAccount          {}, role is not looked at
//	POST /v1/accounts/reset                      {}
//
// Errors are a status of 4xx or 5xx and a fault. Messages travel as codes, so
// that each command says them in its own language.

// maxBody is a byte more than a file may have, so that intake sees what is too
// large and says so in its own words.
const maxBody = table.MaxFile + 1

// fault is an error on its way through the door.
type fault struct {
	Code     string    `json:"code,omitempty"`     // as schema/text codes it
	Problems []problem `json:"problems,omitempty"` // what is wrong with a file
	More     int       `json:"more,omitempty"`     // problems that are not listed
}

// problem is a table.Problem with its message as a code.
type problem struct {
	Sheet  string `json:"sheet,omitempty"`
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	Cell   string `json:"cell,omitempty"`
	Code   string `json:"code"`
}

func wireProblems(ps []table.Problem) []problem {
	out := make([]problem, len(ps))
	for i, p := range ps {
		out[i] = problem{p.Sheet, p.Line, p.Column, p.Cell, p.Message.Code()}
	}
	return out
}

func readProblems(ps []problem) []table.Problem {
	out := make([]table.Problem, len(ps))
	for i, p := range ps {
		out[i] = table.Problem{Sheet: p.Sheet, Line: p.Line, Column: p.Column, Cell: p.Cell, Message: text.Parse(p.Code)}
	}
	return out
}

// imported is Imported through the door.
type imported struct {
	Imported
	Notes []problem `json:"notes"` // in place of Imported's
}

// Door is the service's side of the local door. What is under way ends with
// ctx: a command that waits for a session does not hold the service up.
func (a *Agent) Door(ctx context.Context) http.Handler {
	m := http.NewServeMux()
	handle := func(pattern string, f func(*http.Request) (any, error)) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			defer context.AfterFunc(r.Context(), func() { cancel(r.Context().Err()) })()
			v, err := f(r.WithContext(ctx))
			if err != nil {
				refuse(w, err)
				return
			}
			reply(w, http.StatusOK, v)
		})
	}
	handle("GET /v1/status", func(r *http.Request) (any, error) { return a.Status(r.Context()) })
	handle("GET /v1/digest", func(r *http.Request) (any, error) { return a.Digest(r.Context()) })
	handle("GET /v1/quarantine", func(r *http.Request) (any, error) { return a.Quarantine(r.Context(), r.FormValue("all") != "") })
	handle("GET /v1/receipt", func(r *http.Request) (any, error) {
		return a.Receipt(r.Context(), r.FormValue("date"), r.FormValue("id"))
	})
	handle("POST /v1/sync", func(r *http.Request) (any, error) {
		timeout, err := time.ParseDuration(r.FormValue("timeout"))
		if err != nil {
			return nil, err
		}
		defer debug.FreeOSMemory()
		return struct{}{}, a.Sync(r.Context(), timeout)
	})
	handle("POST /v1/enroll", func(r *http.Request) (any, error) {
		var e enrolment
		if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&e); err != nil {
			return nil, err
		}
		return a.Enrol(r.Context(), e.Hubs, e.Token)
	})
	handle("POST /v1/import", func(r *http.Request) (any, error) {
		q := r.URL.Query()
		data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
		if err != nil {
			return nil, err
		}
		year, err := strconv.Atoi(q.Get("year"))
		if err != nil {
			return nil, err
		}
		got, err := a.Import(r.Context(), Import{
			Kind: intake.Kind(q.Get("kind")), Name: q.Get("name"), Data: data,
			DryRun: q.Get("dry") != "", Year: year, Account: q.Get("account"),
		})
		debug.FreeOSMemory() // a workbook takes many times its size
		return imported{got, wireProblems(got.Notes)}, err
	})
	handle("GET /v1/date", func(r *http.Request) (any, error) { return a.DateQuestion(r.Context()) })
	handle("POST /v1/date", func(r *http.Request) (any, error) { return a.ConfirmDate(r.Context(), r.FormValue("confirm")) })
	handle("POST /v1/verify", func(r *http.Request) (any, error) {
		return a.Verify(r.Context(), r.FormValue("repair") != "")
	})
	handle("POST /v1/pack", func(r *http.Request) (any, error) {
		pack, err := io.ReadAll(io.LimitReader(r.Body, bundle.MaxPackFile+1))
		if err != nil {
			return nil, err
		}
		return a.EnrolPack(r.Context(), pack)
	})
	handle("POST /v1/bundle", func(r *http.Request) (any, error) { return a.returnDoor(r.Context(), r.Body) })
	handle("GET /v1/accounts", func(r *http.Request) (any, error) { return a.Accounts(r.Context()) })
	handle("POST /v1/accounts", func(r *http.Request) (any, error) {
		n, err := readAccount(r)
		if err != nil {
			return nil, err
		}
		return a.AddAccount(r.Context(), n.Name, n.Role, n.PIN)
	})
	handle("POST /v1/accounts/pin", func(r *http.Request) (any, error) {
		n, err := readAccount(r)
		if err != nil {
			return nil, err
		}
		return struct{}{}, a.SetPIN(r.Context(), n.Name, n.PIN)
	})
	handle("POST /v1/accounts/reset", func(r *http.Request) (any, error) { return struct{}{}, a.ResetAccounts(r.Context()) })
	m.HandleFunc("GET /v1/bundle", a.bundleDoor)
	m.HandleFunc("GET /v1/export", a.exportDoor)
	m.HandleFunc("GET /v1/backup", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/gzip")
		if err := a.Backup(r.Context(), w, r.FormValue("open") == "true"); err != nil {
			a.o.Log.Error("backup failed", "err", err.Error())
		}
	})
	return m
}

// newAccount is an account on its way through the door.
type newAccount struct {
	Name string       `json:"name"`
	Role account.Role `json:"role"`
	PIN  string       `json:"pin"`
}

func readAccount(r *http.Request) (n newAccount, err error) {
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&n); err != nil {
		return n, fmt.Errorf("read account: %w", err)
	}
	return n, nil
}

func (a *Agent) exportDoor(w http.ResponseWriter, r *http.Request) {
	// A table that fails half way must not look whole.
	var b bytes.Buffer
	if err := a.Export(r.Context(), intake.Kind(r.FormValue("kind")), r.FormValue("name"), intake.OneVersion(r.FormValue("version")), &b); err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.Write(b.Bytes())
}

// bundleHeader carries Bundled as JSON.
const bundleHeader = "Shangu-Bundle"

func (a *Agent) bundleDoor(w http.ResponseWriter, r *http.Request) {
	err := a.ExportBundle(r.Context(), func(b Bundled, file io.Reader) error {
		facts, err := json.Marshal(b)
		if err != nil {
			return err
		}
		w.Header().Set(bundleHeader, string(facts))
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(b.Bytes, 10))
		io.Copy(w, file) // the command counts
		return nil
	})
	if err != nil {
		refuse(w, err)
	}
}

// returnDoor keeps a reply in a file while it is read: it may be larger than the
// memory that the service should take.
func (a *Agent) returnDoor(ctx context.Context, body io.Reader) (Returned, error) {
	f, err := os.CreateTemp(a.o.Dir, "reply*.part")
	if err != nil {
		return Returned{}, fmt.Errorf("import bundle: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	size, err := io.Copy(f, io.LimitReader(body, bundle.MaxFile+1<<10))
	if err != nil {
		return Returned{}, fmt.Errorf("import bundle: %w", err)
	}
	return a.ImportBundle(ctx, f, size)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A command that went away does not want its answer.
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, err error) {
	if ps, ok := errors.AsType[*table.Problems](err); ok {
		list, more := ps.List()
		reply(w, http.StatusUnprocessableEntity, fault{Problems: wireProblems(list), More: more})
		return
	}
	m := text.Of(err)
	if m == nil {
		m = text.New("agent.failed", "cause", err)
	}
	reply(w, http.StatusConflict, fault{Code: m.Code()})
}
