package link

import (
	"sync/atomic"
	"time"
)

// floor is before any build of this program: what time it is at least, when
// nothing else is known.
var floor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Clock is the time that certificates are checked at: the latest of the
// machine's clock, the program's build date and the last time that the hub
// told. A school's CMOS battery may be dead; the clock then says 1970, and no
// certificate would be valid yet. A clock that runs ahead does no harm, since
// our certificates do not end.
type Clock struct {
	local   func() time.Time
	least   time.Time
	trusted atomic.Int64         // unix seconds
	told    atomic.Pointer[told] // nil before the hub told the time to this process
	behind  atomic.Int64         // seconds that local was behind the hub in an earlier one
}

// told is when the hub told its time. local keeps the monotonic reading, so
// that a clock which somebody sets afterwards changes nothing.
type told struct{ hub, local time.Time }

func newClock(local func() time.Time, built, trusted time.Time, behind time.Duration) *Clock {
	c := &Clock{local: local, least: floor}
	c.behind.Store(int64(behind / time.Second))
	if built.After(floor) {
		c.least = built
	}
	c.trusted.Store(trusted.Unix())
	return c
}

// Now is the latest of what is known.
func (c *Clock) Now() time.Time {
	t := c.local()
	if c.least.After(t) {
		t = c.least
	}
	if h := c.Trusted(); h.After(t) {
		t = h
	}
	return t
}

// Corrected is what the hub's clock shows now, as far as it is known: the time
// that days and months are told by. It is not before what the hub told last,
// nor years after it: a clock that was set to 2099 while the program did not
// run starts no new month.
func (c *Clock) Corrected() time.Time {
	now := c.local()
	if t := c.told.Load(); t != nil {
		return t.hub.Add(max(0, now.Sub(t.local)))
	}
	t := now.Add(time.Duration(c.behind.Load()) * time.Second)
	if h := c.Trusted(); t.Before(h) || h.After(c.least) && t.After(h.AddDate(farAhead, 0, 0)) {
		t = h
	}
	if t.Before(c.least) {
		t = c.least
	}
	return t
}

// farAhead is how many years no computer stays without its hub.
const farAhead = 2

// Behind is how far the machine's clock is behind the hub's.
func (c *Clock) Behind() time.Duration { return time.Duration(c.behind.Load()) * time.Second }

// Trust takes the hub's time. Now never goes back by it.
func (c *Clock) Trust(t time.Time) {
	now := c.local()
	c.told.Store(&told{t, now})
	c.behind.Store(t.Unix() - now.Unix())
	for {
		old := c.trusted.Load()
		if t.Unix() <= old || c.trusted.CompareAndSwap(old, t.Unix()) {
			return
		}
	}
}

// Trusted is the latest time that the hub told; the zero unix time if none.
func (c *Clock) Trusted() time.Time { return time.Unix(c.trusted.Load(), 0) }
