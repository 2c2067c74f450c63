package register_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"shangu/agent/card"
	"shangu/agent/register"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/session"
)

const (
	home  = "2199109015"
	other = "2026/二年级（1）班"
)

// meet is what the hub does with what computers of a school wrote into a report, in the
// order in which it hears of it: one document, and a card for each value that lost.
func meet(t *testing.T, id string, order ...*school) (*change.Doc, []*change.Doc) {
	t.Helper()
	var doc *change.Doc
	var cards []*change.Doc
	for _, c := range order {
		chain, entries, err := c.s.Written(schema.KindReport, id)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		var losses []change.Loss
		doc, losses = change.Merge(doc, entries[0], change.Author{Chain: chain, Role: schema.RoleHost})
		doc.Scope = home
		for _, l := range losses {
			d := &change.Doc{Scope: home, Kind: schema.KindCard, ID: fmt.Sprintf("%x/%d/%d/%s", l.Lost.Version.Chain, l.Lost.Version.Seq, l.Key.Num, l.Key.Sub)}
			for _, f := range []struct {
				n schema.FieldNum
				v schema.Value
			}{
				{schema.CardKind, schema.Int(int64(schema.KindReport))}, {schema.CardDoc, schema.Str(id)},
				{schema.CardField, schema.List(schema.Int(int64(l.Key.Num)), schema.Str(l.Key.Sub))},
				{schema.CardLost, schema.Bin(string(l.Lost.Value))}, {schema.CardLostBy, schema.Str(l.Lost.By)}, {schema.CardLostAt, schema.Int(l.Lost.At)},
				{schema.CardKept, schema.Bin(string(l.Kept.Value))}, {schema.CardKeptBy, schema.Str(l.Kept.By)}, {schema.CardKeptAt, schema.Int(l.Kept.At)},
			} {
				d.Cells = append(d.Cells, change.Cell{Key: schema.Key{Num: f.n}, Value: f.v, Version: change.Ref{Chain: chain, Seq: entries[0].Seq}, Role: schema.RoleDistrict})
			}
			slices.SortFunc(d.Cells, func(a, b change.Cell) int { return a.Key.Compare(b.Key) })
			cards = append(cards, d)
		}
	}
	return doc, cards
}

// Two computers freeze the same month while neither hears of the other, with other
// rolls and other classes. Whichever the hub hears of first, one of the two reports
// stands on both, whole and borne out by its digest; what the other had is on one card that
// names both, and cannot be taken piece by piece. A correction sheet settles the figures.
func TestTwoComputersFreezeAMonth(t *testing.T) {
	for _, extra := range []string{"one has a class more", "the other has a class more", "both have the same classes"} {
		t.Run(extra, func(t *testing.T) {
			var pair [2]*school
			var froze [2]*register.Report
			for i := range pair {
				at := time.Unix(int64(today)*86400+int64(i)*3600, 0) // the second is an hour later
				st, err := store.Open(t.TempDir(), store.Options{Device: [16]byte{byte(i + 1)}, Told: func() time.Time { return at }})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { st.Close() })
				if err := st.SetHome(home); err != nil {
					t.Fatal(err)
				}
				c := newComputer(t, st)
				pair[i] = c
				c.term()
				if i == 0 && extra == "one has a class more" || i == 1 && extra == "the other has a class more" {
					c.save(storetest.Edit(schema.KindClass, other, schema.ClassName, other[5:]), storetest.Edit(schema.KindPupil, storetest.Pupil(9), schema.PupilName, "李9"), storetest.Place(9, other, october))
				}
				if i == 1 {
					c.roll(monday+2, schema.SessionAM, 0, 6)
				}
				if froze[i], err = c.desk.Freeze(t.Context(), []string{"李校长", "王校长"}[i], october, today); err != nil || !froze[i].Sound {
					t.Fatalf("%+v, %v", froze[i], err)
				}
			}
			if froze[0].Digest == froze[1].Digest {
				t.Fatal("they froze the same figures")
			}
			doc, cards := meet(t, froze[0].ID, pair[0], pair[1])
			back, _ := meet(t, froze[0].ID, pair[1], pair[0])
			if a, b := doc.Value(schema.ReportDigest), back.Value(schema.ReportDigest); a != b {
				t.Fatalf("which one stands hangs on who was heard first: %v, %v", a, b)
			}
			if len(cards) == 0 {
				t.Fatal("nobody is told")
			}
			for i, c := range pair {
				if err := c.s.Absorb(session.Delta{Docs: append([]*change.Doc{doc}, cards...)}); err != nil {
					t.Fatal(err)
				}
				all, err := c.desk.Reports(october)
				if err != nil || len(all) != 1 {
					t.Fatalf("%+v, %v", all, err)
				}
				won, lost := froze[0], froze[1]
				if all[0].By == lost.By {
					won, lost = lost, won
				}
				if won != froze[1] {
					t.Errorf("computer %d: the earlier one stands", i+1)
				}
				if !all[0].Sound || all[0].Digest != won.Digest || all[0].By != won.By || len(register.Compare(all[0].Figures, won.Figures)) != 0 {
					t.Errorf("computer %d: what stands is neither of the two: sound %v, by %s, digest %x of %x and %x", i+1, all[0].Sound, all[0].By, all[0].Digest[:4], won.Digest[:4], lost.Digest[:4])
				}
				c.told(t, won, lost)
				if changes, _, err := c.desk.Pending(october, today); err != nil || (len(changes) > 0) != (froze[i] == lost) {
					t.Errorf("computer %d: %d figures are other ones, %v", i+1, len(changes), err)
				}
				if froze[i] == lost {
					sheet, err := c.desk.Correct(t.Context(), lost.By, october, today, "两台电脑都定了稿")
					if err != nil || !sheet.Sound || sheet.Digest != lost.Digest {
						t.Errorf("a correction sheet: %+v, %v", sheet, err)
					}
				}
			}
		})
	}
}

// told holds that the card about two reports names both and goes in one step.
func (c *school) told(t *testing.T, won, lost *register.Report) {
	t.Helper()
	desk := card.NewDesk(c.s, c.s, roster.NewBook(c.s, nil))
	groups, _, err := desk.List(true)
	if err != nil || len(groups) != 1 {
		t.Fatalf("%+v, %v", groups, err)
	}
	if about := groups[0].About.In(text.ZH); about != "月报：2026-10" {
		t.Errorf("the card is about %q", about)
	}
	var figures *card.Card
	for i, k := range groups[0].Cards {
		if k.Take {
			t.Errorf("a part of a frozen report can be taken: %s", k.Field.In(text.ZH))
		}
		if len(k.Lost.Value.ZH) > 80 || len(k.Kept.Value.ZH) > 80 {
			t.Errorf("that is nothing to read: %q", k.Lost.Value.ZH)
		}
		if k.Field.In(text.ZH) == "定稿的数字" {
			if figures != nil {
				t.Error("two cards of the same figures")
			}
			figures = &groups[0].Cards[i]
		}
	}
	if figures == nil {
		t.Fatalf("no card of the figures: %+v", groups[0].Cards)
	}
	if figures.Kept.By != won.By || figures.Lost.By != lost.By || figures.Kept.Value.ZH != fmt.Sprintf("校验值 %x…", won.Digest[:4]) || figures.Lost.Value.ZH != fmt.Sprintf("校验值 %x…", lost.Digest[:4]) {
		t.Errorf("%+v", figures)
	}
	if err := desk.Settle(t.Context(), "王", figures.ID, true); text.Of(err) == nil || text.Of(err).ID() != "card.frozen" {
		t.Errorf("a frozen report was changed: %v", err)
	}
	for _, k := range groups[0].Cards {
		if err := desk.Settle(t.Context(), "王", k.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.s.Status().Conflicts; n != 0 {
		t.Errorf("%d cards wait still, and nobody sees them", n)
	}
}
