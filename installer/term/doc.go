// Package term is the system test: the programs as a district would run them,
// through a term in the mountains, and a simulator that lets a month pass in
// seconds. It has tests only.
package term
