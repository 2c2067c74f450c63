package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/seal"
	"shangu/sync/uptime"
)

// clockFile is kept through restarts: a computer whose battery is dead forgets
// what day it is, and this one must notice.
type clockFile struct {
	Known  int64 `json:"known"`  // the latest time that the hub told, that a confirmed date implies, or to which the computer has been up since, unix seconds
	Offset int64 `json:"offset"` // seconds by which the machine's clock was behind then
	Day    int32 `json:"day"`    // the last date that the hub's time or the clerk settled; a schema.Date

	// Told is what time it was said to be when the computer, started as Boot, had
	// been up for Up: until it is started anew no clock of its own is needed.
	Told  int64         `json:"told,omitempty"` // unix seconds
	Boot  string        `json:"boot,omitempty"`
	Up    time.Duration `json:"up,omitempty"`
	ByHub bool          `json:"by_hub,omitempty"`
}

// clock knows what time it is at the school better than the computer does: from
// the hub, from the clerk, and from what it knew before. From the last thing that
// it was told it goes by how long the computer has been up, or where the system
// does not say so by the run's own monotonic clock. So nobody who sets the
// computer's clock meanwhile moves it, and where the system does say, neither a
// night asleep nor another start of the agent makes it forget.
type clock struct {
	local func() time.Time
	up    func() (uptime.Reading, bool)
	path  string
	log   *slog.Logger

	mu    sync.Mutex
	f     clockFile
	told  time.Time // what time it was said to be, since the computer started; zero: nobody said
	at    time.Time // local clock then
	since uptime.Reading
	byHub bool
}

// openClock reads what was known. up is as uptime.Read.
func openClock(path string, local func() time.Time, up func() (uptime.Reading, bool), log *slog.Logger) *clock {
	c := &clock{local: local, up: up, path: path, log: log}
	if err := readJSON(seal.Files{}, path, &c.f); err != nil {
		log.Warn("what was known of the time cannot be read", "err", err.Error())
		c.f = clockFile{}
	}
	if r, ok := c.up(); ok {
		if passed, same := r.Since(uptime.Reading{Boot: c.f.Boot, Up: c.f.Up}); same && c.f.Told != 0 {
			c.told, c.at, c.since, c.byHub = time.Unix(c.f.Told, 0).Add(passed), local(), r, c.f.ByHub
		}
	}
	c.keepDay()
	return c
}

// now is the time as far as it is known, and whether nothing contradicts it.
func (c *clock) now() (t time.Time, sound bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}

func (c *clock) nowLocked() (t time.Time, sound bool) {
	local := c.local()
	if !c.told.IsZero() {
		passed := local.Sub(c.at) // by the monotonic clock
		if r, ok := c.up(); ok {
			if d, same := r.Since(c.since); same {
				passed = d
			}
		}
		return c.told.Add(passed), true
	}
	if c.f.Known == 0 {
		return local, plausible(local)
	}
	// The clock is off as it was, or somebody has set it right meanwhile: what
	// lies next after the last time known is it.
	known := time.Unix(c.f.Known, 0)
	best := time.Time{}
	for _, t := range []time.Time{local, local.Add(time.Duration(c.f.Offset) * time.Second)} {
		if !t.Before(known) && plausible(t) && (best.IsZero() || t.Before(best)) {
			best = t
		}
	}
	if best.IsZero() || best.Sub(known) >= longestOff {
		return known, false
	}
	return best, true
}

// longestOff is how long a school's computer may have been off before its date is
// doubted: a summer.
const longestOff = 100 * 24 * time.Hour

// plausible rules out what a computer says that has lost its date.
func plausible(t time.Time) bool { return t.Year() >= 2026 && t.Year() < 2070 }

// hear takes the hub's time.
func (c *clock) hear(hub time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(hub, true)
}

// settle takes a time that somebody told. The caller holds mu.
//
// The hub tells whole seconds. They go on at the ticks of the computer's clock,
// in other processes too: what it shows as two seconds is claimed as two, and
// claims and Up of entries, which tick with it, keep their distance.
func (c *clock) settle(t time.Time, hub bool) {
	local := c.local()
	since, _ := c.up()
	since.Up -= time.Duration(local.Nanosecond())
	local = local.Add(-time.Duration(local.Nanosecond()))
	t = t.Truncate(time.Second)
	offset := int64(t.Sub(local.Round(0)) / time.Second)
	c.told, c.at, c.since, c.byHub = t, local, since, hub
	next := clockFile{
		Known: max(c.f.Known, t.Unix()), Offset: offset, Day: int32(schema.DateAt(t)),
		Told: t.Unix(), Boot: c.since.Boot, Up: c.since.Up, ByHub: hub,
	}
	if hub {
		next.Known = t.Unix()
	}
	// A minute more is not worth a write.
	d := next.Known - c.f.Known
	if next.Day == c.f.Day && d >= 0 && d < 3600 && (next.Offset-c.f.Offset)/60 == 0 && next.Boot == c.f.Boot && next.ByHub == c.f.ByHub {
		return
	}
	c.f = next
	c.write()
}

// write keeps what is known. The caller holds mu, or has the clock to itself.
func (c *clock) write() {
	if err := writeJSON(seal.Files{}, c.path, c.f); err != nil {
		c.log.Warn("what is known of the time was not kept", "err", err.Error())
	}
}

// keepDay keeps that a day has come, once: a computer that is started anew after
// weeks, its battery dead, is to take no day for today that has passed here.
//
// Only a time that somebody told, and by how much the computer has been up since,
// may say so. What is guessed from the computer's own clock may be months ahead,
// and nobody could take it back. The caller holds mu, or has the clock to itself.
func (c *clock) keepDay() {
	if c.told.IsZero() {
		return
	}
	if t, _ := c.nowLocked(); schema.DateAt(t) > schema.DateAt(time.Unix(c.f.Known, 0)) {
		c.f.Known = t.Unix()
		c.write()
	}
}

// tick keeps what day it is. It should be called now and then.
func (c *clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keepDay()
}

// DateQuestion is what the clerk is asked before the first save of a day.
type DateQuestion struct {
	Ask      bool   `json:"ask"`      // nobody has settled today's date yet
	Proposal string `json:"proposal"` // what it seems to be, 2026-10-12
	Why      string `json:"why"`      // one sentence, as a code; "" where there is nothing to say
	doubt    bool
}

// question asks for today's date unless the hub told the time today or the clerk
// has confirmed the date already.
func (c *clock) question() DateQuestion {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keepDay()
	t, sound := c.nowLocked()
	today := schema.DateAt(t)
	q := DateQuestion{Proposal: today.String(), Ask: !sound || int32(today) != c.f.Day, doubt: !sound}
	switch {
	case !q.Ask:
	case !sound && c.f.Known != 0:
		q.Why = text.New("agent.date_lost", "clock", c.local().In(schema.Zone).Format(time.DateOnly), "known", schema.DateAt(time.Unix(c.f.Known, 0))).Code()
	case !sound:
		q.Why = text.New("agent.date_unlikely", "clock", c.local().In(schema.Zone).Format(time.DateOnly)).Code()
	default:
		q.Why = text.New("agent.date_daily").Code()
	}
	return q
}

// confirm takes the clerk's word for today's date; the time of day stays what
// the computer's clock says. Before what the hub has told no day can be.
func (c *clock) confirm(day schema.Date) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := schema.DateAt(time.Unix(c.f.Known, 0)); c.f.Known != 0 && day < known {
		return text.New("agent.date_before", "date", day, "known", known)
	}
	t, sound := c.nowLocked()
	if c.byHub && sound && day != schema.DateAt(t) {
		return text.New("agent.date_hub", "date", day, "hub", schema.DateAt(t))
	}
	if !sound {
		t = c.local()
	}
	t = t.AddDate(0, 0, int(day-schema.DateAt(t)))
	if !plausible(t) {
		return text.New("agent.date_bad", "date", day)
	}
	c.settle(t, c.byHub)
	return nil
}

// now is the time at the school as far as it is known.
func (a *Agent) now() time.Time {
	t, _ := a.clock.now()
	return t
}

// today is the date at the school.
func (a *Agent) today() schema.Date { return schema.DateAt(a.now()) }

// DateQuestion says whether the clerk is to be asked for today's date.
func (a *Agent) DateQuestion(context.Context) (DateQuestion, error) { return a.clock.question(), nil }

// ConfirmDate takes the clerk's word for today's date, as 2026-10-12.
func (a *Agent) ConfirmDate(_ context.Context, date string) (DateQuestion, error) {
	day, ok := schema.ParseDate(date)
	if !ok {
		return DateQuestion{}, text.New("agent.date_bad", "date", date)
	}
	if err := a.clock.confirm(day); err != nil {
		return DateQuestion{}, err
	}
	a.o.Log.Info("the date was confirmed", "date", day.String())
	return a.clock.question(), nil
}

// ErrDate: nobody has settled today's date. Ask what DateQuestion says, and save
// again after ConfirmDate.
var ErrDate = text.New("agent.date_unconfirmed")

// Save records what was written down on the page. It fails with ErrDate before
// the date of the day is settled, and otherwise as the store's Save does.
func (a *Agent) Save(ctx context.Context, account string, edits []store.Edit) (store.Saved, error) {
	if a.clock.question().Ask {
		return store.Saved{}, ErrDate
	}
	saved, err := a.store.Save(ctx, account, edits)
	if err == nil {
		a.saved()
	}
	return saved, err
}
