// Package bench measures the hub as a district would run it: three node
// processes on this machine, schools that push over HTTPS with mutual TLS, and
// beside it, in the same run, what Raft and its log alone reach here.
//
// Weather is the other side of it: all schools come back at once after a week,
// and what is asked is not how fast but whether everybody is served.
//
// It may import sync, schema, installer/stage and the node's local door; it
// starts the hub's own program and ends only what it started.
package bench

import "time"

// Options say what to measure.
type Options struct {
	Program string        // the hub's own binary
	Dir     string        // an empty directory for the nodes' data
	Schools []int         // how many schools push at once, one run for each
	For     time.Duration // length of a run
	Seed    uint64
	Profile string       // a directory for profiles of each run; "": none are taken
	Note    func(string) // told what goes on; may be nil
}

// Result is what was seen.
type Result struct {
	Nodes     int    `json:"nodes"`
	Seed      uint64 `json:"seed"`
	Documents int    `json:"documents_per_push"`
	PushBytes int    `json:"push_body_bytes"` // mean
	Raft      Raft   `json:"raft"`
	Runs      []Run  `json:"runs"`
}

// Raft is what hashicorp/raft and raft-wal do on this machine with commands of
// 64 KiB, three nodes in one process over loopback TCP, and an FSM that does
// nothing: the most that could be made durable, whatever it means.
type Raft struct {
	Commands  float64 `json:"commands_per_second"`
	MiB       float64 `json:"mib_per_second"`
	Proposers int     `json:"proposers"`
}

// Run is one run with a number of schools at once.
type Run struct {
	Schools   int     `json:"schools"`
	Pushes    int     `json:"pushes"`
	PerSecond float64 `json:"pushes_per_second"`
	Documents float64 `json:"documents_per_second"` // merged, deduplicated, aggregated, durable on a quorum
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Failures  int     `json:"failures"` // pushes that had to be sent again

	// On a machine that others use too these say more than the times do.
	NodeCPU   float64 `json:"nodes_cpu_us_per_document"`   // processor time of all nodes
	LeaderCPU float64 `json:"leader_cpu_us_per_document"`  // of the node that led at the end, among them
	SchoolCPU float64 `json:"schools_cpu_us_per_document"` // of this process, which is all schools
	Anonymous float64 `json:"node_anonymous_mb"`           // memory of the largest node after the run
	Resident  float64 `json:"node_resident_mb"`            // the same with files that are mapped
}
