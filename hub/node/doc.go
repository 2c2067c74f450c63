// Package node puts a hub node together: the district's secrets, the state, the
// cluster, the gate and the local door, each in its folder of one data
// directory. `hub serve` runs one; a demo or a test can run one inside itself.
//
//	hub.json       what the node was told at its last start
//	secrets/       the district's and the node's keys, operators (0600)
//	state/         hub/state
//	raft/          the log and its snapshots
//	hub.log        and older ones
//
// The package may import all of hub, sync, schema and installer/host. It holds
// no logic of its own beyond the order in which parts start and stop.
package node
