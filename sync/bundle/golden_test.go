package bundle

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// The parties of the vectors have keys that everybody can make.
func partyOf(t testing.TB, seed byte) party {
	t.Helper()
	key := identity.KeyOf(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	id, err := identity.Sealing(key, identity.DeviceSealing)
	if err != nil {
		t.Fatal(err)
	}
	return party{key, id}
}

const (
	goldenHub    = 1
	goldenSchool = 5
	goldenCA     = 9
)

var goldenCluster = [16]byte{7, 7, 7}

func goldenUp(school party) *UpHead {
	return &UpHead{
		School: "2199109015", Key: school.key.Public(), Recipient: school.id.Recipient().String(), Enrol: []byte("enrolment request"), Version: "1.0.0",
		Carried: session.Carried{
			Device: school.key.Device(), Epoch: [16]byte{2},
			Beat:      session.Heartbeat{At: 1790000000, Boot: 3, Up: 3600, Pending: 25, DiskFree: 20480, Version: "1.0.0"},
			Confirmed: frame.Tip{Seq: 9, Hash: [32]byte{3}}, Last: 34, Table: []byte("table"), Cursor: 4711, Offset: -60, Trusted: 1789990000,
			Wants: []digest.Bucket{{Kind: 2, Month: "2026-09"}},
		},
	}
}

func goldenDown(school party) (*DownHead, *session.Said) {
	device := school.key.Device()
	return &DownHead{School: "2199109015", Device: device, Chain: change.ChainID{1, 2, 3, 4}, Time: 1790000123, Grant: []byte("grant"), Refusal: ""},
		&session.Said{Confirmed: 9, Cursor: 4711, At: 1790000123, Boot: 3, Up: 3600, Digests: true, Bucket: digest.Bucket{Kind: 2, Month: "2026-09"}, Answer: []byte("answer")}
}

func vector(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "v1", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// opened reads a vector: its label, the bytes of its head, its items.
func opened(t *testing.T, kind Kind, name string, to, from party) (l Label, head []byte, items [][]byte) {
	t.Helper()
	b := vector(t, name)
	f, err := Open(bytes.NewReader(b), int64(len(b)), kind, goldenCluster, to.id, func(h []byte) (ed25519.PublicKey, error) {
		head = bytes.Clone(h)
		return from.key.Public(), nil
	})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for {
		i, err := f.Next()
		if err == io.EOF {
			return f.Label, head, items
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		items = append(items, bytes.Clone(i))
	}
}

// Bundles and packs that a program of version 1 wrote are read for ever, and are
// still written so. A seal is another each time; what is in it is not.
func TestVectorsOfVersion1(t *testing.T) {
	hub, school, ca := partyOf(t, goldenHub), partyOf(t, goldenSchool), partyOf(t, goldenCA)
	same := func(what string, got []byte, v msgpack.CustomEncoder) {
		t.Helper()
		want, err := frame.Marshal(v)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s of version 1 changed: %v\n%x\n%x", what, err, got, want)
		}
	}

	l, head, items := opened(t, Up, "up.sgup", hub, school)
	up, err := ReadUpHead(head)
	if want := goldenUp(school); err != nil || !reflect.DeepEqual(up, want) || l != (Label{Up, goldenCluster, 12}) {
		t.Errorf("up: %+v %+v, %v", l, up, err)
	}
	same("the head of a bundle", head, goldenUp(school))
	if len(items) != 2 || string(items[0]) != "pack one" || string(items[1]) != "pack two" {
		t.Errorf("up: %q", items)
	}

	l, head, items = opened(t, Down, "down.sgdn", school, hub)
	wantHead, wantSaid := goldenDown(school)
	down, err := ReadDownHead(head)
	if err != nil || !reflect.DeepEqual(down, wantHead) || l != (Label{Down, goldenCluster, 12}) {
		t.Errorf("down: %+v %+v, %v", l, down, err)
	}
	same("the head of a reply", head, wantHead)
	if len(items) != 1 {
		t.Fatalf("down: %d items", len(items))
	}
	var said session.Said
	if err := frame.Unmarshal(items[0], &said); err != nil || !reflect.DeepEqual(&said, wantSaid) {
		t.Errorf("down: %+v, %v", said, err)
	}
	same("an answer", items[0], wantSaid)

	b := vector(t, "pack.sgpk")
	p, err := ReadPack(b)
	if err != nil {
		t.Fatal(err)
	}
	if p.School != "2199109015" || p.District != "云岭区" || p.ClusterID() != goldenCluster || !bytes.Equal(p.Receipt, hub.key.Public()) ||
		p.Recipient != hub.id.Recipient().String() || p.Expires != 1805552000 || len(p.Hubs) != 2 {
		t.Errorf("pack: %+v", p)
	}
	again, err := p.Marshal(func(m []byte) []byte { return ed25519.Sign(ca.key.Private(), m) })
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("a pack of version 1 is written otherwise: %v\n%q\n%q", err, again, b)
	}
}
