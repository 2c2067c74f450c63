package gate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shangu/hub/authority"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/link"
	"shangu/sync/session"
)

// The outcomes in a session's response that a hostile request can have.
const (
	codeOK           = 0
	codeRevoked      = 4
	codeRefused      = 5
	codeUnknownChain = 6
)

// forge changes a pack and makes its checksum fit again: CRC32C at offset 10,
// over all but itself, as sync/frame's DESIGN.md has it.
func forge(pack []byte, change func([]byte) []byte) []byte {
	p := change(slices.Clone(pack))
	if len(p) >= 14 {
		table := crc32.MakeTable(crc32.Castagnoli)
		sum := crc32.Update(crc32.Checksum(p[:10], table), table, p[14:])
		binary.BigEndian.PutUint32(p[10:], sum)
	}
	return p
}

// held is a digest of everything that the hub keeps but how far its log is.
func (d *district) held() [32]byte {
	d.t.Helper()
	_, sum, err := d.state.NodeDigest()
	if err != nil {
		d.t.Fatal(err)
	}
	return sum
}

// counted is a link that counts the connections it makes.
func (d *device) counted(n *atomic.Int64, hub string) *link.Link {
	return d.link(func(c *link.Config) {
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			n.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	}, hub)
}

func nested(deep int) []byte { return append(bytes.Repeat([]byte{0x91}, deep), 1) }

// allocated returns the bytes that f allocates, in all goroutines.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What no agent sends is refused with a reason, leaves nothing behind, costs
// what it weighs, and does not disturb the connection that it came over.
func TestHostileBytes(t *testing.T) {
	d := newDistrict(t)
	d.now.Store(time.Now().Unix()) // so that what was heard of a device stays the same
	n := d.open()
	s := newSchool(d.enrolled(n, schoolA))
	s.day(t)
	var connections atomic.Int64
	l := s.counted(&connections, n.url)
	if _, err := s.sync(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	connections.Store(0) // a session ends with its connection
	s.day(t)
	good, _, err := s.Pack(0)
	if err != nil {
		t.Fatal(err)
	}
	whole := s.request(good)
	number := func(coding byte, prev frame.Tip, numbers ...uint64) []byte {
		p := append([]byte{1, coding}, prev.Hash[:8]...)
		p = append(p, 0, 0, 0, 0)
		for _, x := range numbers {
			p = binary.AppendUvarint(p, x)
		}
		return p
	}
	same := func(p []byte) []byte { return p }
	next := s.confirmed.Seq + 1
	type hostile struct {
		name string
		body []byte
		max  uint64 // bytes it may cost beyond the least
	}
	var cases []hostile
	add := func(name string, body []byte, max uint64) { cases = append(cases, hostile{name, body, max}) }
	pack := func(name string, pack []byte, max uint64) { add(name, s.request(pack), max) }

	add("nothing", []byte{}, 0)
	add("one byte", []byte{0xc1}, 0)
	add("an array of four billion", []byte{0xdd, 0xff, 0xff, 0xff, 0xff}, 0)
	add("a heartbeat of four billion", append([]byte{0x96, 1, 0xdd, 0xff, 0xff, 0xff, 0xff}, whole[3:]...), 0)
	add("a text of two gigabytes", append([]byte{0x96, 1, 0x97, 1, 1, 1, 1, 0xdb, 0x7f, 0xff, 0xff, 0xff}, whole[20:]...), 0)
	add("a pack of four gigabytes", append(slices.Clone(s.request([]byte{})[:len(s.hello())]), 0xc6, 0xff, 0xff, 0xff, 0xff), 0)
	add("too deep", nested(frame.MaxDepth+1), 0)
	add("deeper than any stack", nested(session.MaxRequest-1), 0)
	add("too deep where fields are to come", append(append([]byte{0x99, 1}, s.hello()[2:]...), nested(frame.MaxDepth)...), 0)
	add("a map", append([]byte{0x96, 1, 0x81}, whole[3:]...), 0)
	add("trailing bytes", append(slices.Clone(whole), 0), 0)
	add("as long as may be", make([]byte, session.MaxRequest), 0)
	for _, cut := range []int{1, 2, 10, len(whole) / 3, len(whole) / 2, len(whole) - 1} {
		add("a request that is cut", whole[:cut], 0)
	}
	for at := 0; at < len(good)*8; at += 41 {
		bad := slices.Clone(good)
		bad[at/8] ^= 1 << (at % 8)
		pack("a pack with a flipped bit", bad, 0)
	}
	for _, cut := range []int{1, 13, 14, 20, len(good) / 2, len(good) - 1} {
		pack("a pack that is cut", good[:cut], 0)
		pack("a pack that is cut, with a good checksum", forge(good[:cut], same), 4<<20)
	}
	pack("a pack with more behind it", forge(good, func(p []byte) []byte { return append(p, 0) }), 4<<20)
	pack("four billion entries", forge(number(1, s.confirmed, next, 1<<32, 1<<32), same), 0)
	pack("a gigabyte", forge(number(1, s.confirmed, next, 1, 1<<30), same), 0)
	pack("a thousand times its size", forge(number(1, s.confirmed, next, 1, 1<<20), same), 0)
	pack("a bomb", forge(append(number(2, s.confirmed, next, 1, 20), 1, 0, 0xa0, 0xff, 0xff, 0xff, 0x7f), same), 1<<20)
	pack("whole entries that are not there", forge(append(number(0, s.confirmed, next, 1, 5), 0xdd, 0xff, 0xff, 0xff, 0xff), same), 1<<20)
	pack("whole entries too deep", forge(append(number(0, s.confirmed, next, 1, 18), nested(17)...), same), 1<<20)

	for _, c := range cases {
		before := d.held()
		var answer []byte
		cost := allocated(func() { answer, err = l.Exchange(t.Context(), c.body) })
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := code(t, answer); got != codeRefused {
			t.Errorf("%s: answered with %d", c.name, got)
		}
		if len(answer) < 24 {
			t.Errorf("%s: no reason: %q", c.name, answer)
		}
		if d.held() != before {
			t.Errorf("%s: the hub's state changed", c.name)
		}
		// Both ends of TLS, HTTP and the answer live in this process.
		if most := 256<<10 + 8*uint64(len(c.body)) + c.max; cost > most {
			t.Errorf("%s: %d bytes cost %d bytes of memory", c.name, len(c.body), cost)
		}
	}
	// Longer than may be is told so before it is read; that ends a connection.
	if connections.Load() != 1 {
		t.Errorf("%d connections for what is refused", connections.Load())
	}
	before := d.held()
	_, err = l.Exchange(t.Context(), make([]byte, session.MaxRequest+1))
	if !errors.Is(err, session.ErrRefused) || text.Of(err).ID() != "gate.too_large" || d.held() != before {
		t.Errorf("longer than may be: %v", err)
	}
	// The work of the day goes on.
	if r, err := s.sync(t.Context(), l); err != nil || r.Pushed == 0 || s.confirmed.Seq != uint64(len(s.entries)) {
		t.Errorf("after all that: %+v, %v", r, err)
	}
}

// What belongs to somebody else is not taken, whoever brings it.
func TestPushesOfOthers(t *testing.T) {
	d := newDistrict(t)
	d.now.Store(time.Now().Unix())
	n := d.open()
	a := newSchool(d.enrolled(n, schoolA))
	a.day(t)
	first, _, err := a.Pack(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.sync(t.Context(), a.link(nil, n.url)); err != nil {
		t.Fatal(err)
	}
	a.day(t)
	second, _, err := a.Pack(0)
	if err != nil {
		t.Fatal(err)
	}
	of := func(school string) string {
		set, err := d.state.DigestOf(school)
		if err != nil {
			t.Fatal(err)
		}
		root := set.Root()
		return string(root.Bytes())
	}
	want, wantB := of(schoolA), of(schoolB)

	// An old push again: the chain's tip is told, signed, and nothing else happens.
	answer, err := a.link(nil, n.url).Exchange(t.Context(), a.request(first))
	if err != nil || code(t, answer) != codeOK || !bytes.Contains(answer, a.confirmed.Hash[:]) || of(schoolA) != want {
		t.Errorf("an old push: % x, %v", answer, err)
	}

	for _, school := range []string{schoolA, schoolB} {
		other := d.enrolled(n, school)
		var connections atomic.Int64
		l := other.counted(&connections, n.url)
		exchange := func(what string, body []byte) byte {
			t.Helper()
			answer, err := l.Exchange(t.Context(), body)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if of(schoolA) != want || of(schoolB) != wantB {
				t.Fatalf("%s: it was written", what)
			}
			return code(t, answer)
		}
		// The chain named by its first bytes, then by the epoch it stems from.
		named := bytes.Replace(other.request(second), append([]byte{0xc4, 0, 0xc4, 16}, other.epoch[:]...),
			append(append([]byte{0xc4, 8}, a.chain[:8]...), 0xc4, 0), 1)
		if got := exchange("another's chain", named); got != codeUnknownChain {
			t.Errorf("another's chain: %d", got)
		}
		if got := exchange("another's epoch", a.request(second)); got != codeOK {
			t.Errorf("another's epoch, with a pack that does not continue its chain: %d", got)
		}
		for _, p := range [][]byte{first, second} {
			if got := exchange("another's pack", other.request(p)); got != codeOK {
				t.Errorf("another's pack: %d", got)
			}
		}
		if connections.Load() != 1 {
			t.Errorf("%d connections", connections.Load())
		}
		// Nobody's chain has grown.
		c := session.Caller{Device: other.key.Device(), School: school}
		if _, tip, _, err := d.state.Tip(c, a.chain[:], 0); !errors.Is(err, session.ErrUnknownChain) {
			t.Errorf("%s sees another's chain at %d: %v", school, tip.Seq, err)
		}
		own := frame.ChainOf(other.key.Device(), other.epoch)
		if _, tip, _, err := d.state.Tip(c, own[:], 0); err == nil && tip.Seq != 0 {
			t.Errorf("own chain is at %d", tip.Seq)
		}
	}
	if r, err := a.sync(t.Context(), a.link(nil, n.url)); err != nil || r.Pushed != uint64(len(a.entries))-25 {
		t.Errorf("the owner's own push: %+v, %v", r, err)
	}
}

// A school's agent that writes for another school is not believed, entry by
// entry; what it may write is taken.
func TestEntriesForOthersAreQuarantined(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	v := d.enrolled(n, schoolA)
	chain := frame.ChainOf(v.key.Device(), v.epoch)
	var entries []*change.Entry
	save := func(scope string, k schema.Kind, id string, fields ...change.Field) {
		entries = append(entries, &change.Entry{Seq: uint64(len(entries) + 1), Account: "x", Scope: scope, Kind: k, ID: id, Fields: fields})
	}
	name := change.Field{Key: schema.Key{Num: schema.TeacherName}, Value: schema.Str("王")}
	save("", schema.KindTeacher, "T1", name)
	save(schoolB, schema.KindTeacher, "T1", name)
	save(schema.DistrictScope, schema.KindSchool, schoolB, change.Field{Key: schema.Key{Num: schema.SchoolName}, Value: schema.Str("改名")})
	save(schema.DistrictScope, schema.KindCalendar, "2026", change.Field{Key: schema.Key{Num: schema.CalendarDay, Sub: "2026-09-01"}, Value: schema.Int(1)})
	save("*", schema.KindTeacher, "T1", name)
	save("a\x00b", schema.KindTeacher, "T1", name)
	save(strings.Repeat("9", 500), schema.KindTeacher, "T1", name)
	save("", schema.KindTeacher, strings.Repeat("T", 5000), name)
	save("", schema.KindQuarantine, "x/1", change.Field{Key: schema.Key{Num: schema.QuarantineState}, Value: schema.Int(2)})
	save("", schema.KindTeacher, "T2", change.Field{Key: schema.Key{Num: schema.TeacherName}, Value: schema.Int(7)})
	save("", schema.KindTeacher, "T3", name)
	pack, err := frame.PackEntries(frame.NewTable(), chain, frame.Genesis(chain), entries)
	if err != nil {
		t.Fatal(err)
	}
	before, err := d.state.DigestOf(schoolB)
	if err != nil {
		t.Fatal(err)
	}
	l := v.link(nil, n.url)
	answer, err := l.Exchange(t.Context(), v.request(pack))
	if err != nil || code(t, answer) != codeOK {
		t.Fatalf("% x, %v", answer, err)
	}
	verdicts, err := d.state.Verdicts(chain, 0)
	if err != nil {
		t.Fatal(err)
	}
	var bad []uint64
	for _, x := range verdicts {
		bad = append(bad, x.Seq)
		if x.Outcome != change.Quarantined || x.Reason == "" {
			t.Errorf("entry %d: outcome %d, %q", x.Seq, x.Outcome, x.Reason)
		}
		if m := text.Parse(x.Reason); m.In(text.ZH) == "" || m.In(text.EN) == m.In(text.ZH) {
			t.Errorf("entry %d: no words for %q", x.Seq, x.Reason)
		}
	}
	if !slices.Equal(bad, []uint64{2, 3, 4, 5, 6, 7, 8, 9, 10}) {
		t.Errorf("quarantined: %v", bad)
	}
	if after, err := d.state.DigestOf(schoolB); err != nil || after.Root() != before.Root() {
		t.Errorf("the other school sees something new: %v", err)
	}
	rows, err := d.state.Summary()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.School == schoolA && (r.Teachers != 2 || r.Quarantined != 9) || r.School == schoolB && (r.Teachers != 0 || r.Quarantined != 0) {
			t.Errorf("counts: %+v", r)
		}
	}
	if answer, err = l.Exchange(t.Context(), v.hello()); err != nil || code(t, answer) != codeOK {
		t.Errorf("afterwards: %v", err)
	}
}

// blind is a registry that has not heard of revocations yet, as a node's that
// lags behind.
type blind struct{ authority.Registry }

func (b blind) Device(id [16]byte) (authority.Device, bool, error) {
	d, ok, err := b.Registry.Device(id)
	d.Revoked = false
	return d, ok, err
}

// A revoked device's push is refused wherever it knocks, also at a node that
// does not know of the revocation yet.
func TestRevokedDeviceIsRefusedByNodesThatLag(t *testing.T) {
	d := newDistrict(t)
	lag := func(c *Config) { c.Registry = blind{c.Registry} }
	leader, follower := d.open(), d.open(lag)
	s := newSchool(d.enrolled(leader, schoolA))
	s.day(t)
	pack, _, err := s.Pack(0)
	if err != nil {
		t.Fatal(err)
	}
	l := s.link(nil, follower.url)
	if _, err := l.Exchange(t.Context(), s.hello()); err != nil {
		t.Fatal(err)
	}
	d.mustDo(state.EncodeRevoke(state.Revoke{Device: s.key.Device(), Now: 1, Account: "op"}))
	before := d.held()
	if _, err := l.Exchange(t.Context(), s.request(pack)); !errors.Is(err, session.ErrRevoked) {
		t.Errorf("forwarded to a leader that knows: %v", err)
	}
	d.lead(follower)
	answer, err := l.Exchange(t.Context(), s.request(pack))
	if err != nil || code(t, answer) != codeRevoked {
		t.Errorf("at a leader that does not know: % x, %v", answer, err)
	}
	if d.held() != before {
		t.Error("something was stored")
	}
}

// late is the registry of a node that knows a device only once it has applied
// all that was committed.
type late struct {
	authority.Registry
	n **node
}

func (l late) Device(id [16]byte) (authority.Device, bool, error) {
	if (*l.n).barriers.Load() == 0 {
		return authority.Device{}, false, nil
	}
	return l.Registry.Device(id)
}

// A leader that has only just become one still finds out who has enrolled.
func TestNewLeaderCatchesUpBeforeItRefuses(t *testing.T) {
	d := newDistrict(t)
	first, follower := d.open(), d.open()
	v := d.enrolled(first, schoolA)
	for name, through := range map[string]func(next *node) *node{
		"itself":    func(next *node) *node { return next },
		"forwarded": func(*node) *node { return follower },
	} {
		var next *node
		next = d.open(func(c *Config) { c.Registry = late{c.Registry, &next} })
		d.lead(next)
		answer, err := v.link(nil, through(next).url).Exchange(t.Context(), v.hello())
		if err != nil || code(t, answer) != codeOK {
			t.Errorf("%s: %v", name, err)
		}
		if next.barriers.Load() != 1 {
			t.Errorf("%s: %d barriers", name, next.barriers.Load())
		}
	}
}
