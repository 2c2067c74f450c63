package service

import (
	"time"

	"shangu/agent/web/front"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/link"
)

// Notice is one sentence for the clerk, as it travels through the door: its
// text is a code until a command puts it into words.
type Notice struct {
	Level front.Level `json:"level"`
	Text  string      `json:"text"`
}

// slowClock is how far the machine's clock may be off before the clerk is told.
const slowClock = 2 * time.Minute

// mendShown is for how long the clerk is told of a day that was mended or of a
// reply that came by stick, and mendsShown of how many days.
const (
	mendShown  = 7 * 24 * time.Hour
	mendsShown = 3
)

// lately picks the mended days that the clerk is still told of.
func (a *Agent) lately(all []Mended) (out []Mended) {
	if len(all) == 0 {
		return nil
	}
	since := a.o.Now().Add(-mendShown).UTC().Format(time.RFC3339)
	for _, m := range all[max(0, len(all)-mendsShown):] {
		if m.At >= since {
			out = append(out, m)
		}
	}
	return out
}

// notices is what the clerk should know besides how much waits and how much is
// safe, gravest first. It is the one list: page, `agent status` and its JSON
// show what is added here. It must be cheap, for the page asks at each reload,
// and the caller holds no lock.
func (a *Agent) notices(s Status) []Notice {
	var out []Notice
	add := func(level front.Level, id string, kv ...any) {
		out = append(out, Notice{level, text.New(id, kv...).Code()})
	}
	if s.DiskLow {
		a.mu.Lock()
		what := inWords(a.clutter)
		a.mu.Unlock()
		if what == "" {
			add(front.Bad, "agent.notice_disk", "free", front.Size(s.DiskFree))
		} else {
			add(front.Bad, "agent.notice_disk_what", "free", front.Size(s.DiskFree), "what", what)
		}
	}
	if n := len(s.Days.Differing); n > 0 {
		add(front.Warn, "agent.notice_differ", "n", n, "first", s.Days.Differing[0])
	}
	if d := s.Days; d.Total > 0 {
		add(front.Note, "agent.notice_days", "safe", d.Safe, "total", d.Total)
	}
	for _, m := range a.lately(s.Days.Mended) {
		id := "agent.notice_fetched"
		if m.Sent {
			id = "agent.notice_resent"
		}
		add(front.Note, id, "day", m.Day)
	}
	a.sticks(s, add)
	if s.Rebuilt != "" {
		add(front.Note, "agent.notice_rebuilt")
	}
	if a.clock != nil {
		if q := a.clock.question(); q.doubt {
			m := text.Parse(q.Why)
			out = append(out, Notice{front.Bad, m.Code()})
		}
	}
	if off := time.Duration(s.ClockOffset) * time.Millisecond; off.Abs() >= slowClock {
		add(front.Warn, "agent.notice_clock_off", "minutes", int(off.Abs().Minutes()))
	}
	if d := s.Data; d.Thrift {
		add(front.Warn, "agent.notice_thrift", "limit", link.Amount(d.Limit), "share", link.Amount(d.Share), "spent", link.Amount(d.Spent), "until", d.Until)
	}
	front.Sort(out, func(n Notice) front.Level { return n.Level })
	return out
}

// sticks tells a school that sends by stick what waits for the next one and what
// the last one made safe.
func (a *Agent) sticks(s Status, add func(level front.Level, id string, kv ...any)) {
	a.mu.Lock()
	k := a.last.Stick
	a.mu.Unlock()
	date := func(at int64) string { return schema.DateAt(time.Unix(at, 0)).String() }
	if s.Pending > 0 && k.Made != 0 {
		add(front.Warn, "agent.notice_stick", "n", s.Pending, "date", date(k.Made))
	}
	if k.Taken == 0 {
		return
	}
	if now, _ := a.clock.now(); now.Sub(time.Unix(k.Taken, 0)) < mendShown {
		add(front.Note, "agent.notice_stick_back", "date", date(k.Told), "n", k.Pushed)
	}
}
