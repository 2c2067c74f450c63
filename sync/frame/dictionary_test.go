package frame_test

import (
	"bytes"
	"cmp"
	"flag"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/frame/frametest"
)

// A new dictionary gets a new number; the old file stays as it is:
//
//	go test ./sync/frame -run TestTrainDictionary -train dictionary/2.dict
var trainTo = flag.String("train", "", "write a newly trained dictionary to this file")

// samples are the texts of packs, and joined documents, of made-up schools.
func samples() (texts [][]byte, docs [][]byte) {
	for seed := range uint64(6) {
		s := schooltest.New(100+seed, schooltest.Shape{Classes: 6, Pupils: 90})
		w := frametest.NewWriter([16]byte{byte(seed)}, [16]byte{9}, "admin")
		dates := schooltest.SchoolDays(40)
		term := s.Term(seed, dates, schooltest.Plan{Exceptions: 500, Visits: 40, Trainings: 40})
		w.Boot(term[0].Start - 86400_000)
		table := frame.NewTable()
		entries := w.Roster(s, term[0].Start-86300_000)
		texts = append(texts, frame.Texts(table, w.Chain, entries))
		for i := range term {
			day := w.Day(&term[i])
			texts = append(texts, frame.Texts(table, w.Chain, day))
			entries = append(entries, day...)
		}
		for _, e := range entries {
			d, _ := change.Merge(nil, e, change.Author{Chain: w.Chain, Role: 1})
			d.Scope = s.Code
			docs = append(docs, frame.AppendDoc(nil, d))
		}
	}
	return texts, docs
}

// phrases returns what comes most often in the samples, the best last, as the
// end of a dictionary is the cheapest to point at. Nothing in it depends on
// the order of a map.
func phrases(samples [][]byte, length, limit int) (out []byte) {
	count := map[string]int{}
	for _, s := range samples {
		seen := map[string]bool{}
		for i := 0; i+length <= len(s); i++ {
			if p := string(s[i : i+length]); !seen[p] {
				seen[p] = true
				count[p]++
			}
		}
	}
	list := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(a, b))
	})
	for _, p := range list {
		if count[p] < 3 || len(out)+length > limit {
			break
		}
		if !bytes.Contains(out, []byte(p)) {
			// Overlap what is there: neighbours in the samples stay together.
			k := length - 1
			for ; k > 0 && !bytes.HasPrefix(out, []byte(p[length-k:])); k-- {
			}
			out = append([]byte(p[:length-k]), out...)
		}
	}
	return out
}

func train() ([]byte, error) {
	texts, docs := samples()
	var joined [][]byte
	for batch := range slices.Chunk(docs, 7) {
		joined = append(joined, slices.Concat(batch...))
	}
	history := slices.Concat(phrases(docs, 12, 4<<10), phrases(texts, 12, 8<<10))
	return zstd.BuildDict(zstd.BuildDictOptions{
		ID: 1, Contents: append(joined, texts...), History: history, Offsets: [3]int{1, 4, 8}, Level: zstd.SpeedBetterCompression,
	})
}

func TestTrainDictionary(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	a, err := train()
	if err != nil {
		t.Fatal(err)
	}
	if *trainTo != "" {
		if err := os.WriteFile(*trainTo, a, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := train()
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("training twice gives %d and %d bytes, not the same (%v)", len(a), len(b), err)
	}
}
