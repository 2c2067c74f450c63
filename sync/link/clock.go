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
	trusted atomic.Int64 // unix seconds
}

func newClock(local func() time.Time, built, trusted time.Time) *Clock {
	c := &Clock{local: local, least: floor}
	if built.After(floor) {
		c.least = built
	}
	c.Trust(trusted)
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

// Trust takes the hub's time. It never goes back.
func (c *Clock) Trust(t time.Time) {
	for {
		old := c.trusted.Load()
		if t.Unix() <= old || c.trusted.CompareAndSwap(old, t.Unix()) {
			return
		}
	}
}

// Trusted is the latest time that the hub told; the zero unix time if none.
func (c *Clock) Trusted() time.Time { return time.Unix(c.trusted.Load(), 0) }
