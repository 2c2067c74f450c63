package account

import (
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"shangu/schema/table/tabletest"
)

// The table of accounts has those that are not closed and nothing that lets anybody in.
func TestAccountsAsATable(t *testing.T) {
	b := book(t, filepath.Join(t.TempDir(), "accounts"), func() time.Time { return time.Date(2026, 10, 12, 1, 0, 0, 0, time.UTC) })
	for name, role := range map[string]Role{"王老师": Admin, "李校长": Head} {
		if _, err := b.Make(name, role, "2580"); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := b.Make("走了的", Clerk, "2580")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(gone.ID); err != nil {
		t.Fatal(err)
	}
	for open, want := range map[bool][]string{true: {"王老师", "李校长"}, false: {"王**", "李**"}} {
		rows := tabletest.Rows(t, "账户", func(w io.Writer) error { return b.Write(w, open) })
		if len(rows) != 4 {
			t.Fatalf("open %v: %q", open, rows)
		}
		for _, row := range rows[2:] {
			if !slices.Contains(want, row[0]) || row[2] != "2026-10-12" {
				t.Errorf("open %v: %q, want one of %q", open, row, want)
			}
		}
	}
}
