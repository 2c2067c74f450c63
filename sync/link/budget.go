package link

import (
	"time"

	"shangu/schema/text"
)

// A month's budget is kept to the byte of one request, and yet no school day
// goes without its attendance: what is left for essentials is held back while
// the month is young, and once only that is left it is shared out evenly over
// the days that remain. On such a day sessions carry the heartbeat and what was
// recorded here, and take nothing that can wait.
const (
	essentialDay = 8 << 10 // bytes that a day's heartbeats and records need, with room for bad lines
	leastPush    = 1 << 10 // bytes of a push that is worth its connection
	lastAnswer   = 1 << 18 // bytes by which an answer may overdraw before thrift begins
)

// Allowance is how a month's budget stands.
type Allowance struct {
	Used  int64 // bytes this month, both ways
	Limit int64 // 0: none
	// Thrift is set once only what is held back for essentials is left. Share
	// is today's part of it, Spent what of that is used.
	Thrift       bool
	Share, Spent int64
	Month        time.Time // when the next one begins, and what had to wait crosses the line
}

// Out reports whether nothing may cross the line for now.
func (a Allowance) Out() bool { return a.Thrift && a.Spent >= a.Share }

// Over reports whether the month's budget is used up.
func (a Allowance) Over() bool { return a.Limit > 0 && a.Used >= a.Limit }

// held is what is held back for essentials with so many days to go.
func held(limit int64, days int) int64 { return min(limit/2, int64(days)*essentialDay+lastAnswer) }

// allow works out an allowance at a time by the hub's clock. Thrift, once it
// has begun, lasts until the month ends or the limit is changed.
func allow(now time.Time, limit, used, spent int64, thrift bool) Allowance {
	a := Allowance{Used: used, Limit: limit}
	if limit <= 0 {
		return a
	}
	y, m, d := now.Date()
	a.Month = time.Date(y, m+1, 1, 0, 0, 0, 0, now.Location())
	days := time.Date(y, m+1, 0, 0, 0, 0, 0, now.Location()).Day() - d + 1
	// What went out today before thrift began counts for the month alone.
	left := limit - used + spent
	if !thrift && left > held(limit, days) {
		return a
	}
	a.Thrift, a.Spent, a.Share = true, spent, max(0, left/int64(days))
	return a
}

// refuse says that nothing may cross the line for now.
func (a Allowance) refuse() error {
	if a.Over() {
		return text.Wrap(ErrDataBudget, "link.data_budget", "limit", Amount(a.Limit))
	}
	return text.Wrap(ErrDataBudget, "link.data_share", "limit", Amount(a.Limit), "share", Amount(a.Share))
}

// Allowance is how this month's budget stands.
func (l *Link) Allowance() Allowance {
	now := l.today()
	month := monthOf(now)
	spent, thrift := l.state.thrift(month, dayOf(now), l.c.Monthly)
	return allow(now, l.c.Monthly, l.state.usage(month).Total(), spent, thrift)
}

// Thrift reports whether only essentials may cross the line: session.Options.Thrift.
func (l *Link) Thrift() bool { return l.Allowance().Thrift }

// Budget is how many bytes a push may have so that the line carries it in a
// few seconds, and the data budget bears it: session.Options.Budget.
func (l *Link) Budget() int {
	n := l.pace.Budget()
	if a := l.Allowance(); a.Thrift {
		n = int(min(int64(n), max(leastPush, (a.Share-a.Spent)/2)))
	}
	return n
}

// What packets cost beside their content, for the count is what the line's
// seller counts: IP and TCP headers, and the packets that open a connection.
const (
	headerBytes  = 40
	synBytes     = 60
	packetBytes  = 1400
	narrowPacked = 536
)

// onLine is how many bytes n bytes of content are on the line.
func onLine(n, segment int) int64 {
	return int64(n) + int64((n+segment-1)/segment)*headerBytes
}

// spent counts bytes on the line.
func (l *Link) spent(sent, received int64) {
	now := l.today()
	limit := int64(0)
	if l.Allowance().Thrift {
		limit = l.c.Monthly
	}
	l.state.count(monthOf(now), dayOf(now), limit, sent, received)
}

func monthOf(t time.Time) string { return t.Format("2006-01") }

func dayOf(t time.Time) string { return t.Format(time.DateOnly) }

// today is the time that months and days are told by.
func (l *Link) today() time.Time { return l.clock.Corrected().Local() }
