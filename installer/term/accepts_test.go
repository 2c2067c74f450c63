package term

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"shangu/agent/store"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/session"
)

// What an agent saves, the hub applies: an entry that the hub would put into
// quarantine for its size, its names or its number of fields is refused or
// split before anybody is told that it is saved.
func TestTheHubAppliesWhatAnAgentSaves(t *testing.T) {
	const school = "2199109011"
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 9))
			device := [16]byte{1, byte(seed)}
			s, err := store.Open(t.TempDir(), store.Options{Device: device})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.SetHome(school); err != nil {
				t.Fatal(err)
			}
			hub, err := state.Open(t.TempDir(), state.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer hub.Close()
			log := uint64(0)
			apply := func(cmd []byte) []byte {
				t.Helper()
				log++
				out, err := hub.ApplyBatch([]state.LogEntry{{Index: log, Term: 1, Data: cmd}})
				if err != nil {
					t.Fatal(err)
				}
				return out[0]
			}
			now := time.Now().Unix()
			token := sha256.Sum256(device[:])
			apply(state.EncodeInit(state.Init{Cluster: [16]byte{9}, Name: "云岭区"}))
			name := func(n schema.FieldNum, v string) change.Field {
				return change.Field{Key: schema.Key{Num: n}, Value: schema.Str(v)}
			}
			apply(state.EncodeAuthor(state.Author{Account: "admin", Now: now, Changes: []state.Change{{
				Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: school, Latest: true,
				Fields: []change.Field{name(schema.SchoolName, "甲"), name(schema.SchoolCategory, "小学"), name(schema.SchoolTownship, "双溪镇")},
			}}}))
			apply(state.EncodeToken(state.IssueToken{Hash: token, School: school, Role: state.TokenSchool, Now: now, Expires: now + 100}))
			apply(state.EncodeEnrol(state.Enrol{Hash: token, Role: state.TokenSchool, Device: device, Certificate: []byte("c"), Now: now}))

			saved, refused, pieces := 0, 0, 0
			for range 150 {
				account, edit := anyEdit(r)
				did, err := s.Save(context.Background(), account, []store.Edit{edit})
				switch {
				case errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrTooLarge):
					if refused++; err.Error() == "" {
						t.Errorf("refused without a word: %+v", err)
					}
				case err != nil:
					t.Fatal(err)
				default:
					saved++
					if did.Entries > 1 {
						pieces++
					}
				}
			}
			chain, epoch := s.Chain()
			for {
				at := s.Confirmed()
				pack, _, err := s.Pack(64 << 10)
				if err != nil {
					t.Fatal(err)
				}
				if pack == nil {
					break
				}
				push := session.Push{Caller: session.Caller{Device: device, School: school}, Chain: chain, Epoch: epoch, Pack: pack, Confirmed: at.Seq}
				rs, err := state.DecodeIngest(apply(state.EncodeIngest(now, []session.Push{push}, nil)))
				if err != nil || rs[0].Err != nil || !rs[0].Ack.Fits {
					t.Fatalf("a pack of %d bytes was not taken: %v %v, %v", len(pack), rs[0].Err, rs[0].Ack.Fits, err)
				}
				for _, v := range rs[0].Ack.Verdicts {
					t.Errorf("entry %d: %v %s", v.Seq, v.Outcome, v.Reason)
				}
				if err := s.Confirm(session.Receipt{Chain: chain, Tip: rs[0].Ack.Tip, Sig: []byte("s")}, nil, change.Clock{}); err != nil {
					t.Fatal(err)
				}
			}
			if saved == 0 || refused == 0 || pieces == 0 {
				t.Errorf("%d saved, %d in pieces, %d refused: the test tries too little", saved, pieces, refused)
			}
			theirs, err := hub.DigestOf(school)
			ours, err2 := s.Buckets()
			if err = errors.Join(err, err2); err != nil || len(ours) < 3 {
				t.Fatal(len(ours), err)
			}
			for b, sum := range ours {
				if theirs[b] != sum {
					t.Errorf("digests of %v differ", b)
				}
			}
		})
	}
}

// anyEdit is an edit of any size, now and then with something that cannot be taken.
func anyEdit(r *rand.Rand) (account string, e store.Edit) {
	account = strings.Repeat("李", 1+r.IntN(4))
	switch r.IntN(12) {
	case 0:
		account = strings.Repeat("x", 250+r.IntN(12))
	case 1:
		account = "\xff李"
	}
	field := func(n schema.FieldNum, v schema.Value) {
		e.Fields = append(e.Fields, store.FieldEdit{Key: schema.Key{Num: n}, Value: v})
	}
	words := func(most int) schema.Value { return schema.Str(strings.Repeat("长", r.IntN(most))) }
	switch r.IntN(4) {
	case 0, 1: // a roll of any class, most of it marked
		e.Kind = schema.KindSheet
		e.ID = schema.SheetID{Date: schema.DateOf(2026, 9, 1+r.IntN(25)), Session: schema.SessionAM, Class: schema.ClassID(2026, "一年级（1）班")}.String()
		n := r.IntN(900)
		field(schema.SheetState, schema.Int(schema.SheetTaken))
		field(schema.SheetRoll, schema.Int(int64(n)))
		for i := range n {
			e.Fields = append(e.Fields, store.FieldEdit{
				Key:   schema.Key{Num: schema.SheetMark, Sub: fmt.Sprintf("L21991020180901%04d", i)},
				Value: schema.Mark{Status: schema.StatusSick, Symptom: 1}.Encode(),
			})
		}
	case 2: // a visit of many words
		e.Kind, e.ID = schema.KindVisit, fmt.Sprint("v", r.IntN(20))
		for _, f := range schema.Fields(schema.KindVisit) {
			switch {
			case f.Sub != schema.SubNone || schema.Owner(e.Kind, f.Num) != schema.RoleHost:
			case f.Num == schema.VisitHelper:
				field(f.Num, schema.Str("2199109001"))
			case f.Type == schema.TypeDate:
				field(f.Num, schema.Int(20700))
			case f.Type == schema.TypeText:
				field(f.Num, words(int(f.Max)+1+r.IntN(2)))
			case f.Required:
				field(f.Num, schema.Int(1))
			}
		}
	case 3: // of a newer version
		e.Kind, e.ID = 900, strings.Repeat("n", 1+r.IntN(600))
		wide := 1 + r.IntN(270)
		for i := range r.IntN(700) {
			e.Fields = append(e.Fields, store.FieldEdit{Key: schema.Key{Num: 3, Sub: fmt.Sprintf("%0*d", wide, i)}, Value: words(8)})
		}
	}
	return account, e
}
