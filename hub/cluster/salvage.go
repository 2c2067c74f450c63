package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/sync/frame"
)

// Find is what the disk of a stopped node holds.
type Find struct {
	Server  string   // its name in raft's membership
	Last    uint64   // last entry of its log
	Term    uint64   // that entry's
	Applied uint64   // last entry that its state holds
	Members []Member // as its log and its newest snapshot last say
	Log     bool     // there is a log; a state from a backup has none
}

// Member is one member of a cluster as a log says.
type Member struct {
	ID    string
	API   string
	Voter bool
	Self  bool
}

// Look reads a stopped node's disk. d needs State, and Logs and Snapshots if
// they are not Config's own; the caller closes them with Release.
func Look(cfg Config, d *Deps) (f Find, err error) {
	if err := caught(func() error { return d.fill(cfg.withDefaults()) }); err != nil {
		return f, fmt.Errorf("look at node: %w", damagedLog(err))
	}
	if f.Log, err = raft.HasExistingState(d.Logs, d.Logs, d.Snapshots); err != nil {
		return f, fmt.Errorf("look at node: %w", err)
	}
	f.Applied, f.Term = d.State.Applied()
	f.Last = f.Applied
	l, err := read(cfg.Dir, cfg.ID)
	if err != nil || !f.Log {
		return f, err
	}
	f.Server = l.Server
	var members raft.Configuration
	if err := caught(func() (err error) {
		members, err = f.scan(d)
		return err
	}); err != nil {
		return f, fmt.Errorf("look at node: %w", damagedLog(err))
	}
	nodes, err := d.State.Nodes()
	if err != nil {
		return f, err
	}
	for _, s := range members.Servers {
		m := Member{ID: nameOf(s.ID), API: l.Doors[nameOf(s.ID)], Voter: s.Suffrage == raft.Voter, Self: string(s.ID) == f.Server}
		for _, p := range nodes {
			if p.ID == m.ID {
				m.API = p.API
			}
		}
		f.Members = append(f.Members, m)
	}
	return f, nil
}

// scan finds the end of the log and the last membership that it names.
func (f *Find) scan(d *Deps) (members raft.Configuration, err error) {
	snaps, err := d.Snapshots.List()
	if err != nil {
		return members, err
	}
	if len(snaps) > 0 {
		members = snaps[0].Configuration
		f.Last, f.Term = max(f.Last, snaps[0].Index), snaps[0].Term
	}
	first, err := d.Logs.FirstIndex()
	if err != nil {
		return members, err
	}
	last, err := d.Logs.LastIndex()
	if err != nil {
		return members, err
	}
	for i := first; i > 0 && i <= last; i++ {
		var l raft.Log
		if err := d.Logs.GetLog(i, &l); err != nil {
			return members, err
		}
		if l.Type == raft.LogConfiguration {
			members = raft.DecodeConfiguration(l.Data)
		}
		f.Last, f.Term = l.Index, l.Term
	}
	return members, nil
}

// Ask asks a running node how far its log goes, and whether it knows a leader.
func Ask(ctx context.Context, to Forwarder, api string) (last uint64, err error) {
	a, err := question(ctx, to, api, opStatus)
	if err != nil {
		return 0, err
	}
	var v vitals
	if err := frame.Unmarshal(a.body, &v); err != nil {
		return 0, fmt.Errorf("ask node: %w", err)
	}
	return v.last, nil
}

// AskReady asks a running node whether there is a leader that can commit.
func AskReady(ctx context.Context, to Forwarder, api string) error {
	_, err := question(ctx, to, api, opReady)
	return err
}

func question(ctx context.Context, to Forwarder, api string, what op) (*answer, error) {
	request, err := frame.Marshal(&call{op: what})
	if err != nil {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	response, err := to.Forward(ctx, api, request)
	if err != nil {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	var a answer
	err = frame.Unmarshal(response, &a)
	if err == nil {
		err = a.err()
	}
	if err != nil {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	return &a, nil
}

// Salvage makes a stopped node that Look has read a cluster of one that keeps
// all of its log, also what was never known to be committed. The event stands
// in the log, so that the audit trail says it and the generation counts it:
// nodes of the generation before are not let in.
func Salvage(cfg Config, d *Deps, f Find, event state.Event) error {
	cfg = cfg.withDefaults()
	commands := [][]byte{state.EncodeEvent(event)}
	for _, m := range f.Members {
		if !m.Self {
			commands = append(commands, state.EncodeDropNode(m.ID, event.Now, event.Account))
		}
	}
	logs := make([]*raft.Log, len(commands))
	for i, c := range commands {
		logs[i] = &raft.Log{Index: f.Last + 1 + uint64(i), Term: f.Term, Type: raft.LogCommand, Data: c}
	}
	if err := d.Logs.StoreLogs(logs); err != nil {
		return fmt.Errorf("recover: write event: %w", err)
	}
	rc := cfg.raft(d.Log)
	rc.LocalID = raft.ServerID(f.Server)
	_, transport := raft.NewInmemTransport(raft.ServerAddress(cfg.Addr))
	members := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: rc.LocalID, Address: raft.ServerAddress(cfg.Addr)}}}
	var failed error
	fsm := &salvaged{fsm: newFSM(d.State, func(err error) { failed = err })}
	defer fsm.release()
	if err := raft.RecoverCluster(rc, fsm, d.Logs, d.Logs, d.Snapshots, transport, members); err != nil {
		return fmt.Errorf("recover: %w", errors.Join(err, failed))
	}
	if failed != nil {
		return fmt.Errorf("recover: %w", failed)
	}
	return nil
}

// salvaged is the state for RecoverCluster, which releases no snapshot.
type salvaged struct {
	*fsm
	taken []raft.FSMSnapshot
}

// Snapshot implements raft.FSM.
func (s *salvaged) Snapshot() (raft.FSMSnapshot, error) {
	t, err := s.fsm.Snapshot()
	if err == nil {
		s.taken = append(s.taken, t)
	}
	return t, err
}

func (s *salvaged) release() {
	for _, t := range s.taken {
		t.Release()
	}
}

// Release closes what Look opened.
func (d *Deps) Release() error { return d.release() }
