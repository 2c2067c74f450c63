// Package uptime tells how long a computer has been running since it was
// started, sleep included, whatever its clock was set to meanwhile.
//
// Go's own monotonic clock stands still on Linux while a laptop sleeps, and
// begins anew with each process; neither holds here. The package imports nothing
// of ours.
package uptime

import "time"

// Reading is how long a start of the computer has lasted. Readings of the same
// Boot can be held against each other, by several processes too.
type Reading struct {
	Boot string        // names the start
	Up   time.Duration // since then
}

// Read asks the system. ok is false where it does not name its starts.
func Read() (r Reading, ok bool) { return read() }

// Since is the time that has passed since an earlier reading; ok is false where
// the computer was started anew meanwhile.
func (r Reading) Since(earlier Reading) (d time.Duration, ok bool) {
	if r.Boot == "" || r.Boot != earlier.Boot || r.Up < earlier.Up {
		return 0, false
	}
	return r.Up - earlier.Up, true
}
