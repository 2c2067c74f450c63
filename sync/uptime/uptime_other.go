//go:build !linux

package uptime

// Windows tells how long it has been up but not which start that is: its own
// count of starts stands still on many computers. Go's monotonic clock counts
// sleep there.
func read() (Reading, bool) { return Reading{}, false }
