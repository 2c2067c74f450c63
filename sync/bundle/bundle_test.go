package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"testing"

	"filippo.io/age"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema/text"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// party is one end: a key to sign with and an identity to open with.
type party struct {
	key *identity.Key
	id  *age.X25519Identity
}

func newParty(t testing.TB) party {
	t.Helper()
	k, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.Sealing(k, identity.DeviceSealing)
	if err != nil {
		t.Fatal(err)
	}
	return party{k, id}
}

var cluster = [16]byte{7}

func upHead(p party) *UpHead {
	return &UpHead{School: "2199109001", Key: p.key.Public(), Recipient: p.id.Recipient().String(), Version: "t",
		Carried: session.Carried{Device: p.key.Device(), Epoch: [16]byte{1}, Last: 3, Table: []byte("table")}}
}

func makeUp(t testing.TB, from party, to age.Recipient, items ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	err := Write(&b, Label{Up, cluster, 12}, to, from.key.Private(), upHead(from), func(put func([]byte) error) error {
		for _, i := range items {
			if err := put(i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// openUp opens as a hub does, and returns the items.
func openUp(b []byte, id age.Identity) (*UpHead, [][]byte, error) { return openFor(b, cluster, id) }

func openFor(b []byte, cluster [16]byte, id age.Identity) (*UpHead, [][]byte, error) {
	var head *UpHead
	f, err := Open(bytes.NewReader(b), int64(len(b)), Up, cluster, id, func(h []byte) (_ ed25519.PublicKey, err error) {
		if head, err = ReadUpHead(h); err != nil {
			return nil, err
		}
		return head.Key, nil
	})
	if err != nil {
		return nil, nil, err
	}
	for items := [][]byte(nil); ; {
		i, err := f.Next()
		if err == io.EOF {
			return head, items, nil
		}
		if err != nil {
			return nil, nil, err
		}
		items = append(items, bytes.Clone(i))
	}
}

func TestBundleRoundTrip(t *testing.T) {
	school, hub := newParty(t), newParty(t)
	big := make([]byte, 300<<10)
	rand.Read(big)
	for _, items := range [][][]byte{nil, {[]byte("one")}, {[]byte("one"), {}, big}} {
		b := makeUp(t, school, hub.id.Recipient(), items...)
		head, got, err := openUp(b, hub.id)
		if err != nil {
			t.Fatal(err)
		}
		if head.School != "2199109001" || head.Carried.Last != 3 || len(got) != len(items) {
			t.Fatalf("%+v, %d items", head, len(got))
		}
		for i := range got {
			if !bytes.Equal(got[i], items[i]) {
				t.Errorf("item %d changed", i)
			}
		}
		l, err := ReadLabel(bytes.NewReader(b))
		if err != nil || l != (Label{Up, cluster, 12}) {
			t.Errorf("%+v, %v", l, err)
		}
		for _, secret := range []string{"2199109001", "one", "table"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%q can be read in the open", secret)
			}
		}
	}
}

// Whatever is done to a bundle, it is refused with a reason, and no item of it
// is handed over.
func TestDamage(t *testing.T) {
	school, hub := newParty(t), newParty(t)
	whole := makeUp(t, school, hub.id.Recipient(), []byte("one"), bytes.Repeat([]byte("x"), 70<<10))
	refused := func(name string, b []byte, want ...error) {
		t.Helper()
		_, items, err := openUp(b, hub.id)
		ok := false
		for _, w := range want {
			ok = ok || errors.Is(err, w)
		}
		if !ok || items != nil || text.Of(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := 0; n < len(whole); n += 1 + n/40 {
		if n == 0 {
			refused("nothing", nil, ErrForeign)
			continue
		}
		refused("cut", whole[:n], ErrCut)
	}
	refused("longer", append(bytes.Clone(whole), 0), ErrCut)
	for n := 0; n < len(whole); n += 1 + n/60 {
		b := bytes.Clone(whole)
		b[n] ^= 1 << (n % 8)
		refused("flipped", b, ErrAltered, ErrCut, ErrForeign, ErrNewer, ErrElsewhere)
	}
	// The middle of one in the middle of another.
	other := makeUp(t, school, hub.id.Recipient(), []byte("two"), bytes.Repeat([]byte("x"), 70<<10))
	refused("spliced", append(bytes.Clone(whole[:40<<10]), other[40<<10:]...), ErrAltered)
	refused("a stranger's", []byte("PK\x03\x04 some workbook"), ErrForeign)
	newer := bytes.Clone(whole)
	newer[len("shangu bundle ")] = '2'
	refused("newer", newer, ErrNewer)

	// Another hub's, sealed to it; and one whose label was made ours.
	elsewhere := newParty(t)
	refused("elsewhere", makeUp(t, school, elsewhere.id.Recipient()), ErrElsewhere)
	var b bytes.Buffer
	if err := Write(&b, Label{Up, [16]byte{8}, 1}, hub.id.Recipient(), school.key.Private(), upHead(school), func(func([]byte) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	refused("other district", b.Bytes(), ErrElsewhere)
	relabelled := b.Bytes()
	copy(relabelled[len(magic)+1:], cluster[:])
	refused("relabelled", relabelled, ErrAltered)
	b.Reset()
	if err := Write(&b, Label{Down, cluster, 1}, hub.id.Recipient(), school.key.Private(), upHead(school), func(func([]byte) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	refused("a reply", b.Bytes(), ErrForeign)

	// Signed by another key than the head names.
	b.Reset()
	if err := Write(&b, Label{Up, cluster, 1}, hub.id.Recipient(), elsewhere.key.Private(), upHead(school), func(func([]byte) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	refused("forged", b.Bytes(), ErrAltered)
	// A device that it is not.
	head := upHead(school)
	head.Carried.Device[0]++
	b.Reset()
	if err := Write(&b, Label{Up, cluster, 1}, hub.id.Recipient(), school.key.Private(), head, func(func([]byte) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	refused("another device", b.Bytes(), ErrAltered)
}

// A hostile file costs no more memory than it has bytes, and no header is read
// that never ends.
func TestHostileMemory(t *testing.T) {
	hub := newParty(t)
	endless := append(Label{Up, cluster, 1}.bytes(), "age-encryption.org/v1\n"...)
	for len(endless) < 8<<20 {
		endless = append(endless, "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n"...)
	}
	endless = ended(endless)
	// Sealed well, but a record claims 4 GiB.
	var b bytes.Buffer
	b.Write(Label{Up, cluster, 1}.bytes())
	w, err := age.Encrypt(&b, hub.id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte{recordHead, 0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"endless header": endless, "claims": ended(b.Bytes())} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := openUp(file, hub.id); !errors.Is(err, ErrAltered) {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: took %d bytes", name, took)
		}
	}
	huge := io.NewSectionReader(zeros{}, 0, 1<<40)
	if _, err := Open(huge, huge.Size(), Up, cluster, hub.id, nil); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) { clear(b); return len(b), nil }

func ended(b []byte) []byte {
	n := len(b)
	return append(append(b, ending...), byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func TestTooLarge(t *testing.T) {
	school, hub := newParty(t), newParty(t)
	item := make([]byte, 4<<20)
	err := Write(io.Discard, Label{Up, cluster, 1}, hub.id.Recipient(), school.key.Private(), upHead(school), func(put func([]byte) error) error {
		for range 17 {
			if err := put(item); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// A device's identity is its key's, for ever.
func TestDeviceIdentity(t *testing.T) {
	key := identity.KeyOf(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32)))
	id, err := identity.Sealing(key, identity.DeviceSealing)
	if err != nil {
		t.Fatal(err)
	}
	const want = "age1ql8jr84uw0knchsum3wdslg6lqq4rhsnak7yy6ml0lvhw2xqucls4ww0hx"
	if got := id.Recipient().String(); got != want {
		t.Errorf("recipient %s", got)
	}
}

// The corpus is sealed to the hub of the vectors, so that it is opened.
func FuzzOpen(f *testing.F) {
	hub, school := partyOf(f, goldenHub), partyOf(f, goldenSchool)
	f.Add(makeUp(f, school, hub.id.Recipient(), []byte("one")))
	f.Add(ended(Label{Up, cluster, 1}.bytes()))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ReadLabel(bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, items, err := openFor(b, l.Cluster, hub.id); err == nil && len(items) > len(b) {
			t.Errorf("%d items of %d bytes", len(items), len(b))
		}
	})
}

// What a device of ours may have sealed and signed can still be anything inside.
func FuzzHeads(f *testing.F) {
	school := newParty(f)
	for _, h := range []msgpack.CustomEncoder{upHead(school), &DownHead{School: "2199109001", Time: 1, Grant: []byte("g")},
		&session.Said{Confirmed: 1, Cursor: 2, Answer: []byte("answer")}} {
		b, err := frame.Marshal(h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ReadUpHead(b); err == nil {
			if _, err := frame.Marshal(h); err != nil {
				t.Error(err)
			}
		}
		if h, err := ReadDownHead(b); err == nil {
			if _, err := frame.Marshal(h); err != nil {
				t.Error(err)
			}
		}
		var s session.Said
		_ = frame.Unmarshal(b, &s)
		_, _ = ReadPack(b)
	})
}
