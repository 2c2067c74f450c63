// Package state is the hub's replicated state: what the raft log turns into.
// ApplyBatch is the only writer. It is deterministic: the same log gives the
// same keys and values on every node, whatever the grouping of entries, the
// moment of a crash or the contents of a cache. Time comes from commands.
//
// Commands are built by the Encode functions and their results read by the
// Decode functions, so that nobody else knows their bytes. Reads each run in
// one Badger transaction and see whole log entries only, but for those that
// DESIGN.md names.
//
// The package imports schema and sync; it knows nothing of raft, HTTP or keys
// that sign.
package state
