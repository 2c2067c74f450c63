package frame_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/frame/frametest"
)

// Golden vectors say what bytes of a format version mean, for good. This flag
// writes those that are missing and never touches one that is there.
var writeGolden = flag.Bool("golden", false, "write golden vectors that are missing")

// vector is one golden file. Bytes are in hex.
type vector struct {
	About   string   `json:"about"`
	Chain   string   `json:"chain"`
	First   uint64   `json:"first"`            // seq of the first entry
	Prev    string   `json:"prev"`             // hash of the tip before it
	Before  string   `json:"before,omitempty"` // table before the pack
	Entries []string `json:"entries"`          // canonical bytes
	Docs    []string `json:"docs"`             // the documents that they make, each entry merged alone
	Pack    string   `json:"pack"`
	After   string   `json:"after"` // table after the pack
	Tip     string   `json:"tip"`   // hash of the tip after it
	Joined  string   `json:"joined"`
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGoldenVectorsStillMeanTheSame(t *testing.T) {
	dir := filepath.Join("testdata", "v1")
	if *writeGolden {
		for name, v := range vectors(t) {
			file := filepath.Join(dir, name+".golden")
			if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			b, err := json.MarshalIndent(v, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.golden"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d golden vectors (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			v.check(t)
		})
	}
}

func (v vector) check(t *testing.T) {
	chain := change.ChainID(unhex(t, v.Chain))
	tip := frame.Tip{Seq: v.First - 1, Hash: [32]byte(unhex(t, v.Prev))}
	table := frame.NewTable()
	if v.Before != "" {
		if err := table.UnmarshalBinary(unhex(t, v.Before)); err != nil {
			t.Fatal(err)
		}
	}
	before, observed := table.Clone(), table.Clone()
	pack := unhex(t, v.Pack)
	u, err := frame.Unpack(pack, table, chain)
	if err != nil {
		t.Fatal(err)
	}
	if u.Head.First != v.First || u.Head.Prev != [8]byte(tip.Hash[:8]) || len(u.Bytes) != len(v.Entries) {
		t.Fatalf("head %+v", u.Head)
	}
	if got := marshal(t, table); hex.EncodeToString(got) != v.After {
		t.Errorf("table after the pack: %x", got)
	}
	joined, err := frame.ExpandDocs(unhex(t, v.Joined), 1<<20)
	if err != nil || len(joined) != len(v.Docs) {
		t.Fatalf("%d documents (%v)", len(joined), err)
	}
	for i, want := range v.Entries {
		raw := unhex(t, want)
		if !bytes.Equal(u.Bytes[i], raw) {
			t.Errorf("entry %d from the pack: %x, want %s", i, u.Bytes[i], want)
		}
		e, err := frame.DecodeEntry(raw, chain)
		if err != nil {
			t.Fatal(err)
		}
		if got := frame.AppendEntry(nil, chain, e); !bytes.Equal(got, raw) {
			t.Errorf("entry %d encodes as %x, want %s", i, got, want)
		}
		observed.Observe(e)
		tip = tip.Next(raw)
		d, _ := change.Merge(nil, e, change.Author{Chain: chain, Role: schema.RoleHost})
		if got := hex.EncodeToString(frame.AppendDoc(nil, d)); got != v.Docs[i] {
			t.Errorf("document %d encodes as %s, want %s", i, got, v.Docs[i])
		}
		if got := hex.EncodeToString(joined[i]); got != v.Docs[i] {
			t.Errorf("document %d of those joined: %s, want %s", i, got, v.Docs[i])
		}
		if d, err = frame.DecodeDoc(joined[i]); err != nil || hex.EncodeToString(frame.AppendDoc(nil, d)) != v.Docs[i] {
			t.Errorf("document %d does not survive decoding (%v)", i, err)
		}
	}
	if got := hex.EncodeToString(tip.Hash[:]); got != v.Tip {
		t.Errorf("tip %s, want %s", got, v.Tip)
	}
	if got := marshal(t, observed); hex.EncodeToString(got) != v.After {
		t.Errorf("table after observing: %x", got)
	}
	// What this build writes is the same too, unless the compressor had a say.
	if pack[1] == 1 {
		prev := frame.Tip{Seq: v.First - 1, Hash: [32]byte(unhex(t, v.Prev))}
		if got, err := frame.PackEntries(before, chain, prev, u.Entries); err != nil || !bytes.Equal(got, pack) {
			t.Errorf("packs as %x (%v)", got, err)
		}
	}
}

// vectors makes the golden vectors of version 1.
func vectors(t *testing.T) map[string]vector {
	s := schooltest.New(7, schooltest.Shape{Classes: 2, Pupils: 16, Teachers: 3})
	w := frametest.NewWriter([16]byte{7}, [16]byte{8}, "教务王老师")
	days := s.Term(7, schooltest.SchoolDays(3), schooltest.Plan{Exceptions: 20, Visits: 2, Trainings: 2})
	w.Boot(days[0].Start - 3600_000)
	out := map[string]vector{}
	table := frame.NewTable()
	tip := frame.Genesis(w.Chain)
	add := func(name, about string, entries []*change.Entry) {
		v := vector{About: about, Chain: hex.EncodeToString(w.Chain[:]), First: tip.Seq + 1, Prev: hex.EncodeToString(tip.Hash[:])}
		if tip.Seq > 0 {
			v.Before = hex.EncodeToString(marshal(t, table))
		}
		pack, err := frame.PackEntries(table, w.Chain, tip, entries)
		if err != nil {
			t.Fatal(err)
		}
		var docs [][]byte
		for _, e := range entries {
			raw := frame.AppendEntry(nil, w.Chain, e)
			tip = tip.Next(raw)
			v.Entries = append(v.Entries, hex.EncodeToString(raw))
			d, _ := change.Merge(nil, e, change.Author{Chain: w.Chain, Role: schema.RoleHost})
			docs = append(docs, frame.AppendDoc(nil, d))
			v.Docs = append(v.Docs, hex.EncodeToString(docs[len(docs)-1]))
		}
		v.Pack, v.After, v.Tip = hex.EncodeToString(pack), hex.EncodeToString(marshal(t, table)), hex.EncodeToString(tip.Hash[:])
		v.Joined = hex.EncodeToString(frame.CompressDocs(docs))
		out[name] = v
	}
	add("roster", "teachers, classes, pupils and enrolments of a new chain; texts compressed with dictionary 1", w.Roster(s, days[0].Start-3500_000))
	add("first-day", "the first day: who takes the rolls is new", w.Day(&days[0]))
	add("second-day", "a day that is mostly foreseen, after a new start", w.Day(&days[1]))
	sheet := w.Sheet(&days[2].Sheets[0])
	add("one-sheet", "a single roll", []*change.Entry{sheet})
	add("correction", "a mark changed on top of the own chain's version, another on top of a foreign one", []*change.Entry{
		correct(w, days[2].Start, sheet.ID, "G990109201901210017", change.Ref{}),
		correct(w, days[2].Start+60_000, sheet.ID, "G990109201901210017", change.Ref{}),
		correct(w, days[2].Start+120_000, sheet.ID, "G99010920140113824X", change.Ref{Chain: change.ChainID{0xee}, Seq: 12}),
	})
	newer := w.Save(days[2].Start+180_000, 999, "doc of a newer peer", []change.Field{{Key: schema.Key{Num: 7, Sub: "x"}, Value: schema.List(schema.Int(-1), schema.Bin("\x00\xff"))}})
	newer.Extra = string(schema.Int(5)) + string(schema.Str("extra"))
	add("newer-peer", "an unknown kind, with values appended that this version does not know", []*change.Entry{newer})
	return out
}

// correct marks one pupil sick, based on the own version unless another is given.
func correct(w *frametest.Writer, at int64, sheet, pupil string, base change.Ref) *change.Entry {
	v := schema.Mark{Status: schema.StatusSick, Symptom: 1}.Encode()
	e := w.Save(at, schema.KindSheet, sheet, []change.Field{{Key: schema.Key{Num: schema.SheetMark, Sub: pupil}, Value: v}})
	if !base.IsZero() {
		e.Fields[0].Base = base
	}
	return e
}
