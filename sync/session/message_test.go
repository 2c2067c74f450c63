package session

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

func genBytes(t *rapid.T, name string, lens ...int) []byte {
	n := rapid.SampledFrom(lens).Draw(t, name+" length")
	if n == 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name)
}

func genRequest(t *rapid.T) request {
	q := request{
		beat: Heartbeat{
			At: rapid.Int64Range(-1<<40, 1<<40).Draw(t, "at"), Boot: rapid.Uint32().Draw(t, "boot"),
			Up: rapid.Int64Range(0, 1<<40).Draw(t, "up"), Pending: uint64(rapid.Int64Range(0, 1<<50).Draw(t, "pending")),
			Failure: rapid.StringN(0, 20, 60).Draw(t, "failure"), DiskFree: uint64(rapid.Uint32().Draw(t, "disk")),
			Version: rapid.StringN(0, 8, 16).Draw(t, "version"),
		},
		chain: genBytes(t, "chain", 0, 8), epoch: genBytes(t, "epoch", 0, 16),
		confirmed: uint64(rapid.Int64Range(0, 1<<60).Draw(t, "confirmed")), cursor: uint64(rapid.Int64Range(0, 1<<60).Draw(t, "cursor")),
		pack: genBytes(t, "pack", 0, 1, 300, 70000),
	}
	if rapid.Bool().Draw(t, "asks") {
		q.ask = ask{rapid.Bool().Draw(t, "buckets"), digest.Bucket{Kind: schema.Kind(rapid.Uint16().Draw(t, "kind")), Month: "2026-09"},
			rapid.Bool().Draw(t, "quiet")}
	}
	return q
}

func genResponse(t *rapid.T) response {
	p := response{
		code: code(rapid.Uint8().Draw(t, "code")), time: rapid.Int64Range(0, 1<<40).Draw(t, "time"),
		cursor: uint64(rapid.Int64Range(0, 1<<60).Draw(t, "cursor")), root: genBytes(t, "root", 0, 8),
		more: rapid.Bool().Draw(t, "more"), docs: genBytes(t, "docs", 0, 20, 3000),
		retry: rapid.Uint32().Draw(t, "retry"), detail: rapid.StringN(0, 30, 90).Draw(t, "detail"),
	}
	if rapid.Bool().Draw(t, "ack") {
		p.ack = &ackPart{fits: rapid.Bool().Draw(t, "fits"), seq: uint64(rapid.Int64Range(0, 1<<60).Draw(t, "seq")), sig: genBytes(t, "sig", 64),
			n: uint64(rapid.Int64Range(0, 1<<60).Draw(t, "record")), age: rapid.Int64Range(-9, 1<<40).Draw(t, "age"), head: genBytes(t, "head", 8)}
		for range rapid.IntRange(0, 3).Draw(t, "verdicts") {
			p.ack.verdicts = append(p.ack.verdicts, Verdict{1, change.Quarantined, rapid.StringN(0, 9, 30).Draw(t, "reason")})
		}
		if !p.ack.fits {
			p.ack.hash, p.ack.nearHash, p.ack.nearSeq = genBytes(t, "hash", 32), genBytes(t, "near", 32), 7
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "gone") {
		p.gone = append(p.gone, DocKey{"2199109001", schema.KindVisit, rapid.StringN(1, 9, 30).Draw(t, "id")})
	}
	if rapid.Bool().Draw(t, "buckets") {
		p.buckets = digest.Set{{Kind: schema.KindSheet, Month: "2026-09"}: {1, 2, 3, 4}, {Kind: schema.KindPupil, Month: schema.NoMonth}: {5}}
	}
	return p
}

func TestRequestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genRequest(t)
		b, err := frame.Marshal(&in)
		if err != nil {
			t.Fatal(err)
		}
		var out request
		if err := frame.Unmarshal(b, &out); err != nil {
			t.Fatalf("%v in %x", err, b)
		}
		if !reflect.DeepEqual(in, out) {
			t.Fatalf("came back as\n%+v, went as\n%+v", out, in)
		}
	})
}

func TestResponseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genResponse(t)
		b, err := frame.Marshal(&in)
		if err != nil {
			t.Fatal(err)
		}
		var out response
		if err := frame.Unmarshal(b, &out); err != nil {
			t.Fatalf("%v in %x", err, b)
		}
		if len(out.buckets) == 0 {
			out.buckets = nil
		}
		if !reflect.DeepEqual(in, out) {
			t.Fatalf("came back as\n%+v, went as\n%+v", out, in)
		}
	})
}

// A newer peer appends fields; an older one leaves fields out. Both are understood.
func TestLongerAndShorterMessages(t *testing.T) {
	in := request{beat: Heartbeat{At: 1, Version: "1"}, chain: bytes.Repeat([]byte{7}, 8), pack: []byte{1}, ask: ask{buckets: true}}
	b, err := frame.Marshal(&in)
	if err != nil {
		t.Fatal(err)
	}
	if b[0] != 0x98 {
		t.Fatalf("a full request has array header %02x, expected 98", b[0])
	}
	longer := append([]byte{0x9a}, b[1:]...)
	longer = append(longer, 0x93, 1, 2, 3, 0xa1, 'x')
	var out request
	if err := frame.Unmarshal(longer, &out); err != nil {
		t.Fatalf("longer request: %v", err)
	}
	if !reflect.DeepEqual(in, out) {
		t.Fatalf("longer request came back as %+v", out)
	}
	short := append([]byte{0x96}, b[1:]...)
	end := bytes.LastIndex(short, []byte{0xc4, 1, 1})
	out = request{}
	if err := frame.Unmarshal(short[:end], &out); err != nil {
		t.Fatalf("shorter request: %v", err)
	}
	if out.pack != nil || out.beat != in.beat {
		t.Fatalf("shorter request came back as %+v", out)
	}
}

// The bytes of version 1 never change: what they decode to and what they are.
func TestGoldenMessages(t *testing.T) {
	messages := map[string]interface{ golden() ([]byte, error) }{
		"request.golden": goldenRequest{request{
			beat:  Heartbeat{At: 1790000000, Boot: 3, Up: 3600, Pending: 25, Failure: "link.reset", DiskFree: 20480, Version: "0.1.0"},
			chain: []byte("01234567"), confirmed: 100, cursor: 4711, pack: []byte("pack bytes"),
		}},
		"response.golden": goldenResponse{response{
			time: 1790000123, cursor: 4712, root: []byte("rootroot"), docs: []byte("documents"),
			ack: &ackPart{fits: true, seq: 125, sig: bytes.Repeat([]byte{0xab}, 64), n: 4711, age: 2, head: []byte("trailhed"), verdicts: []Verdict{{Seq: 101, Outcome: change.Conflict}}},
		}},
		"mismatch.golden": goldenResponse{response{
			time: 1790000123, cursor: 1,
			ack: &ackPart{seq: 90, sig: bytes.Repeat([]byte{0xcd}, 64), n: 4000, age: 86400, head: []byte("trailhed"), hash: bytes.Repeat([]byte{1}, 32), nearSeq: 80, nearHash: bytes.Repeat([]byte{2}, 32)},
		}},
	}
	for name, m := range messages {
		got, err := m.golden()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "v1", name)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(got) != strings.TrimSpace(string(want)) {
			t.Errorf("%s: bytes of version 1 changed:\n%x", path, got)
		}
	}
}

type goldenRequest struct{ request }

func (g goldenRequest) golden() ([]byte, error) { return frame.Marshal(&g.request) }

type goldenResponse struct{ response }

func (g goldenResponse) golden() ([]byte, error) { return frame.Marshal(&g.response) }

func TestReceiptSignature(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	cluster := [16]byte{1}
	r := Receipt{Chain: change.ChainID{2}, Tip: frame.Tip{Seq: 9, Hash: [32]byte{3}}, Place: Place{N: 7, Time: 1790000000, Head: [8]byte{8}}}
	r.Sign(key, cluster)
	if !r.Verify(pub, cluster) {
		t.Fatal("own receipt does not verify")
	}
	for name, f := range map[string]func(*Receipt){
		"chain": func(r *Receipt) { r.Chain[0]++ },
		"seq":   func(r *Receipt) { r.Tip.Seq++ },
		"hash":  func(r *Receipt) { r.Tip.Hash[31]++ },
		"time":  func(r *Receipt) { r.Time++ },
		"place": func(r *Receipt) { r.N++ },
		"head":  func(r *Receipt) { r.Head[7]++ },
		"sig":   func(r *Receipt) { r.Sig = append([]byte{r.Sig[0] + 1}, r.Sig[1:]...) },
	} {
		x := r
		f(&x)
		if x.Verify(pub, cluster) {
			t.Errorf("a receipt with another %s verifies", name)
		}
	}
	if r.Verify(pub, [16]byte{9}) || r.Verify(nil, cluster) {
		t.Error("a receipt of another district verifies")
	}
}

func TestCodesReturnTheirErrors(t *testing.T) {
	for _, c := range codeErrors {
		if got := codeOf(c.err).err("why"); !errors.Is(got, c.err) {
			t.Errorf("%v travels as %v", c.err, got)
		}
	}
	if got := codeOf(frame.ErrLimit).err("too large"); !errors.Is(got, ErrRefused) || !strings.Contains(got.Error(), "too large") {
		t.Errorf("a limit travels as %v", got)
	}
}

func FuzzRequest(f *testing.F) {
	for _, q := range []request{{}, {pack: []byte{1, 2}, chain: []byte("01234567")}, {ask: ask{buckets: true}, epoch: make([]byte, 16)}} {
		b, err := frame.Marshal(&q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var q request
		if frame.Unmarshal(b, &q) != nil {
			return
		}
		again, err := frame.Marshal(&q)
		if err != nil {
			t.Fatal(err)
		}
		var q2 request
		if err := frame.Unmarshal(again, &q2); err != nil {
			t.Fatalf("what was understood is not understood again: %v", err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, p := range []response{{}, {detail: "x"}, {buckets: digest.Set{{Kind: 1}: {1}}}, {ack: &ackPart{fits: true, sig: make([]byte, 64), head: make([]byte, 8)}}} {
		b, err := frame.Marshal(&p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x97, 1, 0, 0, 0xdd, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p response
		if frame.Unmarshal(b, &p) != nil {
			return
		}
		again, err := frame.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		var p2 response
		if err := frame.Unmarshal(again, &p2); err != nil {
			t.Fatalf("what was understood is not understood again: %v", err)
		}
		if docs, err := expand(p.docs); err == nil && len(docs) > len(b)*1000 {
			t.Fatalf("%d documents out of %d bytes", len(docs), len(b))
		}
	})
}

// Long words in a heartbeat are cut, not refused: what they come with matters more.
func TestLongWordsAreCut(t *testing.T) {
	in := request{beat: Heartbeat{Failure: strings.Repeat("长", 1000), Version: strings.Repeat("v", 1000)}, chain: make([]byte, 8)}
	b, err := frame.Marshal(&in)
	if err != nil {
		t.Fatal(err)
	}
	var out request
	if err := frame.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if out.beat.Failure != strings.Repeat("长", maxWord/3) || out.beat.Version != strings.Repeat("v", maxWord) {
		t.Errorf("%d and %d bytes", len(out.beat.Failure), len(out.beat.Version))
	}
}
