package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/session"
)

const hubNow = 1_800_000_000

var clusterID = [16]byte{1, 2, 3}

// Schools of the tests; codes of made-up schools.
const (
	schoolA = "2199109011"
	schoolB = "2199109012"
	schoolC = "2199109001"
)

// pen writes entries as an agent does: it keeps the chain's tip and table.
type pen struct {
	device [16]byte
	school string
	epoch  [16]byte
	chain  change.ChainID
	tip    frame.Tip // end of what was packed
	table  *frame.Table
	seq    uint64
	wait   []*change.Entry
}

func newPen(school string, n int) *pen {
	p := &pen{school: school, table: frame.NewTable()}
	d := sha256.Sum256(fmt.Appendf(nil, "device %s %d", school, n))
	e := sha256.Sum256(fmt.Appendf(nil, "epoch %s %d", school, n))
	p.device, p.epoch = [16]byte(d[:16]), [16]byte(e[:16])
	p.chain = frame.ChainOf(p.device, p.epoch)
	p.tip = frame.Genesis(p.chain)
	return p
}

func (p *pen) caller() session.Caller { return session.Caller{Device: p.device, School: p.school} }

// save adds an entry to what waits.
func (p *pen) save(scope string, k schema.Kind, id string, fields ...change.Field) change.Ref {
	p.seq++
	p.wait = append(p.wait, &change.Entry{
		Seq: p.seq, At: hubNow - 1000 + int64(p.seq), Boot: 1, Up: int64(p.seq), Account: "li", Scope: scope, Kind: k, ID: id, Fields: fields,
	})
	return change.Ref{Chain: p.chain, Seq: p.seq}
}

// push packs all that waits.
func (p *pen) push(t testing.TB) session.Push {
	t.Helper()
	pack, err := frame.PackEntries(p.table, p.chain, p.tip, p.wait)
	if err != nil {
		t.Fatal(err)
	}
	out := session.Push{
		Caller: p.caller(), Chain: p.chain, Epoch: p.epoch, Pack: pack, Confirmed: p.tip.Seq, Pending: uint64(len(p.wait)),
		Clock: change.Clock{Hub: hubNow, At: hubNow - 60, Boot: 1, Up: 5000},
	}
	for _, e := range p.wait {
		p.tip = p.tip.Next(frame.AppendEntry(nil, p.chain, e))
	}
	p.wait = nil
	return out
}

func set(n schema.FieldNum, v schema.Value, base ...change.Ref) change.Field {
	f := change.Field{Key: schema.Key{Num: n}, Value: v}
	if len(base) > 0 {
		f.Base = base[0]
	}
	return f
}

func mark(pupil string, status schema.Status) change.Field {
	return change.Field{Key: schema.Key{Num: schema.SheetMark, Sub: pupil}, Value: schema.Mark{Status: status}.Encode()}
}

// day saves one school day of a term.
func (p *pen) day(d *schooltest.Day) {
	for i := range d.Sheets {
		s := &d.Sheets[i]
		id := schema.SheetID{Date: s.Date, Session: s.Session, Class: schema.ClassID(schooltest.Year, s.Class)}
		fields := []change.Field{
			set(schema.SheetState, schema.Int(schema.SheetTaken)),
			set(schema.SheetTaker, schema.Str(s.Taker)),
			set(schema.SheetRoll, schema.Int(int64(s.Roll))),
		}
		for _, m := range s.Marks {
			fields = append(fields, change.Field{
				Key:   schema.Key{Num: schema.SheetMark, Sub: m.Pupil},
				Value: schema.Mark{Status: schema.Status(m.Status), Minutes: m.Minutes, Symptom: schema.Symptom(m.Symptom)}.Encode(),
			})
		}
		p.save("", schema.KindSheet, id.String(), sortFields(fields)...)
	}
	for i := range d.Trainings {
		r := &d.Trainings[i]
		p.save("", schema.KindTraining, fmt.Sprintf("%x-%d", p.epoch[:4], p.seq+1),
			set(schema.TrainingTeacher, schema.Str(r.Teacher)), set(schema.TrainingDate, schema.Int(int64(r.Date))),
			set(schema.TrainingProgramme, schema.Str(r.Programme)), set(schema.TrainingTitle, schema.Str(r.Title)),
			set(schema.TrainingHours, schema.Int(int64(r.Hours))))
	}
	for i := range d.Visits {
		r := &d.Visits[i]
		p.save("", schema.KindVisit, fmt.Sprintf("%x-%d", p.epoch[:4], p.seq+1), visit(r.Date, r.Helper, r.Topic)...)
	}
}

func visit(date schema.Date, helper, topic string) []change.Field {
	return []change.Field{
		set(schema.VisitDate, schema.Int(int64(date))), set(schema.VisitHelper, schema.Str(helper)),
		set(schema.VisitKind, schema.Int(1)), set(schema.VisitTopic, schema.Str(topic)),
	}
}

func sortFields(fs []change.Field) []change.Field {
	for i := range fs {
		for j := i; j > 0 && fs[j].Key.Compare(fs[j-1].Key) < 0; j-- {
			fs[j], fs[j-1] = fs[j-1], fs[j]
		}
	}
	return fs
}

// raftLog numbers commands.
type raftLog struct{ entries []LogEntry }

func (l *raftLog) add(cmds ...[]byte) {
	for _, c := range cmds {
		// Raft's own entries take numbers too.
		l.entries = append(l.entries, LogEntry{Index: uint64(2*len(l.entries) + 3), Term: 1 + uint64(len(l.entries)/10), Data: c})
	}
}

func schoolChange(code, name string) Change {
	return Change{Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: code, Latest: true, Fields: []change.Field{
		set(schema.SchoolName, schema.Str(name)),
		set(schema.SchoolCategory, schema.Str("小学")),
		set(schema.SchoolTownship, schema.Str("双溪镇")),
	}}
}

// begin is the log of a new district with schools A, B and C.
func (l *raftLog) begin(pens ...*pen) {
	l.add(EncodeInit(Init{Cluster: clusterID, Name: "云岭区"}),
		EncodeAuthor(Author{"admin", hubNow - 5000, []Change{
			schoolChange(schoolA, "甲"), schoolChange(schoolB, "乙"), schoolChange(schoolC, "丙"),
			{Scope: schema.DistrictScope, Kind: schema.KindCalendar, ID: "2026", Latest: true, Fields: []change.Field{
				{Key: schema.Key{Num: schema.CalendarDay, Sub: "2026-09-01"}, Value: schema.Int(1)},
			}},
		}}))
	for _, p := range pens {
		hash := sha256.Sum256(p.device[:])
		l.add(
			EncodeToken(IssueToken{Hash: hash, School: p.school, Role: TokenSchool, Now: hubNow - 4000, Expires: hubNow, Account: "admin"}),
			EncodeEnrol(Enrol{Hash: hash, Role: TokenSchool, Device: p.device, Certificate: []byte("certificate"), Now: hubNow - 3000}),
		)
	}
}

func open(t testing.TB) *State {
	t.Helper()
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (s *State) must(t testing.TB, entries ...LogEntry) [][]byte {
	t.Helper()
	r, err := s.ApplyBatch(entries)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// commit adds a command to the log and applies it.
func (l *raftLog) commit(t testing.TB, s *State, cmd []byte) []byte {
	t.Helper()
	l.add(cmd)
	return s.must(t, l.entries[len(l.entries)-1])[0]
}

// ingest commits one push and returns its acknowledgement.
func (l *raftLog) ingest(t testing.TB, s *State, p session.Push) (session.Ack, error) {
	t.Helper()
	rs, err := DecodeIngest(l.commit(t, s, EncodeIngest(hubNow, []session.Push{p}, nil)))
	if err != nil || len(rs) != 1 {
		t.Fatal(rs, err)
	}
	return rs[0].Ack, rs[0].Err
}

// dump is every key and value.
func dump(t testing.TB, s *State) []byte {
	t.Helper()
	var out []byte
	err := s.view("dump", func(txn *badger.Txn) error {
		return each(txn, nil, func(k, v []byte) error {
			out = binary.AppendUvarint(out, uint64(len(k)))
			out = append(out, k...)
			out = binary.AppendUvarint(out, uint64(len(v)))
			out = append(out, v...)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t testing.TB, what string, a, b *State) {
	t.Helper()
	x, y := dump(t, a), dump(t, b)
	if bytes.Equal(x, y) {
		return
	}
	for len(x) > 0 && len(y) > 0 {
		var k, v, k2, v2 []byte
		k, x, _ = cutBytes(x)
		v, x, _ = cutBytes(x)
		k2, y, _ = cutBytes(y)
		v2, y, _ = cutBytes(y)
		if !bytes.Equal(k, k2) || !bytes.Equal(v, v2) {
			t.Fatalf("%s: states differ at %q = %x and %q = %x", what, k, v, k2, v2)
		}
	}
	t.Fatalf("%s: states differ in length: %d and %d left", what, len(x), len(y))
}
