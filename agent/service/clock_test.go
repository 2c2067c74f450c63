package service

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shangu/agent/store"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/uptime"
)

// wrong is a machine's clock that is off by as much as it is set to.
type wrong struct{ off time.Duration }

func (w *wrong) now() time.Time {
	t := time.Now()
	// Setting a clock moves the wall and not the monotonic clock, which Add does;
	// so the reading is put together: wall by off, monotonic as it was.
	return t.Add(w.off).Round(0)
}

// A computer's clock at 1970, in 2099, and set back and forth: the agent's date
// is the hub's, through restarts as far as it can be known.
func TestClockThroughStartsAndJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 10, 12, 1, 0, 0, 0, time.UTC)))
		path := filepath.Join(t.TempDir(), "clock.json")
		w := &wrong{off: time.Until(time.Unix(0, 0))}
		up := func() (uptime.Reading, bool) { return uptime.Reading{}, false }
		boot := func() *clock { return openClock(path, w.now, up, slog.New(slog.DiscardHandler)) }
		says := func(c *clock, ask bool, date, why string) {
			t.Helper()
			if q := c.question(); q.Ask != ask || q.Proposal != date || !strings.Contains(q.Why, why) {
				t.Fatalf("%+v, want ask %v, %s, %s", q, ask, date, why)
			}
		}
		c := boot()
		says(c, true, "1970-01-01", "date_unlikely")
		if err := c.confirm(schema.DateOf(1970, 1, 1)); err == nil {
			t.Fatal("1970 was confirmed")
		}
		if err := c.confirm(schema.DateOf(2026, 10, 12)); err != nil {
			t.Fatal(err)
		}
		says(c, false, "2026-10-12", "")
		c.hear(time.Now())
		says(c, false, "2026-10-12", "")
		if err := c.confirm(schema.DateOf(2026, 10, 13)); err == nil {
			t.Fatal("a date was confirmed against the hub's")
		}

		// The machine stays on over night, and is off over the next.
		<-time.After(24 * time.Hour)
		says(c, true, "2026-10-13", "date_daily")
		if err := c.confirm(schema.DateOf(2026, 10, 13)); err != nil {
			t.Fatal(err)
		}
		c.hear(time.Now())
		<-time.After(24 * time.Hour)
		w.off = time.Until(time.Unix(0, 0)) // the battery is dead: it begins anew
		c = boot()
		says(c, true, "2026-10-13", "date_lost known=2026-10-13"[:9])
		if err := c.confirm(schema.DateOf(2026, 10, 12)); err == nil {
			t.Fatal("a day before the hub's was confirmed")
		}
		if err := c.confirm(schema.DateOf(2026, 10, 14)); err != nil {
			t.Fatal(err)
		}
		says(c, false, "2026-10-14", "")

		// Somebody sets the clock right and starts again: nobody is asked twice.
		w.off = 0
		c = boot()
		says(c, false, "2026-10-14", "")
		// 2099, and the hub is reached.
		w.off = 73 * 365 * 24 * time.Hour
		c = boot()
		says(c, true, "2026-10-14", "date_lost")
		c.hear(time.Now())
		says(c, false, "2026-10-14", "")
		// The next start knows how far off it is.
		<-time.After(time.Hour)
		says(boot(), false, "2026-10-14", "")
		<-time.After(24 * time.Hour)
		says(boot(), true, "2026-10-15", "date_daily")
	})
}

// Within a run the clock goes by the monotonic reading: setting the computer's
// clock moves nothing.
func TestSettingTheClockMovesNothing(t *testing.T) {
	c := openClock(filepath.Join(t.TempDir(), "clock.json"), time.Now, uptime.Read, slog.New(slog.DiscardHandler))
	hub := time.Date(2026, 10, 12, 15, 59, 59, 0, time.UTC)
	c.hear(hub)
	if got, sound := c.now(); !sound || got.Sub(hub) < 0 || got.Sub(hub) > time.Minute {
		t.Errorf("%v, %v", got, sound)
	}
	if d := schema.DateAt(hub); d != schema.DateOf(2026, 10, 12) || schema.DateAt(hub.Add(time.Second)) != d+1 {
		t.Errorf("the school's day ends at the wrong time: %v", d)
	}
	if schema.DateAt(hub.In(time.FixedZone("", 14*3600))) != schema.DateOf(2026, 10, 12) {
		t.Error("the computer's zone moves the date")
	}
}

// A clock that jumps by decades at every look, and agents that are started again
// and again: until the computer itself is started anew nothing that was told is
// forgotten, and a night asleep counts.
func TestTimeIsKnownUntilTheComputerStarts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("SHANGU_DRILL_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "clock.json")
	real := time.Date(2026, 10, 12, 1, 0, 0, 0, time.UTC)
	computer := uptime.Reading{Boot: "first", Up: time.Minute}
	pass := func(d time.Duration) { real, computer.Up = real.Add(d), computer.Up+d }
	jumpy := func() time.Time { return real.AddDate([]int{-56, -20, 0, 20, 73}[rnd.IntN(5)], 0, 0) }
	start := func() *clock {
		return openClock(path, jumpy, func() (uptime.Reading, bool) { return computer, true }, slog.New(slog.DiscardHandler))
	}
	start().hear(real)
	for range 200 {
		pass(time.Duration(rnd.Int64N(int64(30 * time.Hour))))
		c := start()
		if now, sound := c.now(); !sound || now.Sub(real).Abs() > time.Second {
			t.Fatalf("%v: it takes %v, %v", real, now, sound)
		}
		if rnd.IntN(3) == 0 {
			c.hear(real)
		}
		if q := c.question(); q.Proposal != schema.DateAt(real).String() || q.doubt {
			t.Fatalf("%v: %+v", real, q)
		}
		if err := c.confirm(schema.DateAt(real) + 1); err == nil {
			t.Fatal("a date was confirmed against the hub's, of an earlier start of the agent")
		}
	}
	day := schema.DateAt(real)
	computer = uptime.Reading{Boot: "second", Up: time.Second}
	real = real.Add(time.Hour)
	if q := start().question(); q.Ask && q.Proposal < day.String() {
		t.Errorf("started anew: %+v", q)
	}
}

// The agent runs for weeks without the hub, and nobody opens its page. The
// computer is then started anew with a dead battery, and proposes no day that
// the agent has been through; what it only guesses from the computer's clock it
// does not keep.
func TestDaysThatPassedAreKept(t *testing.T) {
	for name, day := range map[string]func(*clock){
		"tended": (*clock).tick, "asked": func(c *clock) { c.question() }, "started": nil,
	} {
		path := filepath.Join(t.TempDir(), "clock.json")
		real := time.Date(2026, 10, 12, 1, 0, 0, 0, time.UTC)
		local, computer := time.Unix(0, 0), uptime.Reading{Boot: "first", Up: time.Minute}
		start := func() *clock {
			return openClock(path, func() time.Time { return local }, func() (uptime.Reading, bool) { return computer, true }, slog.New(slog.DiscardHandler))
		}
		c := start()
		c.hear(real)
		writes := 0
		for range 40 * 24 {
			real, local, computer.Up = real.Add(time.Hour), local.Add(time.Hour), computer.Up+time.Hour
			was := c.f.Known
			if day == nil {
				c = start()
			} else {
				day(c)
			}
			if c.f.Known != was {
				writes++
			}
		}
		if writes != 40 {
			t.Errorf("%s: kept %d times in 40 days", name, writes)
		}
		local, computer = time.Unix(0, 0), uptime.Reading{Boot: "second", Up: time.Second}
		c = start()
		q := c.question()
		if q.Proposal != schema.DateAt(real).String() || !q.doubt {
			t.Errorf("%s: on %v: %+v", name, schema.DateAt(real), q)
		}
		if err := c.confirm(schema.DateAt(real) - 1); err == nil {
			t.Errorf("%s: a day that had passed was confirmed", name)
		}
		// A battery that is a month ahead misleads until somebody says what day it
		// is, and no longer.
		local = real.AddDate(0, 1, 0)
		if _, sound := c.now(); !sound {
			t.Fatalf("%s: %v is doubted", name, local)
		}
		date := schema.DateAt(real)
		for range 3 {
			c.tick()
			c.question()
			c = start()
		}
		if err := c.confirm(date); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two saves in two seconds of the computer's clock are claimed in two seconds,
// whenever the hub told the time, and by whichever process: one that came later
// is the newer.
func TestToldSecondsTickWithTheComputer(t *testing.T) {
	for ms := 0; ms < 1000; ms += 50 {
		path := filepath.Join(t.TempDir(), "clock.json")
		local := time.Date(2031, 2, 3, 4, 5, 6, ms*1e6, time.UTC)
		computer := uptime.Reading{Boot: "first", Up: 300 * time.Millisecond}
		start := func() *clock {
			return openClock(path, func() time.Time { return local }, func() (uptime.Reading, bool) { return computer, true }, slog.New(slog.DiscardHandler))
		}
		hub := time.Date(2026, 10, 12, 1, 0, 0, 0, time.UTC)
		run := start()
		run.hear(hub)
		for step, want := range []int64{0, 9, 10} { // at .x, at .999, at the next .0
			to := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC).Add([]time.Duration{
				time.Duration(ms) * time.Millisecond, 9*time.Second + 999*time.Millisecond, 10 * time.Second}[step])
			computer.Up += to.Sub(local)
			local = to
			for _, c := range []*clock{run, start()} {
				if now, sound := c.now(); !sound || now.Unix()-hub.Unix() != want {
					t.Errorf("told at .%03d, step %d: %v, %v", ms, step, now, sound)
				}
			}
		}
	}
}

// Entries claim the day that the clerk confirmed, not what a clock with a dead
// battery shows; the hub, first reached days and starts later, lets it stand.
func TestConfirmedDateIsCorrectedTime(t *testing.T) {
	for _, at := range []time.Time{time.Unix(600, 0), time.Date(2099, 3, 1, 2, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} {
		dir := t.TempDir()
		open := func() *Agent {
			a, err := Open(Options{Dir: dir, Now: func() time.Time { return at }})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a := open()
		if _, err := a.ConfirmDate(t.Context(), "2026-10-12"); err != nil {
			t.Fatal(err)
		}
		id := schema.SheetID{Date: a.today(), Session: schema.SessionAM, Class: schema.ClassID(2026, "一年级（1）班")}.String()
		if _, err := a.Save(t.Context(), "clerk", []store.Edit{{Kind: schema.KindSheet, ID: id, Fields: []store.FieldEdit{
			{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)}}}}); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		a = open()
		d, err := a.store.Doc("", schema.KindSheet, id)
		if err != nil {
			t.Fatal(err)
		}
		beat := a.store.Heartbeat()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		hub := time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC).Unix()
		got := change.Clock{Hub: hub, At: beat.At, Boot: beat.Boot, Up: beat.Up}.Correct(&change.Entry{At: d.Cells[0].At, Boot: beat.Boot - 1})
		if day := schema.DateAt(time.Unix(got, 0)); day != schema.DateOf(2026, 10, 12) {
			t.Errorf("clock at %v: the hub dates it %v", at, day)
		}
	}
}

// Nothing is saved from the page before the date is settled; afterwards it is.
func TestSaveWaitsForTheDate(t *testing.T) {
	a, err := Open(Options{Dir: t.TempDir(), Now: func() time.Time { return time.Date(2026, 10, 12, 0, 30, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Save(t.Context(), "clerk", nil); !errors.Is(err, ErrDate) {
		t.Fatalf("saved before the date is settled: %v", err)
	}
	if q, err := a.ConfirmDate(t.Context(), "2026-10-12"); err != nil || q.Ask {
		t.Fatalf("%+v, %v", q, err)
	}
	edit := store.Edit{Kind: schema.KindSheet, ID: schema.SheetID{
		Date: a.today(), Session: schema.SessionAM, Class: schema.ClassID(2026, "一年级（1）班"),
	}.String(), Fields: []store.FieldEdit{{Key: schema.Key{Num: schema.SheetState}, Value: schema.Int(schema.SheetTaken)}}}
	if saved, err := a.Save(t.Context(), "clerk", []store.Edit{edit}); err != nil || saved.Entries != 1 {
		t.Fatalf("%+v, %v", saved, err)
	}
	if _, err := a.ConfirmDate(t.Context(), "2026-10-11"); err == nil {
		t.Error("a day before a confirmed one was taken")
	}
}
