package cluster

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

// Kinds of log store.
const (
	LogWAL  = "wal"  // raft-wal: append-only segments; Linux
	LogBolt = "bolt" // one bbolt file; everywhere
)

// MaxVoters is the most nodes that vote. More would only make each commit
// slower; further nodes follow without a vote.
const MaxVoters = 5

// Config is what a node is told when it starts. The zero value of every field
// but ID, Dir and Addr takes the default of DefaultConfig.
type Config struct {
	ID   string // names the node in the cluster, for ever
	Dir  string // holds the raft log and snapshots; this node's alone
	Addr string // host:port at which other nodes reach this one's raft transport
	API  string // host:port at which other nodes and agents reach this one's gate

	LogStore string // LogWAL or LogBolt

	// Revive begins a cluster of one on a state that comes from a backup: where
	// there is a state and no log yet, the log goes on behind it.
	Revive bool

	// Heartbeat is how long a follower waits for a leader before it stands for
	// election, Election how long a candidate waits for votes, and Lease how
	// long a leader goes on without hearing from a quorum. A node that is
	// killed is replaced after Heartbeat to 2 x Heartbeat. Two slow cores that
	// run three nodes starve one for more than a second when a thousand schools
	// connect at once, which Lease has to outlast: a leader that is deposed then
	// leaves all of them unserved.
	Heartbeat, Election, Lease time.Duration

	// A snapshot is taken when SnapshotThreshold log entries have come since
	// the last one, looked at every SnapshotInterval to twice that. Nodes keep
	// their state on disk, so snapshots only bound the log and serve new nodes.
	SnapshotInterval  time.Duration
	SnapshotThreshold uint64
	// TrailingLogs is how many entries stay in the log behind a snapshot. A
	// node that was away for less catches up without a snapshot.
	TrailingLogs uint64
	Snapshots    int // how many are kept

	// The coalescer puts many schools' pushes into one log entry: at most
	// BatchPushes of them and BatchBytes, waiting at most BatchDelay for
	// company, with InFlight log entries under way at once. At most Queue
	// pushes wait; further ones are told that the hub is busy.
	BatchPushes int
	BatchBytes  int
	BatchDelay  time.Duration
	InFlight    int
	Queue       int
	// BeatDelay is how long what agents say of themselves waits for a push that
	// takes it along into the log.
	BeatDelay time.Duration

	// DiskFloor is the free space in bytes below which pushes are refused. They
	// are taken again at a quarter above it.
	DiskFloor uint64

	// AuditEvery is how often the leader has all nodes compare their state, and
	// ScrubEvery how often each node reads all of its own.
	AuditEvery, ScrubEvery time.Duration
}

// DefaultConfig is a node of a cluster on ordinary office machines.
func DefaultConfig() Config {
	log := LogBolt
	if runtime.GOOS == "linux" {
		log = LogWAL
	}
	return Config{
		LogStore:  log,
		Heartbeat: 2 * time.Second, Election: 2 * time.Second, Lease: 1600 * time.Millisecond,
		SnapshotInterval: 2 * time.Minute, SnapshotThreshold: 16384, TrailingLogs: 8192, Snapshots: 2,
		BatchPushes: 512, BatchBytes: 512 << 10, BatchDelay: 3 * time.Millisecond, InFlight: 3, Queue: 2048, BeatDelay: time.Second,
		DiskFloor:  256 << 20,
		AuditEvery: 10 * time.Minute, ScrubEvery: 24 * time.Hour,
	}
}

// withDefaults fills what is unset.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	fill(&c.LogStore, d.LogStore)
	fill(&c.Heartbeat, d.Heartbeat)
	fill(&c.Election, max(d.Election, c.Heartbeat))
	fill(&c.Lease, min(d.Lease, c.Heartbeat))
	fill(&c.SnapshotInterval, d.SnapshotInterval)
	fill(&c.SnapshotThreshold, d.SnapshotThreshold)
	fill(&c.TrailingLogs, d.TrailingLogs)
	fill(&c.Snapshots, d.Snapshots)
	fill(&c.BatchPushes, d.BatchPushes)
	fill(&c.BatchBytes, d.BatchBytes)
	fill(&c.BatchDelay, d.BatchDelay)
	fill(&c.InFlight, d.InFlight)
	fill(&c.Queue, d.Queue)
	fill(&c.BeatDelay, d.BeatDelay)
	fill(&c.DiskFloor, d.DiskFloor)
	fill(&c.AuditEvery, d.AuditEvery)
	fill(&c.ScrubEvery, d.ScrubEvery)
	return c
}

func fill[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Validate says what is wrong with a configuration whose defaults are filled.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("cluster config: "+format, args...))
		}
	}
	check(c.ID != "", "no node id")
	check(len(c.ID) <= 64, "node id %q is longer than 64 bytes", c.ID)
	check(!strings.Contains(c.ID, serverSep), "node id %q contains %s", c.ID, serverSep)
	check(c.Dir != "", "no directory")
	host, _, err := net.SplitHostPort(c.Addr)
	check(err == nil, "raft address %q is not host:port", c.Addr)
	ip := net.ParseIP(host)
	check(err != nil || host != "" && (ip == nil || !ip.IsUnspecified()),
		"raft address %q must name this machine as others reach it", c.Addr)
	check(c.LogStore == LogWAL || c.LogStore == LogBolt, "unknown log store %q", c.LogStore)
	check(c.LogStore != LogWAL || runtime.GOOS == "linux", "log store %q needs Linux", c.LogStore)
	check(c.Heartbeat >= 10*time.Millisecond, "heartbeat %v is too short", c.Heartbeat)
	check(c.Election >= c.Heartbeat, "election timeout %v is shorter than the heartbeat %v", c.Election, c.Heartbeat)
	check(c.Lease <= c.Heartbeat, "lease %v is longer than the heartbeat %v", c.Lease, c.Heartbeat)
	check(c.BatchBytes <= 8<<20, "batch of %d bytes is larger than a log entry may be", c.BatchBytes)
	check(c.BatchPushes > 0 && c.InFlight > 0 && c.Queue > 0, "coalescer bounds must be positive")
	return errors.Join(errs...)
}

func (c Config) raft(log *slog.Logger) *raft.Config {
	r := raft.DefaultConfig()
	r.HeartbeatTimeout, r.ElectionTimeout, r.LeaderLeaseTimeout = c.Heartbeat, c.Election, c.Lease
	r.SnapshotInterval, r.SnapshotThreshold, r.TrailingLogs = c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs
	r.MaxAppendEntries = 64
	r.BatchApplyCh = true
	r.NoLegacyTelemetry = true
	// A node that was taken out is told so (vet.go) and ends with words.
	r.ShutdownOnRemove = false
	r.Logger = bridge(log)
	return r
}

// Deps are the parts of its surroundings that a node uses.
type Deps struct {
	State     *state.State   // what the log is applied to; Open takes it over and Close closes it
	Transport raft.Transport // to the other nodes; Close closes it if it can be closed
	Forward   Forwarder      // carries calls to another node's gate; nil in a cluster of one
	Log       *slog.Logger   // nil: silent
	Now       func() time.Time
	Random    io.Reader                        // of the tokens of starts; nil: crypto/rand
	Free      func(dir string) (uint64, error) // free bytes; nil: never low
	Ballast   *disk.Ballast                    // room held back on the disk; nil: none
	Snapshots raft.SnapshotStore               // nil: files under Config.Dir
	Logs      LogStore                         // nil: as Config.LogStore says, under Config.Dir
	// Key seals the log's entries and the snapshots; the zero key leaves them
	// plain. Each node has one of its own: what nodes send each other is plain
	// inside TLS.
	Key seal.Key
}

// LogStore is a raft log and the few values that raft keeps beside it.
type LogStore interface {
	raft.LogStore
	raft.StableStore
	Close() error
}
