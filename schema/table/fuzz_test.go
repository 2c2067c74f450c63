package table

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// check reads hostile bytes: nothing may panic, rows must be within the limits,
// and no problem may stand without words.
func check(t *testing.T, data []byte) {
	var ps Problems
	n := 0
	info := Read(data, people, &ps, func(r *Row) {
		n++
		for c := range people.Columns {
			if len(r.Text(c)) > maxCell {
				t.Fatalf("cell of %d bytes", len(r.Text(c)))
			}
			r.Date(c)
			r.Month(c)
			r.Int(c, 0, 10)
			r.Decimal(c, 1, 0, 10)
			r.Bool(c)
			r.Code(c)
			r.List(c)
		}
		if r.Line < 1 {
			t.Fatalf("line %d", r.Line)
		}
	})
	if n != info.Rows || n > maxRows {
		t.Fatalf("%d rows, %d told", n, info.Rows)
	}
	list, _ := ps.List()
	if n == 0 && len(list) == 0 {
		t.Fatal("nothing was read and nothing is wrong")
	}
	for i := range list {
		if s := list[i].In(0); strings.TrimSpace(s) == "" {
			t.Fatalf("a problem without words: %+v", list[i])
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"编号,姓名\n1,甲\n", "\ufeff编号;姓名;学时\n1;甲;2\n", "编号\t姓名\n1\t\"甲\n乙\"\n", "\xb1\xe0\xba\xc5,\xd0\xd5\xc3\xfb\n1,\xbc\xd7\n",
		"\xff\xfe\x16\x7f\xf7\x53\x09\x00\xd3\x59\x0d\x54\n\x00", "名册,\n编号,姓名,编号\n", "编号,姓名\n\"", "编号,姓名\r1,甲", "编号,姓名\n合计,3\n1,",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

func FuzzWorkbook(f *testing.F) {
	f.Add(workbook(f, func(b *excelize.File) {
		b.SetSheetRow("Sheet1", "A1", &[]any{"名册"})
		b.MergeCell("Sheet1", "A1", "C1")
		b.SetSheetRow("Sheet1", "A2", &[]any{"编号", "姓名", "出生日期"})
		b.SetSheetRow("Sheet1", "A3", &[]any{1, "甲", 46266})
		b.MergeCell("Sheet1", "A3", "A5")
		b.SetSheetRow("Sheet1", "A4", &[]any{"", "乙", "2026-09-01"})
	}))
	data, err := os.ReadFile(filepath.Join("..", "..", "installer", "demo", "yunling", "schools", "2199109024", "teachers.xlsx"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

// FuzzSheet fuzzes what is inside the archive, where a fuzzer of the archive's
// bytes is stopped by checksums.
func FuzzSheet(f *testing.F) {
	f.Add([]byte(headRow + goodRow))
	f.Add([]byte(headRow + `<row r="2"><c r="A2" t="s"><v>99999</v></c><c r="C2" t="e"><v>#REF!</v></c></row>`))
	f.Add([]byte(headRow + `<row><c t="b"><v>1</v></c><c><f>A1</f><v>1e400</v></c></row><row r="1"/>`))
	f.Add([]byte(headRow + goodRow + `</sheetData><mergeCells><mergeCell ref="A2:B9"/><mergeCell ref="B1:A1"/></mergeCells><sheetData>`))
	plain := workbook(f, func(b *excelize.File) { b.SetSheetRow("Sheet1", "A1", &[]any{"编号", "姓名"}) })
	f.Fuzz(func(t *testing.T, rows []byte) {
		check(t, repack(t, plain, func(name string, part []byte) []byte {
			if name != "xl/worksheets/sheet1.xml" {
				return part
			}
			return bytes.Join([][]byte{[]byte(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`), rows, []byte(`</sheetData></worksheet>`)}, nil)
		}))
	})
}

func FuzzArchive(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "oneroster.zip"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := OpenArchive(data)
		if err != nil {
			return
		}
		for name := range a.files {
			var ps Problems
			a.Read(name, people, &ps, func(r *Row) { r.Need(1) })
		}
	})
}
