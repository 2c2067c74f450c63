package drill

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"shangu/installer/stage"
	"shangu/installer/stage/forge"
	"shangu/schema"
	"shangu/sync/change"
)

// poison puts entries that the hub cannot take into the middle of a school's
// queue, as an altered build would.
var poison = Drill{Name: "poison", Holds: []int{2, 6}, Run: runPoison}

// waiting is the part of `hub quarantine list` and `agent quarantine` that the
// drill looks at.
type waiting struct {
	Ref, State, Reason, Note string // Ref at the hub alone
	Entry                    []byte // as it was pushed, at the hub alone
}

func runPoison(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, r, err := b.timeTravel(ctx)
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return o, err
	}
	k, err := newCourier(s, h, "stick")
	if err != nil {
		return o, err
	}
	settled := map[string]string{} // note of what was dropped by ref, "" of what was fixed
	for n := range b.trials(2, 20) {
		pushed := map[string][]byte{} // by ref
		for i := range 2 + r.IntN(2) {
			if err := l.record(ctx, c, 1+r.IntN(3)); err != nil {
				return o, err
			}
			raw, ref, err := forge.Entry(ctx, c, toxic(r, i, n))
			if err != nil {
				return o, err
			}
			pushed[fmt.Sprintf("%s/%x/%d", c.Code, ref.Chain, ref.Seq)] = raw
			o.Trials++
		}
		if err := l.record(ctx, c, 1+r.IntN(3)); err != nil {
			return o, err
		}
		exchange := c.Sync
		if n%2 == 1 { // by stick
			exchange = func(ctx context.Context) error { _, err := k.round(ctx, &o, c); return err }
		}
		if err := exchange(ctx); err != nil {
			return o, err
		}
		if err := held(ctx, s, h, l, c, len(pushed), &o); err != nil {
			return o, err
		}
		var found []waiting
		if err := s.Ask(ctx, &found, "hub", "quarantine", "list", "--dir", h.Dirs[0]); err != nil {
			return o, err
		}
		if len(found) != len(pushed) {
			o.Lose("%d entries wait, %d were pushed", len(found), len(pushed))
		}
		for i, q := range found {
			if !bytes.Equal(q.Entry, pushed[q.Ref]) || q.Reason == "" {
				o.Lose("%s is not kept as it was pushed, or says no reason: %q", q.Ref, q.Reason)
			}
			verb, note := "fix", ""
			if i%2 == 1 || s.Ask(ctx, &struct{}{}, "hub", "quarantine", verb, q.Ref, "--dir", h.Dirs[0]) != nil {
				verb, note = "drop", fmt.Sprintf("核对无此事 %d-%d", n, i)
				if _, err := s.Run(ctx, "hub", "quarantine", verb, q.Ref, "--note", note, "--dir", h.Dirs[0]); err != nil {
					return o, err
				}
			}
			settled[strings.TrimPrefix(q.Ref, c.Code+"/")] = note
		}
		if err := exchange(ctx); err != nil {
			return o, err
		}
		if err := held(ctx, s, h, l, c, 0, &o); err != nil {
			return o, err
		}
		var told []struct{ ID, State, Note string }
		if err := s.Ask(ctx, &told, "agent", "quarantine", "--all", "--dir", c.Dir); err != nil {
			return o, err
		}
		for ref, note := range settled {
			want := "fixed"
			if note != "" {
				want = "dropped"
			}
			i := slices.IndexFunc(told, func(q struct{ ID, State, Note string }) bool { return q.ID == ref })
			if i < 0 || told[i].State != want || told[i].Note != note {
				o.Lose("the school does not see that %s was %s", ref, want)
			}
		}
	}
	fixed := 0
	for _, note := range settled {
		if note == "" {
			fixed++
		}
	}
	if fixed == 0 || fixed == len(settled) {
		o.Lose("%d of %d entries were fixed: the drill tries too little", fixed, len(settled))
	}
	o.Saw = fmt.Sprintf("%d saved sheets around them applied at once; %d fixed and %d dropped, all seen at the school", len(l.saved), fixed, len(settled)-fixed)
	return o, nil
}

// held sees that nothing of a school waits but what is in quarantine, that it
// holds what was saved, and the hub the same.
func held(ctx context.Context, s *stage.Stage, h *stage.Hub, l *ledger, c *stage.School, quarantined int, o *Outcome) error {
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if st.Pending != 0 || st.Quarantined != quarantined {
		o.Lose("%d entries wait, and %d are in quarantine, not %d", st.Pending, st.Quarantined, quarantined)
	}
	here, err := c.Digest(ctx)
	if err != nil {
		return err
	}
	there, err := h.Digest(ctx, 0, c.Code)
	if err != nil {
		return err
	}
	if at := here.Differ(there); at != "" {
		o.Lose("the school and the hub differ in %s", at)
	}
	return l.check(ctx, s, c, o)
}

// toxic is an entry that the hub must not take. The first of a queue can be
// fixed as it is.
func toxic(r *rand.Rand, i, n int) change.Entry {
	e := change.Entry{Account: strings.Repeat("x", change.MaxAccount+1+r.IntN(99)), Kind: schema.KindTeacher, ID: fmt.Sprintf("T-%d-%d", n, i)}
	e.Fields = []change.Field{{Key: schema.Key{Num: schema.TeacherName}, Value: schema.Str("王")}}
	if i == 0 {
		return e
	}
	e.Account = "li"
	switch r.IntN(3) {
	case 0: // another school's
		e.Scope = secondSchool
	case 1: // a text where a number belongs
		e.Kind, e.Fields[0] = schema.KindTraining, change.Field{Key: schema.Key{Num: schema.TrainingHours}, Value: schema.Str("many")}
	case 2: // more fields than the hub takes
		e.Kind, e.Fields = schema.Kind(900), nil
		for f := range change.MaxFields + 1 {
			e.Fields = append(e.Fields, change.Field{Key: schema.Key{Num: schema.FieldNum(f + 1)}, Value: schema.Int(1)})
		}
	}
	return e
}
