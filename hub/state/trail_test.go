package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/sync/session"
)

// proven fails unless the audit trail holds together.
func proven(t testing.TB, s *State) Proof {
	t.Helper()
	p, err := s.VerifyTrail()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Problems) > 0 {
		t.Fatalf("%+v", p.Problems)
	}
	if p.Head != s.TrailHead() {
		t.Fatalf("proven up to %d %x, head is %d %x", p.Count, p.Hash, s.TrailHead().Count, s.TrailHead().Hash)
	}
	return p
}

// Whatever happens in a district, each thing that changed stands in the trail
// once, and the trail proves whole; what changed nothing does not stand there.
func TestTheTrailHoldsWhateverChanged(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		l := story(t, rand.New(rand.NewPCG(seed, 5)))
		s := open(t)
		s.must(t, l.entries...)
		before := proven(t, s)
		if before.Packs == 0 || before.Entries < before.Packs {
			t.Fatalf("the story left no packs: %+v", before)
		}
		// The same log entries' commands once more change nothing but what
		// writes anew: an event and a new name.
		for _, cmd := range [][]byte{
			EncodeInit(Init{Cluster: clusterID, Name: "云岭区"}),
			EncodeToken(IssueToken{Hash: sha256.Sum256([]byte("x")), School: schoolA, Role: TokenSchool, Now: hubNow, Account: "op"}),
			EncodeToken(IssueToken{Hash: sha256.Sum256([]byte("x")), School: schoolA, Role: TokenSchool, Now: hubNow, Account: "op"}),
			EncodeSetNode(Node{ID: "n1", Raft: "h:1", API: "h:2"}, hubNow, "node:n1"),
			EncodeSetNode(Node{ID: "n1", Raft: "h:1", API: "h:2"}, hubNow, "node:n1"),
			EncodeDropNode("n9", hubNow, "op"),
			EncodeDropNode("n1", hubNow, "op"),
			EncodeFeature(3, hubNow, "op"),
			EncodeFeature(2, hubNow, "op"),
			EncodeRevoke(Revoke{Device: newPen(schoolA, 1).device, Now: hubNow, Account: "op", Reason: "stolen"}),
			EncodeRevoke(Revoke{Device: newPen(schoolA, 1).device, Now: hubNow, Account: "op", Reason: "stolen"}),
			EncodeEvent(Event{What: EventRecovered, Now: hubNow, Account: "op"}),
			EncodeIngest(hubNow, nil, []Beat{{Device: newPen(schoolB, 1).device, At: hubNow}}),
		} {
			l.commit(t, s, cmd)
		}
		after := proven(t, s)
		if after.Count != before.Count+6 {
			t.Errorf("%d records more, expected 6", after.Count-before.Count)
		}
		var last []What
		err := s.Records(before.Count+1, func(r *Record) error {
			last = append(last, r.What)
			if r.Time != hubNow || r.Account == "" {
				t.Errorf("record %d: when %d, who %q", r.N, r.Time, r.Account)
			}
			return nil
		})
		if want := []What{WhatToken, WhatNode, WhatDrop, WhatFeature, WhatRevoke, WhatEvent}; err != nil || fmt.Sprint(last) != fmt.Sprint(want) {
			t.Errorf("%v %v, expected %v", last, err, want)
		}
	})
}

// trail reads the raw audit records.
func rawTrail(t testing.TB, s *State) (keys, values [][]byte) {
	t.Helper()
	err := s.view("read", func(txn *badger.Txn) error {
		return each(txn, []byte{keyRecord}, func(k, v []byte) error {
			keys, values = append(keys, bytes.Clone(k)), append(values, bytes.Clone(v))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys, values
}

// Any byte of the trail changed on the disk, a record removed, two swapped, the
// tail cut: the proof fails. Run by the drill, it prints what it counted.
func TestTamperingWithTheTrailIsFound(t *testing.T) {
	seed := drillSeed(t)
	r := rand.New(rand.NewPCG(seed, 9))
	l := story(t, r)
	s := open(t)
	s.must(t, l.entries...)
	whole := proven(t, s)
	keys, values := rawTrail(t, s)
	write := func(k, v []byte) {
		t.Helper()
		if err := s.db.Update(func(txn *badger.Txn) error {
			if v == nil {
				return txn.Delete(bytes.Clone(k))
			}
			return txn.Set(bytes.Clone(k), bytes.Clone(v))
		}); err != nil {
			t.Fatal(err)
		}
	}
	trials, missed := 0, 0
	tamper := func(what string, spoil, mend func()) {
		t.Helper()
		spoil()
		trials++
		p, err := s.VerifyTrail()
		if err == nil && len(p.Problems) == 0 {
			missed++
			t.Errorf("not found: %s (seed %d)", what, seed)
		}
		mend()
	}
	flips := 300
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		flips = 1 << 30
	}
	all := 0
	for _, v := range values {
		all += len(v)
	}
	for at := range min(flips, all) {
		if flips < all {
			at = r.IntN(all)
		}
		i := 0
		for at >= len(values[i]) {
			at -= len(values[i])
			i++
		}
		bad := bytes.Clone(values[i])
		bad[at] ^= 1 << r.IntN(8)
		tamper(fmt.Sprintf("byte %d of record %d", at, i+1), func() { write(keys[i], bad) }, func() { write(keys[i], values[i]) })
	}
	for i := range keys {
		tamper(fmt.Sprintf("record %d removed", i+1), func() { write(keys[i], nil) }, func() { write(keys[i], values[i]) })
		j := (i + 1 + r.IntN(len(keys)-1)) % len(keys)
		tamper(fmt.Sprintf("records %d and %d swapped", i+1, j+1),
			func() { write(keys[i], values[j]); write(keys[j], values[i]) },
			func() { write(keys[i], values[i]); write(keys[j], values[j]) })
	}
	for n := 1; n <= 5 && n < len(keys); n++ {
		tail := len(keys) - n
		tamper(fmt.Sprintf("%d records cut off the end", n),
			func() {
				for _, k := range keys[tail:] {
					write(k, nil)
				}
			},
			func() {
				for i := tail; i < len(keys); i++ {
					write(keys[i], values[i])
				}
			})
	}
	// A forger who hashes everything behind his change anew is caught by the
	// end that the node, each receipt and each backup kept.
	forged := s.TrailHead()
	tamper("a record rewritten, and all hashes after it", func() {
		head := [32]byte(values[0][:32])
		for i := 1; i < len(values); i++ {
			v := bytes.Clone(values[i])
			if i == len(values)/2 {
				v = append(append([]byte(nil), v[:32]...), values[i-1][32:]...)
			}
			head = nextHead(head, v[32:])
			copy(v, head[:])
			write(keys[i], v)
		}
		forged.Hash = head
	}, func() {
		for i := range keys {
			write(keys[i], values[i])
		}
	})
	if forged.Hash == whole.Hash {
		t.Error("the forgery changed nothing")
	}
	proven(t, s)
	t.Logf("drill: trials=%d lost=%d saw=records=%d,entries=%d,seed=%d", trials, missed, whole.Count, whole.Entries, seed)
}

// drillSeed is the seed that the drill asks for, or one of the test's own.
func drillSeed(t testing.TB) uint64 {
	if v, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		return v
	}
	t.Log("seed 1; SHANGU_DRILL_SEED sets another")
	return 1
}

// A snapshot carries the trail, and a receipt given before it can be made again
// after it.
func TestASnapshotKeepsTheTrail(t *testing.T) {
	l := story(t, rand.New(rand.NewPCG(3, 3)))
	a, b := open(t), open(t)
	a.must(t, l.entries...)
	n, err := a.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var buf bytes.Buffer
	if _, err := n.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(&buf); err != nil {
		t.Fatal(err)
	}
	if n.Trail != b.TrailHead() || proven(t, a).Head != proven(t, b).Head {
		t.Errorf("%+v and %+v", n.Trail, b.TrailHead())
	}
}

// The same push again, and a heartbeat from behind, are told of the same place
// in the trail: the hub can give the same receipt as often as it is asked.
func TestAReceiptIsTheSameEachTime(t *testing.T) {
	p := newPen(schoolA, 1)
	l := &raftLog{}
	l.begin(p)
	s := open(t)
	s.must(t, l.entries...)
	p.save("", schema.KindTeacher, "T1", set(schema.TeacherName, schema.Str("王")))
	push := p.push(t)
	first, err := l.ingest(t, s, push)
	if err != nil || !first.Fits || first.Place.N == 0 || first.Place.Time != hubNow {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := l.ingest(t, s, push)
	if err != nil || again.Fits || again.Place != first.Place || again.Tip != first.Tip {
		t.Errorf("again %+v %v, first %+v", again, err, first)
	}
	at, err := s.PlaceAt(p.chain, first.Tip.Seq)
	if err != nil || at != first.Place {
		t.Errorf("%+v %v", at, err)
	}
	if at, err := s.PlaceAt(p.chain, 99); err != nil || at != (session.Place{}) {
		t.Errorf("a place for what is not there: %+v %v", at, err)
	}
}
