package watch_test

import (
	"io"
	"slices"
	"testing"

	"shangu/agent/store/storetest"
	"shangu/agent/watch"
	"shangu/schema"
	"shangu/schema/table/tabletest"
)

// The log of calls and visits masks who it is about and says nothing of what was said,
// unless asked otherwise.
func TestStepsAsATable(t *testing.T) {
	c := newSchool(t)
	c.roll(monday, schema.SessionAM, 1, unknown)
	id, err := c.desk.Open(t.Context(), "王", watch.Opening{Pupil: storetest.Pupil(1), Rule: schema.CaseUnknown, On: monday, By: "王"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []watch.Step{{Kind: 1, Date: monday, By: "王老师", Result: "无人接听"}, {Kind: 2, Date: monday + 1, By: "王老师", Result: "家里有人生病"}} {
		if err := c.desk.AddStep(t.Context(), "王", id, s, monday+1); err != nil {
			t.Fatal(err)
		}
	}
	for _, open := range []bool{false, true} {
		number, name := schema.Masks(open)
		want := []string{number(storetest.Pupil(1)), name("张1"), "一年级（2）班", "2026-10-12", "2026-10-13", schema.StepKinds.Label(2).ZH, name("王老师")}
		if open {
			want = append(want, "家里有人生病")
		}
		rows := tabletest.Rows(t, "个案联系记录", func(w io.Writer) error { return c.desk.WriteSteps(w, open) })
		if len(rows) != 4 || !slices.Equal(rows[3], want) {
			t.Errorf("open %v: %q, want %q", open, rows, want)
		}
	}
}

// The table of checks has a line for each cluster and for each day without, and tells
// them from a day on which nobody looked.
func TestSicknessAsATable(t *testing.T) {
	c := newSchool(t)
	c.roll(monday, schema.SessionAM, 1, feverish, 2, coughing, 3, feverish)
	c.roll(monday+1, schema.SessionAM, 4, retching)
	for open, names := range map[bool]string{true: "张1、张2、张3", false: "张*、张*、张*"} {
		rows := tabletest.Rows(t, "因病缺课核查", func(w io.Writer) error { return c.desk.WriteSickness(w, monday+2, open) })
		if len(rows) != 5 {
			t.Fatalf("%q", rows)
		}
		if got := rows[2]; got[0] != "2026-10-14" || got[2] != "0" || got[4] != "还没点名，未核查" {
			t.Errorf("nobody looked: %q", got)
		}
		if got := rows[3]; !slices.Equal(got, []string{"2026-10-13", "1", "1", "1", "零报告：无聚集"}) {
			t.Errorf("no cluster: %q", got)
		}
		if got := rows[4]; got[0] != "2026-10-12" || got[3] != "3" || got[5] != names {
			t.Errorf("open %v, a cluster: %q", open, got)
		}
	}
}
