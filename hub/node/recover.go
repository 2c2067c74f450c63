package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"shangu/hub/authority"
	"shangu/hub/cluster"
	"shangu/hub/gate"
	"shangu/hub/state"
	"shangu/installer/host/local"
	"shangu/schema/text"
	"shangu/sync/disk"
	"shangu/sync/seal"
)

// askWithin is how long another node may take to say how far it is.
const askWithin = 3 * time.Second

// Recovery says what `hub recover` found, and what it did.
type Recovery struct {
	ID      string          `json:"id"`
	Last    uint64          `json:"last"`    // last entry of this node's log
	Term    uint64          `json:"term"`    // that entry's
	Applied uint64          `json:"applied"` // last entry that its state holds
	Members []RecoverMember `json:"members"`
	Copy    string          `json:"copy,omitempty"` // where the node's data was copied to first
	Done    bool            `json:"done"`
}

// RecoverMember is another member of the cluster as the log names it.
type RecoverMember struct {
	ID      string `json:"id"`
	API     string `json:"api"`
	Voter   bool   `json:"voter"`
	Answers bool   `json:"answers"`
	Last    uint64 `json:"last,omitempty"` // last entry of its log, if it answers
}

// Recover makes the stopped node in dir a cluster of one after the loss of a
// majority. With dry it only looks. It refuses while a majority answers, and
// where a node that answers has a longer log.
func Recover(ctx context.Context, dir string, keys KeyOf, dry bool, now func() time.Time) (r Recovery, err error) {
	if !Settled(dir) {
		return r, text.New("hub.no_district", "dir", dir)
	}
	held, err := local.Lock(dir)
	if errors.Is(err, local.ErrHeld) {
		return r, text.Wrap(err, "hub.recover_running", "dir", dir)
	}
	if err != nil {
		return r, err
	}
	defer held.Release()
	s, err := LoadSettings(dir)
	if err != nil {
		return r, err
	}
	files, err := keys.files(dir)
	if err != nil {
		return r, err
	}
	d := cluster.Deps{Key: files.Key}
	if d.State, err = state.Open(filepath.Join(dir, "state"), state.Options{Key: files.Key}); err != nil {
		return r, err
	}
	closing := sync.OnceValue(func() error { return d.Release() })
	defer func() { err = errors.Join(err, closing()) }()
	cfg := cluster.Config{ID: s.ID, Dir: filepath.Join(dir, "raft"), Addr: s.Raft, API: s.Advertise}
	found, err := cluster.Look(cfg, &d)
	if err != nil {
		return r, err
	}
	if !found.Log {
		return r, text.New("hub.recover_no_log", "dir", dir)
	}
	r = Recovery{ID: s.ID, Last: found.Last, Term: found.Term, Applied: found.Applied}
	if r.Members, err = askMembers(ctx, dir, files, s, found.Members, now); err != nil {
		return r, err
	}
	if dry {
		return r, nil
	}
	if err := r.allowed(found); err != nil {
		return r, err
	}
	if err := closing(); err != nil {
		return r, err
	}
	r.Copy = filepath.Join(dir, "before-recover-"+now().UTC().Format("20060102-150405"))
	if err := copyAside(dir, r.Copy); err != nil {
		return r, text.Wrap(err, "hub.recover_no_copy", "dir", r.Copy, "cause", err.Error())
	}
	d = cluster.Deps{Key: files.Key}
	if d.State, err = state.Open(filepath.Join(dir, "state"), state.Options{Key: files.Key}); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, d.Release()) }()
	if found, err = cluster.Look(cfg, &d); err != nil {
		return r, err
	}
	err = cluster.Salvage(cfg, &d, found, state.Event{What: state.EventRecovered, Now: now().Unix(), Account: localAccount,
		Note: fmt.Sprintf("node %s alone, log entry %d of term %d, without %v", s.ID, found.Last, found.Term, r.without())})
	r.Done = err == nil
	return r, err
}

// allowed refuses where recovering would lose what need not be lost.
func (r *Recovery) allowed(f cluster.Find) error {
	voters, answer := 0, 0
	for _, m := range f.Members {
		if m.Voter {
			voters++
		}
		if m.Voter && m.Self {
			answer++
		}
	}
	for _, m := range r.Members {
		if m.Answers && m.Voter {
			answer++
		}
		if m.Answers && m.Last > r.Last {
			return text.New("hub.recover_other", "id", m.ID, "last", m.Last, "mine", r.Last)
		}
	}
	if 2*answer > voters {
		return text.New("hub.recover_quorum", "answer", answer, "voters", voters)
	}
	return nil
}

func (r *Recovery) without() (ids []string) {
	for _, m := range r.Members {
		ids = append(ids, m.ID)
	}
	return ids
}

// askMembers asks the other members how far they are.
func askMembers(ctx context.Context, dir string, files seal.Files, s Settings, members []cluster.Member, now func() time.Time) (out []RecoverMember, err error) {
	peers, err := openPeers(dir, files, s, now)
	if err != nil {
		return nil, err
	}
	defer peers.Close()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	for _, m := range members {
		if !m.Self {
			out = append(out, RecoverMember{ID: m.ID, API: m.API, Voter: m.Voter})
		}
	}
	var asks sync.WaitGroup
	for i := range out {
		m := &out[i]
		asks.Go(func() {
			if m.API == "" {
				return
			}
			if last, err := cluster.Ask(ctx, peers, m.API); err == nil {
				m.Answers, m.Last = true, last
			}
		})
	}
	asks.Wait()
	return out, nil
}

// openPeers is the way of a node that does not run to the others' gates.
func openPeers(dir string, files seal.Files, s Settings, now func() time.Time) (*gate.Peers, error) {
	secrets, err := authority.Load(secretsDir(dir), files)
	if err != nil {
		return nil, err
	}
	identity, err := secrets.OpenNode(secretsDir(dir), s.ID, s.hosts(), now(), rand.Reader, files)
	if err != nil {
		return nil, err
	}
	return gate.NewPeers(secrets, identity, now), nil
}

// kept are the folders that hold what a node knows.
var kept = []string{"raft", "state"}

// copyAside copies a node's data, and makes the copy durable.
func copyAside(dir, to string) error {
	for _, name := range kept {
		target := filepath.Join(to, name)
		if err := os.MkdirAll(target, 0o700); err != nil {
			return err
		}
		if err := os.CopyFS(target, os.DirFS(filepath.Join(dir, name))); err != nil {
			return err
		}
	}
	return disk.SyncTree(to)
}

// SetAside moves a node's log and state away, so that it starts as a new member
// that is filled by the others. Nothing is deleted; one copy is kept.
func SetAside(dir string) error {
	for _, name := range kept {
		if err := disk.MoveAside(filepath.Join(dir, name), filepath.Join(dir, name+".old")); err != nil {
			return fmt.Errorf("set node aside: %w", err)
		}
	}
	return nil
}

// SetDamagedAside is SetAside for a node whose log is damaged. It waits until a
// leader can commit without this node, and reports whether there are other nodes
// at all: of one that is alone, or whose others are gone too, this is all that
// there is, and it stays where it is.
func SetDamagedAside(ctx context.Context, dir string, keys KeyOf, now func() time.Time) (others bool, err error) {
	s, err := LoadSettings(dir)
	if err != nil {
		return false, err
	}
	doors, err := cluster.Doors(filepath.Join(dir, "raft"))
	if err == nil && len(doors) > 0 {
		s.Peers = doors
		err = s.save(dir)
	}
	if err != nil || len(s.Peers) == 0 {
		return false, err
	}
	files, err := keys.files(dir)
	if err != nil {
		return true, err
	}
	peers, err := openPeers(dir, files, s, now)
	if err != nil {
		return true, err
	}
	defer peers.Close()
	t := time.NewTicker(joinEvery)
	defer t.Stop()
	for {
		for _, api := range s.Peers {
			if ready(ctx, peers, api) {
				return true, SetAside(dir)
			}
		}
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-t.C:
		}
	}
}

func ready(ctx context.Context, peers *gate.Peers, api string) bool {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return cluster.AskReady(ctx, peers, api) == nil
}
