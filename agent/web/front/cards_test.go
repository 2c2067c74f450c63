package front_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"shangu/agent/account"
	"shangu/agent/card"
	"shangu/agent/web/front"
	"shangu/agent/web/ui"
	"shangu/agent/web/webtest"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/session"
)

// newCard puts a card on a mark of a sheet: present stands, absent lost.
func newCard(s *webtest.School, id string, key schema.Key, lost schema.Value) {
	s.T.Helper()
	sheet := schema.SheetID{Date: schema.DateAt(s.Now), Session: schema.SessionAM, Class: "2026/一年级（2）班"}
	s.Save(webtest.Edit(schema.KindClass, sheet.Class, schema.ClassName, "一年级（2）班"),
		webtest.Edit(schema.KindPupil, "L990109201609010001", schema.PupilName, "阿依"),
		webtest.Edit(schema.KindSheet, sheet.String(), schema.SheetState, schema.SheetTaken))
	cell := func(n schema.FieldNum, v schema.Value) change.Cell {
		return change.Cell{Key: schema.Key{Num: n}, Value: v, Version: change.Ref{Chain: change.ChainID{7}, Seq: 1}, Role: schema.RoleDistrict}
	}
	err := s.Store.Absorb(session.Delta{Docs: []*change.Doc{{Kind: schema.KindCard, ID: id, Cells: []change.Cell{
		cell(schema.CardKind, schema.Int(int64(schema.KindSheet))), cell(schema.CardDoc, schema.Str(sheet.String())),
		cell(schema.CardField, schema.List(schema.Int(int64(key.Num)), schema.Str(key.Sub))),
		cell(schema.CardLost, schema.Bin(string(lost))), cell(schema.CardLostBy, schema.Str("李老师")), cell(schema.CardLostAt, schema.Int(s.Now.Unix())),
		cell(schema.CardKept, schema.Bin("")), cell(schema.CardKeptBy, schema.Str("王老师")), cell(schema.CardKeptAt, schema.Int(s.Now.Unix())),
	}}}})
	if err != nil {
		s.T.Fatal(err)
	}
}

var mark = schema.Key{Num: schema.SheetMark, Sub: "L990109201609010001"}

func TestCardsOnThePage(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	newCard(s, "one", mark, schema.Mark{Status: schema.StatusAbsent}.Encode())
	s.Serve(front.Area(front.Deps{Source: fixed{}, Cards: card.NewDesk(s.Store, s.Store, s.Book)}))
	if p := s.Get("/sync/cards"); p.Code != 303 || p.Location != ui.SignPath {
		t.Errorf("without sign-in: %d %s", p.Code, p.Location)
	}
	s.SignIn(account.Visiting)
	s.Get("/sync/cards").Is(403).Lacks("阿依")
	s.SignIn(account.Clerk)
	s.Get("/sync/cards").Is(200, "一年级（2）班", "2026-10-12 上午", "阿依", "出勤", "旷课", "王老师", "李老师", "保留“出勤”", "改用“旷课”").Lacks(mark.Sub + "<")
	if p := s.Post("/sync/cards", "card", "one", "do", "take"); p.Code != 303 || p.Location != "/sync/cards" {
		t.Errorf("take the other: %d %s", p.Code, p.Body)
	}
	s.Get("/sync/cards").Is(200, `class="empty"`)
	s.Post("/sync/cards", "card", "one", "do", "keep").Is(422, "已经有人处理过")
}

func TestKeepingAllOfARecord(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	newCard(s, "one", mark, schema.Mark{Status: schema.StatusAbsent}.Encode())
	newCard(s, "two", schema.Key{Num: schema.SheetTaker}, schema.Str("李老师"))
	s.Serve(front.Area(front.Deps{Source: fixed{}, Cards: card.NewDesk(s.Store, s.Store, s.Book)}))
	s.SignIn(account.Clerk)
	s.Get("/sync/cards").Is(200, "这 2 项都保留")
	s.Post("/sync/cards", "card", "one", "card", "two", "do", "keep").Is(303)
	s.Get("/sync/cards").Is(200, `class="empty"`)
}

// said is what a district said.
type said struct {
	sheet front.Sheet
	err   error
	held  []front.Held
}

func (s said) Receipts(_ context.Context, d schema.Date) (front.Sheet, error) { return s.sheet, s.err }

func (s said) Held(context.Context) ([]front.Held, error) { return s.held, nil }

func TestReceiptsOnPaper(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	at := time.Date(2026, 10, 12, 3, 4, 0, 0, time.UTC)
	s.Serve(front.Area(front.Deps{Source: fixed{}, Papers: said{sheet: front.Sheet{
		School: "2199109015", Name: "石门沟教学点", Code: "ABCD-EFGH", At: at, Safe: 1, Lines: []front.Line{{
			What: text.New("agent.receipt_sheet_am", "class", "一年级（2）班", "roll", 30, "marks", 2), By: "王老师",
			State: text.New("front.receipt_safe"), Mood: "good", Code: "WXYZ-2345", At: at,
		}}}}}))
	s.SignIn(account.Clerk)
	s.Get("/sync/receipts").Is(200, "2026-10-12 回执单", "ABCD-EFGH", "WXYZ-2345", "一年级（2）班", "2026-10-12 11:04", "/sync/receipts?date=2026-10-11").Lacks("2026-10-13")
	s.Get("/sync/receipts?date=2026-10-09").Is(200, "/sync/receipts?date=2026-10-10")
	s.Get("/sync/receipts?date=yesterday").Is(422, `value="yesterday"`, "不是日期")
}

func TestADayWithoutRecordsSaysSo(t *testing.T) {
	s := webtest.New(t)
	s.Staff()
	s.Serve(front.Area(front.Deps{Source: fixed{}, Papers: said{err: text.New("agent.receipt_nothing", "date", "2026-10-12"), held: []front.Held{{
		About: text.New("card.about", "kind", "学生", "what", "阿依"), By: "王老师", Why: text.New("state.card"), State: "waiting",
		Fields: []*text.Message{text.New("agent.quarantine_field", "name", "姓名", "value", "<b>")},
	}}}}))
	s.SignIn(account.Clerk)
	s.Get("/sync/receipts").Is(200, "2026-10-12 没有任何")
	if p := s.Get("/sync/quarantine").Is(200, "阿依", "等区里处理", "&lt;b&gt;"); strings.Contains(p.Body, "<b>") && strings.Contains(p.Body, "：<b>") {
		t.Error("a value became markup")
	}
}
