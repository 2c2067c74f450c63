package service

import (
	"context"
	"encoding/hex"
	"time"

	"shangu/sync/bundle"
	"shangu/sync/frame"
)

// Status is where an agent stands. CONTRACT.md names its fields; last_error is
// words in the language of whoever prints it, and travels as a code.
type Status struct {
	School      string         `json:"school"`
	Device      string         `json:"device"`
	Epoch       string         `json:"epoch"`
	Pending     uint64         `json:"pending"`
	Safe        uint64         `json:"safe"`
	Quarantined int            `json:"quarantined"`
	Conflicts   int            `json:"conflicts"`
	LastSync    string         `json:"last_sync"` // RFC 3339, "" if there was none
	LastError   string         `json:"last_error"`
	ClockOffset int64          `json:"clock_offset_ms"` // how far this machine's clock is behind the hub's
	DiskFree    uint64         `json:"disk_free"`       // bytes
	DiskLow     bool           `json:"disk_low"`        // nothing but attendance is saved
	Docs        int            `json:"docs"`
	Version     string         `json:"version"`
	Hubs        []string       `json:"hubs"`
	Kinds       map[string]int `json:"kinds"`
	Boot        uint32         `json:"boot"`
	Data        Data           `json:"data"`
	Rebuilt     string         `json:"rebuilt,omitempty"` // why the documents were rebuilt at this start
	Days        Days           `json:"days"`
	Notices     []Notice       `json:"notices"` // gravest first; text as a code, as in LastError
}

// Replies is what the district's replies to this machine are called, but for their
// number; ok is false where the status is none of an agent.
func (s Status) Replies() (own bundle.Name, ok bool) {
	device, err1 := hex.DecodeString(s.Device)
	epoch, err2 := hex.DecodeString(s.Epoch)
	if err1 != nil || err2 != nil || len(device) != 16 || len(epoch) != 16 {
		return own, false
	}
	return bundle.NameOf(bundle.Down, s.School, frame.ChainOf([16]byte(device), [16]byte(epoch)), 0), true
}

// Days says of which days all records are safe at the district.
type Days struct {
	Total     int      `json:"total"`     // days that the school has records of
	Safe      int      `json:"safe"`      // all of whose records the district gave receipts for
	Waiting   []string `json:"waiting"`   // yyyy-mm-dd, with records that wait
	Differing []string `json:"differing"` // yyyy-mm-dd, in months that school and district hold differently
	Checked   string   `json:"checked"`   // RFC 3339: when all digests agreed last, "" if never
	Mended    []Mended `json:"mended"`    // days that differed and were mended, the latest last
}

// Mended is a day that differed.
type Mended struct {
	Day  string `json:"day"`
	At   string `json:"at"`   // RFC 3339
	Sent bool   `json:"sent"` // the district lacked something and got it again; else this computer did
}

func (a *Agent) days() Days {
	d, err := a.store.Days()
	if err != nil {
		a.o.Log.Warn("days cannot be counted", "err", err.Error())
	}
	out := Days{Total: d.Total, Safe: d.Safe(), Waiting: []string{}, Differing: []string{}, Mended: []Mended{}}
	for _, day := range d.Waiting {
		out.Waiting = append(out.Waiting, day.String())
	}
	for _, day := range d.Differing {
		out.Differing = append(out.Differing, day.String())
	}
	for _, m := range d.Mended {
		out.Mended = append(out.Mended, Mended{m.Day.String(), time.Unix(m.At, 0).UTC().Format(time.RFC3339), m.Sent})
	}
	if d.Checked != 0 {
		out.Checked = time.Unix(d.Checked, 0).UTC().Format(time.RFC3339)
	}
	return out
}

// Data is what crossed the line in this calendar month, in bytes as the line's
// seller counts them.
type Data struct {
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
	Limit    int64 `json:"limit,omitempty"` // of both together; 0: none
	// Thrift: so little is left that only what was recorded here crosses the
	// line. Share is today's part of what is left, Spent what of it is used;
	// what the district has for the school waits until Until, yyyy-mm-dd.
	Thrift bool   `json:"thrift,omitempty"`
	Share  int64  `json:"share,omitempty"`
	Spent  int64  `json:"spent,omitempty"`
	Until  string `json:"until,omitempty"`
}

// Status reads where the agent stands, LastError and Notices as codes.
func (a *Agent) Status(context.Context) (Status, error) {
	s := a.stand()
	s.Days = a.days()
	s.Notices = a.notices(s)
	if s.Notices == nil {
		s.Notices = []Notice{}
	}
	return s, nil
}

// stand is Status without notices.
func (a *Agent) stand() Status {
	st := a.store.Status()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{
		School: st.School, Device: hex.EncodeToString(st.Device[:]), Epoch: hex.EncodeToString(st.Epoch[:]),
		Pending: st.Pending, Safe: st.Safe, Quarantined: st.Quarantined, Conflicts: st.Conflicts,
		LastError: a.last.Error, ClockOffset: a.last.Offset * 1000, DiskFree: st.DiskFree, DiskLow: st.DiskLow, Docs: st.Docs,
		Version: a.o.Version, Hubs: a.enrolment.Hubs, Kinds: map[string]int{}, Boot: st.Boot, Rebuilt: st.Rebuilt,
		Data: Data{Limit: a.line.Monthly},
	}
	if s.School == "" {
		s.School = a.enrolment.School
	}
	if s.Hubs == nil {
		s.Hubs = []string{}
	}
	if a.last.At != 0 {
		s.LastSync = time.Unix(a.last.At, 0).UTC().Format(time.RFC3339)
	}
	if st.Broken != nil {
		s.LastError = explain(st.Broken).Code()
	}
	if a.link != nil {
		u := a.link.Usage()
		s.Data.Sent, s.Data.Received = u.Sent, u.Received
		if b := a.link.Allowance(); b.Thrift {
			s.Data.Thrift, s.Data.Share, s.Data.Spent, s.Data.Until = true, b.Share, b.Spent, b.Month.Format(time.DateOnly)
		}
	}
	for k, n := range st.Kinds {
		s.Kinds[k.String()] = n
	}
	return s
}

// Digest digests what the school sees, pending entries included, by kind and
// month.
func (a *Agent) Digest(context.Context) (map[string]map[string]string, error) {
	return a.store.Digest().JSON(), nil
}

// Verified is what a verification found.
type Verified struct {
	Entries  uint64   `json:"entries"`
	Docs     int      `json:"docs"`
	Problems []string `json:"problems"`
	Repaired bool     `json:"repaired"`
}

// Verify checks journal and documents against each other. Documents that were
// rebuilt lack what the hub alone has, so that the next session brings it.
func (a *Agent) Verify(_ context.Context, repair bool) (Verified, error) {
	v, err := a.store.Verify(repair)
	if err != nil {
		return Verified{}, err
	}
	out := Verified{v.Entries, v.Docs, v.Problems, v.Repaired}
	if out.Problems == nil {
		out.Problems = []string{}
	}
	if len(out.Problems) > 0 {
		a.o.Log.Warn("verification found problems", "n", len(out.Problems), "first", out.Problems[0], "repaired", v.Repaired)
	}
	if v.Repaired {
		a.saved()
	}
	return out, nil
}
