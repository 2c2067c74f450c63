package register_test

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"shangu/agent/store/storetest"
	"shangu/schema"
	"shangu/schema/table/tabletest"
)

// What was frozen, and what changed since, as tables: names and numbers masked unless
// asked otherwise.
func TestReportsAndChangesAsTables(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	c.term()
	first, err := c.desk.Freeze(ctx, "李校长", october, today)
	if err != nil {
		t.Fatal(err)
	}
	c.roll(monday, schema.SessionAM, 1, int(schema.StatusLeave))
	second, err := c.desk.Correct(ctx, "李校长", october, today+1, "家长补了假条")
	if err != nil {
		t.Fatal(err)
	}
	c.roll(monday, schema.SessionAM, 1, int(schema.StatusLate))
	for _, open := range []bool{false, true} {
		number, name := schema.Masks(open)
		rows := tabletest.Rows(t, "月报定稿情况", func(w io.Writer) error { return c.desk.WriteMonths(w, today, open) })
		if len(rows) != 6 || rows[2][0] != "2026-11" || rows[2][1] != "未定稿" || rows[5][0] != "2026-09" {
			t.Fatalf("%q", rows)
		}
		if want := []string{"2026-10", "已定稿", "", "2026-11-02", name("李校长"), "", fmt.Sprintf("%x", first.Digest), "是"}; !slices.Equal(rows[3], want) {
			t.Errorf("open %v: %q, want %q", open, rows[3], want)
		}
		if want := []string{"2026-10", "已定稿", "1", "2026-11-03", name("李校长"), "家长补了假条", fmt.Sprintf("%x", second.Digest), "是"}; !slices.Equal(rows[4], want) {
			t.Errorf("open %v: %q, want %q", open, rows[4], want)
		}
		rows = tabletest.Rows(t, "变化明细", func(w io.Writer) error { return c.desk.WriteChanges(w, october, today+1, open) })
		for _, want := range [][]string{
			{"第 1 次更正", "一年级（2）班", number(storetest.Pupil(1)), name("张1"), "旷课", "1", "0"},
			{"还没做更正表", "一年级（2）班", number(storetest.Pupil(1)), name("张1"), "迟到", "1", "2"},
		} {
			if !slices.ContainsFunc(rows, func(r []string) bool { return slices.Equal(r, want) }) {
				t.Errorf("open %v: %q is not in %q", open, want, rows)
			}
		}
		rows = tabletest.Rows(t, "谁改的", func(w io.Writer) error { return c.desk.WriteChanges(w, october, today+1, open) })
		if !slices.ContainsFunc(rows, func(r []string) bool {
			return len(r) == 9 && slices.Equal(r[:8], []string{"还没做更正表", "一年级（2）班", "2026-10-12", "上午", number(storetest.Pupil(1)), name("张1"), "迟到", "王"})
		}) {
			t.Errorf("open %v: %q", open, rows)
		}
	}
}
