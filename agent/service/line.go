package service

import "shangu/schema/text"

// Line is how the line to the hub may be used.
type Line struct {
	// Monthly is how many bytes may cross it in a calendar month; 0: no bound.
	Monthly int64 `json:"monthly,omitempty"`
	// Hybrid asks for the post-quantum key exchange. See sync/link.
	Hybrid bool `json:"hybrid,omitempty"`
}

// openLine keeps what the service is told of the line, for commands that find no
// service running: what a school pays for does not depend on who holds the
// session. Told nothing, it goes by what was kept.
func (a *Agent) openLine(told *Line) {
	err := a.readJSON(limitsFile, &a.line)
	if told == nil {
		if err != nil {
			// Without a bound a command might use up what the month has left.
			a.lineErr = text.Wrap(err, "agent.limits_unreadable", "file", a.path(limitsFile))
		}
		return
	}
	if err == nil && a.line == *told {
		return
	}
	a.line = *told
	if err := a.writeJSON(limitsFile, a.line); err != nil {
		// The disk may be full, and the service is to run all the same.
		a.o.Log.Warn("the line's limits were not kept", "err", err.Error())
	}
}
