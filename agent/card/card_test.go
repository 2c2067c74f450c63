package card_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"shangu/agent/card"
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
	class = "2026/一年级（2）班"
	pupil = "L990109201609010001"
)

var sheet = schema.SheetID{Date: schema.DateOf(2026, 10, 12), Session: schema.SessionAM, Class: class}

var sick, absent = schema.Mark{Status: schema.StatusSick, Symptom: 1}, schema.Mark{Status: schema.StatusAbsent}

type school struct {
	t    *testing.T
	s    *store.Store
	desk *card.Desk
	n    int
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s := storetest.OpenAs(t, home)
	c := &school{t: t, s: s, desk: card.NewDesk(s, s, roster.NewBook(s, nil))}
	c.save(schema.KindClass, class, schema.Key{Num: schema.ClassName}, schema.Str("一年级（2）班"))
	c.save(schema.KindPupil, pupil, schema.Key{Num: schema.PupilName}, schema.Str("阿依"))
	c.save(schema.KindSheet, sheet.String(), schema.Key{Num: schema.SheetMark, Sub: pupil}, sick.Encode())
	return c
}

func (c *school) save(kind schema.Kind, id string, key schema.Key, v schema.Value) {
	c.t.Helper()
	storetest.Save(c.t, c.s, storetest.Edit(kind, id, key, v))
}

// card is one that the hub made.
func (c *school) card(kind schema.Kind, id string, key schema.Key, kept, lost schema.Value) string {
	c.t.Helper()
	c.n++
	d := &change.Doc{Scope: home, Kind: schema.KindCard, ID: fmt.Sprintf("%032x/%d/%d/%s", 7, c.n, key.Num, key.Sub)}
	for _, f := range []struct {
		n schema.FieldNum
		v schema.Value
	}{
		{schema.CardKind, schema.Int(int64(kind))}, {schema.CardDoc, schema.Str(id)},
		{schema.CardField, schema.List(schema.Int(int64(key.Num)), schema.Str(key.Sub))},
		{schema.CardLost, schema.Bin(string(lost))}, {schema.CardLostBy, schema.Str("李")}, {schema.CardLostAt, schema.Int(1791763200 + int64(c.n))},
		{schema.CardKept, schema.Bin(string(kept))}, {schema.CardKeptBy, schema.Str("王")}, {schema.CardKeptAt, schema.Int(1791763140)},
	} {
		d.Cells = append(d.Cells, change.Cell{Key: schema.Key{Num: f.n}, Value: f.v, Version: change.Ref{Chain: change.ChainID{7}, Seq: uint64(c.n)}, Role: schema.RoleDistrict})
	}
	if err := c.s.Absorb(session.Delta{Docs: []*change.Doc{d}}); err != nil {
		c.t.Fatal(err)
	}
	return d.ID
}

func (c *school) list() []card.Group {
	c.t.Helper()
	groups, _, err := c.desk.List(true)
	if err != nil {
		c.t.Fatal(err)
	}
	return groups
}

func (c *school) value(kind schema.Kind, id string, key schema.Key) schema.Value {
	c.t.Helper()
	d, err := c.s.Doc("", kind, id)
	if err != nil {
		c.t.Fatal(err)
	}
	cell, _ := d.Find(key)
	return cell.Value
}

var mark = schema.Key{Num: schema.SheetMark, Sub: pupil}

func TestACardInPlainWords(t *testing.T) {
	c := newSchool(t)
	c.card(schema.KindSheet, sheet.String(), mark, sick.Encode(), absent.Encode())
	c.card(schema.KindSheet, sheet.String(), schema.Key{Num: schema.SheetTaker}, schema.Str("王"), schema.Nil)
	g := c.list()
	if len(g) != 1 || len(g[0].Cards) != 2 {
		t.Fatalf("%+v", g)
	}
	about := g[0].About.In(text.ZH)
	for _, want := range []string{"一年级（2）班", "2026-10-12", "上午"} {
		if !strings.Contains(about, want) {
			t.Errorf("it is about %q", about)
		}
	}
	k := g[0].Cards[0]
	if f := k.Field.In(text.ZH); !strings.Contains(f, "阿依") || strings.Contains(f, pupil) {
		t.Errorf("the field is %q", f)
	}
	if k.Kept.Value.ZH != "病假（发热）" || k.Lost.Value.ZH != "旷课" || k.Kept.By != "王" || k.Lost.By != "李" || k.Lost.At.Unix() != 1791763201 || !k.Take || k.Now != nil {
		t.Errorf("%+v", k)
	}
	if v := g[0].Cards[1].Lost.Value; v.ZH != "（空）" {
		t.Errorf("nothing is %q", v.ZH)
	}
	// Somebody has changed the mark once more since.
	c.save(schema.KindSheet, sheet.String(), mark, schema.Nil)
	if k := c.list()[0].Cards[0]; k.Now == nil || k.Now.ZH != "出勤" {
		t.Errorf("what it is now: %+v", k.Now)
	}
}

func TestSettling(t *testing.T) {
	c := newSchool(t)
	keep := c.card(schema.KindSheet, sheet.String(), mark, sick.Encode(), absent.Encode())
	if err := c.desk.Settle(t.Context(), "张", keep, false); err != nil {
		t.Fatal(err)
	}
	if len(c.list()) != 0 || c.value(schema.KindSheet, sheet.String(), mark) != sick.Encode() || c.s.Status().Conflicts != 0 {
		t.Error("kept, and yet not as it was")
	}
	before := c.s.Status().Tip
	if err := c.desk.Settle(t.Context(), "张", keep, false); err != nil || c.s.Status().Tip != before {
		t.Errorf("pressed twice: %v", err)
	}
	if err := c.desk.Settle(t.Context(), "张", keep, true); !errors.Is(err, card.ErrGone) || c.value(schema.KindSheet, sheet.String(), mark) != sick.Encode() {
		t.Errorf("decided otherwise: %v", err)
	}

	take := c.card(schema.KindSheet, sheet.String(), mark, sick.Encode(), absent.Encode())
	if err := c.desk.Settle(t.Context(), "张", take, true); err != nil {
		t.Fatal(err)
	}
	if got := c.value(schema.KindSheet, sheet.String(), mark); got != absent.Encode() || len(c.list()) != 0 {
		t.Errorf("taken, and it is %q", got)
	}
	if by := c.value(schema.KindCard, take, schema.Key{Num: schema.CardSettler}); by.Text() != "张" {
		t.Errorf("settled by %q", by.Text())
	}
	if err := c.desk.Settle(t.Context(), "张", "none", true); !errors.Is(err, card.ErrGone) {
		t.Errorf("a card that is not there: %v", err)
	}
}

// What the district or the helper school writes is not taken from here, nor what
// breaks a rule or names nothing.
func TestWhatIsNotOursToTake(t *testing.T) {
	c := newSchool(t)
	for what, id := range map[string]string{
		"the helper's":   c.card(schema.KindVisit, "v", schema.Key{Num: schema.VisitHelperNote}, schema.Str("a"), schema.Str("b")),
		"the district's": c.card(schema.KindSchool, home, schema.Key{Num: schema.SchoolName}, schema.Str("a"), schema.Str("b")),
		"nonsense":       c.card(schema.KindSheet, sheet.String(), mark, sick.Encode(), schema.Str("x")),
		"no record":      c.card(schema.KindPupil, "L990109201609019999", schema.Key{Num: schema.PupilName}, schema.Str("a"), schema.Str("b")),
		"nothing":        c.card(0, "", schema.Key{}, schema.Nil, schema.Nil),
	} {
		if err := c.desk.Settle(t.Context(), "张", id, true); err == nil {
			t.Errorf("%s was taken", what)
		}
		if err := c.desk.Settle(t.Context(), "张", id, false); err != nil {
			t.Errorf("%s was not kept: %v", what, err)
		}
	}
	if len(c.list()) != 0 {
		t.Error("some are still there")
	}
}

func TestGuardedFieldsAreForWhoNeedsThem(t *testing.T) {
	c := newSchool(t)
	c.card(schema.KindPupil, pupil, schema.Key{Num: schema.PupilDisability}, schema.Bool(true), schema.Nil)
	if groups, hidden, err := c.desk.List(false); err != nil || len(groups) != 0 || hidden != 1 {
		t.Errorf("%+v, %d hidden, %v", groups, hidden, err)
	}
	if len(c.list()) != 1 {
		t.Error("nobody sees it")
	}
}
