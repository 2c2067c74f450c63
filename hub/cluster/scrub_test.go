package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
)

// rot changes a byte of every table of a node's state, which may be open.
func (w *world) rot(id string) {
	w.t.Helper()
	tables, err := filepath.Glob(filepath.Join(w.dir, id, "state", "db-*", "*.sst"))
	if err != nil || len(tables) == 0 {
		w.t.Fatalf("%d tables of node %s (%v)", len(tables), id, err)
	}
	for _, name := range tables {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		var b [1]byte
		_, err = f.ReadAt(b[:], 300)
		b[0] ^= 16
		if err == nil {
			_, err = f.WriteAt(b[:], 300)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// again closes a node and starts it, as a service manager does.
func (w *world) again(nodes []*Node, n *Node) *Node {
	w.t.Helper()
	w.stop(n)
	n = w.start(n.ID())
	nodes[int(n.ID()[0]-'1')] = n
	return n
}

// TestARottenDiskHeals: bytes change on the disk of a node that runs, of a
// follower and of the leader.
func TestARottenDiskHeals(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		w.blocks = 1
		l := w.leader(nodes...)
		pens := []*pen{w.enrol(l, 1)}
		w.write(nodes, pens, 20).Wait()
		for i := range nodes {
			w.again(nodes, nodes[i]) // what it holds is in tables then
		}
		w.agree(nodes...)
		for _, leads := range []bool{false, true} {
			n := w.leader(nodes...)
			if !leads {
				n = other(nodes, n)
			}
			n.scrub()
			if err := n.Err(); err != nil {
				w.t.Fatalf("a sound node: %v", err)
			}
			w.rot(n.ID())
			n.scrub()
			if !errors.Is(n.Err(), ErrRotten) {
				w.t.Errorf("node %s (leads: %v) goes on with a rotten state: %v", n.ID(), leads, n.Err())
			}
			if n.raft.State() == raft.Leader {
				w.t.Error("a node with a rotten state leads")
			}
			n = w.again(nodes, n)
			w.write(nodes, pens, 5).Wait()
			w.agree(nodes...)
			w.holdsAll(n, pens)
			if n.Status(w.ctx).Rebuilt == "" {
				w.t.Error("the node does not say that it made its state anew")
			}
		}
	})
}

// TestANodeThatLostADocumentServesNoMore: one document is gone from a node's
// state, and everything else fits.
func TestANodeThatLostADocumentServesNoMore(t *testing.T) {
	inBubble(t, short, func(w *world, nodes []*Node) {
		l := w.leader(nodes...)
		w.write(nodes, []*pen{w.enrol(l, 1)}, 5).Wait()
		n := other(nodes, l)
		w.stop(n)
		w.forgetADocument(n.ID())
		n = w.start(n.ID())
		nodes[int(n.ID()[0]-'1')] = n
		w.agree(nodes...) // by their digests
		n.scrub()
		if err := n.Ready(w.ctx); err != nil {
			w.t.Errorf("a node with a flaw, where nobody is known to have none: %v", err)
		}
		l = w.leader(nodes...)
		flaws := 0
		for _, s := range l.Status(w.ctx).Nodes {
			flaws += s.Flaws
		}
		if flaws == 0 {
			w.t.Error("the leader does not tell that a node has flaws")
		}
		l.scrub()
		n.scrub()
		if err := n.Ready(w.ctx); !errors.Is(err, ErrDiffers) {
			w.t.Errorf("a node with a flaw that another has not: %v", err)
		}
		if err := l.Ready(w.ctx); err != nil {
			w.t.Errorf("a sound node: %v", err)
		}
	})
}

// forgetADocument takes a document out of a stopped node's state.
func (w *world) forgetADocument(id string) {
	w.t.Helper()
	dirs, err := filepath.Glob(filepath.Join(w.dir, id, "state", "db-*"))
	if err != nil || len(dirs) != 1 {
		w.t.Fatalf("databases of node %s: %v (%v)", id, dirs, err)
	}
	key := w.key(id).Derive("state")
	db, err := badger.Open(badger.DefaultOptions(dirs[0]).WithLogger(nil).WithExternalMagic(1).WithEncryptionKey(key[:]).WithIndexCacheSize(8 << 20).WithBlockCacheSize(1 << 20))
	if err != nil {
		w.t.Fatal(err)
	}
	err = db.Update(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte("d" + school)})
		it.Rewind()
		found := it.Item().KeyCopy(nil)
		it.Close()
		return txn.Delete(found)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		w.t.Fatal(err)
	}
}
