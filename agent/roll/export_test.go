package roll_test

import (
	"io"
	"slices"
	"testing"

	"shangu/agent/roll"
	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/table/tabletest"
)

// The table of a fortnight tells the states of sheets apart and names nobody.
func TestFortnightAsATable(t *testing.T) {
	c := newSchool(t)
	c.save("王", roll.Wish{Take: true, Marks: []roll.Typed{{Pupil: storetest.Pupil(1), Was: present, Now: absent}}})
	rows := tabletest.Rows(t, "两周点名情况", func(w io.Writer) error { return c.desk.WriteFortnight(w, day) })
	if len(rows) != 2+roll.FortnightDays*2 {
		t.Fatalf("%d lines: %q", len(rows), rows)
	}
	last := rows[len(rows)-2:]
	if want := []string{"2026-10-12", "上课日", "一年级（2）班", "上午", "3", "缺席 1 人", "1", "存本机"}; !slices.Equal(last[0], want) {
		t.Errorf("%q, want %q", last[0], want)
	}
	if want := []string{"2026-10-12", "上课日", "一年级（2）班", "下午", "3", "还没点名"}; !slices.Equal(last[1], want) {
		t.Errorf("%q, want %q", last[1], want)
	}
	if want := []string{"2026-10-11", "节假日", "一年级（2）班", "下午", "3", "节假日"}; !slices.Equal(rows[len(rows)-3], want) {
		t.Errorf("%q, want %q", rows[len(rows)-3], want)
	}
	if got := rows[len(rows)-5][5]; got != "节假日" {
		t.Errorf("a Saturday is %q", got)
	}
	if got := rows[len(rows)-7]; got[0] != "2026-10-09" || got[5] != "漏点名" {
		t.Errorf("a roll that nobody took: %q", got)
	}
}

func TestClosedDaysAsATable(t *testing.T) {
	c := newSchool(t)
	if _, err := c.desk.Except(t.Context(), "王老师", day+1, day+1, schema.DaySnow); err != nil {
		t.Fatal(err)
	}
	if _, err := c.desk.Except(t.Context(), "王老师", day+5, day+5, schema.DayMakeUp); err != nil {
		t.Fatal(err)
	}
	for open, by := range map[bool]string{true: "王老师", false: "王**"} {
		rows := tabletest.Rows(t, "停课与补课日", func(w io.Writer) error { return c.desk.WriteExceptions(w, open) })
		if len(rows) != 4 {
			t.Fatalf("%q", rows)
		}
		for i, want := range [][]string{{"2026-10-13", schema.DayKinds.Label(schema.DaySnow).ZH, "本校", by, "0"}, {"2026-10-17", schema.DayKinds.Label(schema.DayMakeUp).ZH, "本校", by, "0"}} {
			if !slices.Equal(rows[2+i], want) {
				t.Errorf("open %v: %q, want %q", open, rows[2+i], want)
			}
		}
	}
}

func TestTrailAsATable(t *testing.T) {
	c := newSchool(t)
	c.save("王老师", roll.Wish{Take: true, Marks: []roll.Typed{{Pupil: storetest.Pupil(2), Was: present, Now: absent}}})
	c.save("李老师", roll.Wish{Marks: []roll.Typed{{Pupil: storetest.Pupil(2), Was: absent, Now: sick}}})
	for open, want := range map[bool][]string{true: {"李老师", "张小明", "旷课", "病假（发热）"}, false: {"李**", "张**", "旷课", "病假（发热）"}} {
		rows := tabletest.Rows(t, "改动记录", func(w io.Writer) error { return c.desk.WriteTrail(w, am(), open) })
		if got := rows[len(rows)-1]; len(got) != 5 || !slices.Equal(got[1:], want) {
			t.Errorf("open %v: %q, want %q", open, got, want)
		}
		for _, r := range rows[2:] {
			if !open && slices.Contains(r, "王老师") {
				t.Errorf("a name that is not masked: %q", r)
			}
		}
	}
}
