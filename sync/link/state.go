package link

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"shangu/sync/identity"
)

// Usage is a number of bytes on the line, as its seller counts them: TLS, TCP
// and IP included, and attempts that failed.
type Usage struct {
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

// Total is both directions.
func (u Usage) Total() int64 { return u.Sent + u.Received }

// keptMonths is how many months of usage are remembered.
const keptMonths = 13

const (
	saveEvery    = 64 << 10           // bytes
	maxAddresses = 32                 // hosts whose address is remembered
	narrowFor    = 7 * 24 * time.Hour // a line is tried with whole packets again after that
)

// stored is the state file, in JSON. Whoever reads it can take over the TLS
// session in it until the next one replaces it, so its mode is 0600. A file
// that cannot be read counts as none.
type stored struct {
	Device  string           `json:"device,omitempty"` // whose ticket it is
	Ticket  []byte           `json:"ticket,omitempty"`
	Session []byte           `json:"session,omitempty"` // tls.SessionState
	Trusted int64            `json:"trusted,omitempty"` // unix seconds
	Hub     string           `json:"hub,omitempty"`
	Speed   float64          `json:"speed,omitempty"` // bytes a second
	Months  map[string]Usage `json:"months,omitempty"`
	// Addresses are where each host:port really was the hub, for resolvers that lie.
	Addresses map[string]string `json:"addresses,omitempty"`
	Narrow    int64             `json:"narrow,omitempty"` // unix seconds until which packets are kept small
	Passed    bool              `json:"passed,omitempty"` // small ones got through, and have not stood still since
	Behind    int64             `json:"behind,omitempty"` // seconds by which this machine's clock is behind the hub's
	Thrift    Thrift            `json:"thrift,omitzero"`
}

// Thrift is a month of which little was left under a limit, and what a day's
// essentials have used since only they may cross the line.
type Thrift struct {
	Month string `json:"month"` // yyyy-mm
	Limit int64  `json:"limit"`
	Day   string `json:"day"` // yyyy-mm-dd
	Bytes int64  `json:"bytes"`
}

// state is what a Link remembers. As a tls.ClientSessionCache it holds one
// session: all nodes of a hub take each other's tickets.
type state struct {
	path  string
	files identity.Files
	log   *slog.Logger

	mu      sync.Mutex
	s       stored
	dirty   bool
	unsaved int64 // bytes counted since the last save
	cache   *tls.ClientSessionState
}

// openState reads what a device's Link remembers. Another device's session is
// left out: by its ticket the hub would take this one for that.
func openState(path, device string, files identity.Files, log *slog.Logger) *state {
	st := &state{path: path, files: files, log: log}
	if path != "" {
		b, err := files.Read(path)
		if err == nil {
			err = json.Unmarshal(b, &st.s)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			log.Warn("link state is unreadable; starting anew", "path", path, "err", err.Error())
			st.s = stored{}
		}
	}
	if st.s.Months == nil {
		st.s.Months = map[string]Usage{}
	}
	if st.s.Device != device {
		st.s.Device, st.s.Ticket, st.s.Session = device, nil, nil
	}
	if len(st.s.Session) > 0 {
		if session, err := tls.ParseSessionState(st.s.Session); err == nil {
			if st.cache, err = tls.NewResumptionState(st.s.Ticket, session); err != nil {
				st.cache = nil
			}
		}
	}
	return st
}

// Get implements tls.ClientSessionCache.
func (st *state) Get(string) (*tls.ClientSessionState, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.cache, st.cache != nil
}

// Put implements tls.ClientSessionCache. crypto/tls puts nil after each
// handshake that failed, and here lines fail far more often than tickets: it is
// the Link that knows which it was and calls forget.
func (st *state) Put(_ string, cs *tls.ClientSessionState) {
	if cs == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.cache, st.s.Ticket, st.s.Session, st.dirty = cs, nil, nil, true
	ticket, session, err := cs.ResumptionState()
	if err != nil || session == nil {
		return
	}
	if b, err := session.Bytes(); err == nil {
		st.s.Ticket, st.s.Session = ticket, b
	}
}

// forget drops the ticket.
func (st *state) forget() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.cache, st.s.Ticket, st.s.Session, st.dirty = nil, nil, nil, true
}

// count adds to a month's usage, and to a day's essentials under a limit that
// is nearly reached, 0 if it is not.
func (st *state) count(month, day string, limit, sent, received int64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	u := st.s.Months[month]
	u.Sent += sent
	u.Received += received
	st.s.Months[month] = u
	if limit > 0 {
		if t := st.s.Thrift; t.Month != month || t.Limit != limit || t.Day != day {
			st.s.Thrift = Thrift{Month: month, Limit: limit, Day: day}
		}
		st.s.Thrift.Bytes += sent + received
	}
	st.dirty, st.unsaved = true, st.unsaved+sent+received
	for len(st.s.Months) > keptMonths {
		oldest := month
		for m := range st.s.Months {
			oldest = min(oldest, m)
		}
		delete(st.s.Months, oldest)
	}
}

// thrift is what a day's essentials have used, and whether only they may cross
// the line this month.
func (st *state) thrift(month, day string, limit int64) (spent int64, begun bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	t := st.s.Thrift
	if t.Month != month || t.Limit != limit {
		return 0, false
	}
	if t.Day == day {
		spent = t.Bytes
	}
	return spent, true
}

// due reports whether so much was counted since the last save that a killed
// process should not forget it.
func (st *state) due() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.unsaved >= saveEvery
}

// address is where addr, host:port, really was the hub; "" if it never was.
func (st *state) address(addr string) string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.s.Addresses[addr]
}

func (st *state) setAddress(addr, at string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.s.Addresses[addr] == at {
		return
	}
	if st.s.Addresses == nil || len(st.s.Addresses) >= maxAddresses {
		st.s.Addresses = map[string]string{}
	}
	st.s.Addresses[addr], st.dirty = at, true
}

// narrow reports whether packets are kept small for now.
func (st *state) narrow(now time.Time) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return now.Unix() < st.s.Narrow && st.s.Narrow <= now.Add(narrowFor).Unix()
}

func (st *state) setNarrow(until time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Narrow, st.s.Passed, st.dirty = until.Unix(), false, true
}

// setPassed takes an answer over a connection with small packets or whole ones.
func (st *state) setPassed(narrow bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if narrow && !st.s.Passed {
		st.s.Passed, st.dirty = true, true
	}
}

// stood takes a connection with small packets that stood still. Where they had
// got through before, the line was away for a while; what it is like counts
// until that happens twice in a row. Else it was not their size.
func (st *state) stood() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.s.Passed {
		st.s.Narrow = 0
	}
	st.s.Passed, st.dirty = false, true
}

func (st *state) behind() time.Duration {
	st.mu.Lock()
	defer st.mu.Unlock()
	return time.Duration(st.s.Behind) * time.Second
}

func (st *state) usage(month string) Usage {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.s.Months[month]
}

func (st *state) trusted() time.Time {
	st.mu.Lock()
	defer st.mu.Unlock()
	return time.Unix(st.s.Trusted, 0)
}

func (st *state) setTrusted(t time.Time, behind time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Trusted, st.s.Behind, st.dirty = t.Unix(), int64(behind/time.Second), true
}

func (st *state) speed() float64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	return max(st.s.Speed, 0)
}

func (st *state) setSpeed(s float64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Speed = s
}

// hub is the index of the hub that answered last, 0 if it is not among hubs.
func (st *state) hub(hubs []string) int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return max(0, slices.Index(hubs, st.s.Hub))
}

func (st *state) setHub(h string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Hub, st.dirty = h, true
}

// save writes the state file if anything has changed.
func (st *state) save() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.path == "" || !st.dirty {
		return nil
	}
	b, err := json.Marshal(&st.s)
	if err != nil {
		return fmt.Errorf("encode link state: %w", err)
	}
	if err := st.files.Write(st.path, b, 0o600); err != nil {
		return fmt.Errorf("save link state: %w", err)
	}
	st.dirty, st.unsaved = false, 0
	return nil
}
