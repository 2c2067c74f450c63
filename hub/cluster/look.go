package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/hashicorp/raft"

	"shangu/hub/state"
	"shangu/sync/disk"
)

// ErrLog: what this node kept of the cluster's log, its snapshots among it, is
// not what was written. It must not vote, for it may have acknowledged what is
// gone; where there are others it comes back as a new member that they fill.
var ErrLog = errors.New("cluster: this node's log or its newest snapshot is damaged")

// keyVoteTerm is raft's name, in the stable store, for the term of its last vote.
var keyVoteTerm = []byte("LastVoteTerm")

// damagedLog wraps what is wrong with the log. An error that says more of the
// machine, at this moment, than of what is on the disk stays what it is.
func damagedLog(err error) error {
	if err == nil || disk.NotDamage(err) || errors.Is(err, ErrLog) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLog, err)
}

// caught makes an error of a panic: the stores trip over some of what rots, and
// read past the end of a mapped file that was cut short.
func caught(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the store fails: %v", p)
		}
	}()
	return f()
}

// segments reports whether there are segments of raft-wal in dir, but not the
// file that lists them. Opened so, it would delete them and begin an empty log.
func segments(dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	if err != nil || len(found) == 0 {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "wal", "wal-meta.db")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return errors.New("the list of the log's segments is gone")
}

// look reads all that raft kept, before raft trusts it: raft ends the process
// over an entry that it cannot read, and takes an end that is gone for one that
// never was. Every entry follows the one before it, the first one follows the
// newest snapshot, terms do not fall, and neither the state nor the last orderly
// end knows of later entries. It returns the membership that it found.
func look(logs LogStore, snaps raft.SnapshotStore, s *state.State, left uint64) (members raft.Configuration, err error) {
	err = caught(func() error {
		list, err := snaps.List()
		if err != nil {
			return err
		}
		var at, term uint64
		if len(list) > 0 {
			members, at, term = list[0].Configuration, list[0].Index, list[0].Term
		}
		first, err := logs.FirstIndex()
		if err != nil {
			return err
		}
		last, err := logs.LastIndex()
		if err != nil {
			return err
		}
		if first > at+1 {
			return fmt.Errorf("entries %d to %d are missing", at+1, first-1)
		}
		before := uint64(0)
		for i := first; i > 0 && i <= last; i++ {
			var l raft.Log
			if err := logs.GetLog(i, &l); err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
			if l.Index != i || l.Term < before || i == at && l.Term != term {
				return fmt.Errorf("entry %d of term %d stands at %d, after term %d", l.Index, l.Term, i, before)
			}
			if l.Type == raft.LogConfiguration && i > at {
				members = raft.DecodeConfiguration(l.Data)
			}
			before = l.Term
		}
		return whole(logs, s, max(last, at), max(before, term), left)
	})
	return members, damagedLog(err)
}

// whole holds the end of the log, and raft's few values, against what else knows
// of it. left is where the log ended at the last orderly end, 0 if nobody knows.
func whole(logs LogStore, s *state.State, end, term, left uint64) error {
	if applied, _ := s.Applied(); end < applied {
		return fmt.Errorf("it ends at entry %d, and entry %d was applied", end, applied)
	}
	if end < left {
		return fmt.Errorf("it ends at entry %d, and was left at entry %d", end, left)
	}
	current, err := stable(logs, keyCurrentTerm)
	if err != nil {
		return err
	}
	vote, err := stable(logs, keyVoteTerm)
	if err != nil {
		return err
	}
	if current < term || current < vote {
		return fmt.Errorf("its term is %d, it has entries of term %d and a vote of term %d", current, term, vote)
	}
	return nil
}

// stable reads one of raft's values, 0 if it is not there.
func stable(logs LogStore, key []byte) (uint64, error) {
	n, err := logs.GetUint64(key)
	if err != nil && err.Error() == errNotFound.Error() {
		return 0, nil
	}
	return n, err
}
