package card_test

import (
	"io"
	"strings"
	"testing"

	"shangu/schema"
	"shangu/schema/table/tabletest"
)

// The table of conflicts masks whom they are about, who wrote, and what is said of a
// person, and leaves guarded fields out, unless asked otherwise.
func TestConflictsAsATable(t *testing.T) {
	c := newSchool(t)
	c.card(schema.KindSheet, sheet.String(), mark, sick.Encode(), absent.Encode())
	c.card(schema.KindPupil, pupil, schema.Key{Num: schema.PupilName}, schema.Str("阿依古丽"), schema.Str("阿依古力"))
	c.card(schema.KindPupil, pupil, schema.Key{Num: schema.PupilPhone}, schema.Str("13800000000"), schema.Str("13900000000"))
	settled := c.card(schema.KindSheet, sheet.String(), schema.Key{Num: schema.SheetNote}, schema.Str("下雪"), schema.Str("停电"))
	if err := c.desk.Settle(t.Context(), "王", settled, false); err != nil {
		t.Fatal(err)
	}
	table := func(open bool) (string, int) {
		rows := tabletest.Rows(t, "要选的冲突", func(w io.Writer) error { return c.desk.Write(w, open) })
		var all []string
		for _, r := range rows[2:] {
			all = append(all, strings.Join(r, " "))
		}
		return strings.Join(all, "\n"), len(all)
	}
	holds := func(s string, has, not []string) {
		t.Helper()
		for _, h := range has {
			if !strings.Contains(s, h) {
				t.Errorf("%q is not in\n%s", h, s)
			}
		}
		for _, n := range not {
			if strings.Contains(s, n) {
				t.Errorf("%q is in\n%s", n, s)
			}
		}
	}
	got, n := table(false)
	holds(got, []string{"阿*", "病假（发热）", "旷课", "阿***", "2026-10-"}, []string{"阿依", "古丽", "138", "下雪"})
	if n != 2 {
		t.Errorf("%d cards with names masked, want 2:\n%s", n, got)
	}
	got, n = table(true)
	holds(got, []string{"阿依", "阿依古丽", "阿依古力", "13800000000", "病假（发热）", "李"}, []string{"下雪", "*"})
	if n != 3 {
		t.Errorf("%d cards with names, want 3:\n%s", n, got)
	}
}
