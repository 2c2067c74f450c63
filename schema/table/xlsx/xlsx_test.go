package xlsx_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"shangu/schema/table/xlsx"
)

func open(data []byte) (*xlsx.Book, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	parts := map[string]*zip.File{}
	for _, f := range z.File {
		parts[strings.ToLower(f.Name)] = f
	}
	return xlsx.Open(parts)
}

// read is a sheet as this package reads it, blank lines and cells at the end of a
// line left out.
func read(b *xlsx.Book, s xlsx.Sheet) (lines []string, err error) {
	rows, err := b.Rows(s)
	if err != nil {
		return nil, err
	}
	for {
		n, cells, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		lines = line(lines, n, cells)
	}
}

func line(lines []string, n int, cells []string) []string {
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) == 0 {
		return lines
	}
	return append(lines, fmt.Sprintf("%d %q", n, cells))
}

// library is the same as excelize reads it.
func library(t testing.TB, data []byte, name string) (lines []string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.Rows(name)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; rows.Next(); n++ {
		cells, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		lines = line(lines, n, cells)
	}
	return lines
}

func same(t testing.TB, what string, data []byte) {
	t.Helper()
	b, err := open(data)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(b.Sheets) == 0 {
		t.Errorf("%s: no sheets", what)
	}
	for _, s := range b.Sheets {
		got, err := read(b, s)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if want := library(t, data, s.Name); !slices.Equal(got, want) {
			t.Errorf("%s, %s: %d lines, want %d\n%.600s\nwant\n%.600s", what, s.Name, len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// Workbooks as clerks and offices have them are read as the library reads them.
func TestReadsAsTheLibraryDoes(t *testing.T) {
	n := 0
	for _, pattern := range []string{"../testdata/*.xlsx", "../../../agent/intake/testdata/*.xlsx", "../../../installer/term/testdata/yunling/*/*.xlsx", "../../../installer/term/testdata/yunling/schools/*/*.xlsx"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			n++
			same(t, name, data)
		}
	}
	if n < 40 {
		t.Errorf("%d workbooks were read", n)
	}
}

func TestReadsWhatTheLibraryWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := excelize.NewFile()
		defer f.Close()
		value := rapid.OneOf(
			rapid.Map(rapid.StringN(0, 20, 60), func(s string) any { return s }),
			rapid.Map(rapid.IntRange(-1e9, 1e9), func(n int) any { return n }),
			rapid.Map(rapid.Float64Range(-1e6, 1e6), func(n float64) any { return n }),
			rapid.Map(rapid.Bool(), func(b bool) any { return b }),
			rapid.SampledFrom([]any{nil, "_x0041_", " 空格 ", "=1+1", "二年级（1）班"}),
		)
		for i := range rapid.IntRange(0, 20).Draw(t, "cells") {
			at := xlsx.Ref(rapid.IntRange(1, 30).Draw(t, "column"), rapid.IntRange(1, 30).Draw(t, "row"))
			if err := f.SetCellValue("Sheet1", at, value.Draw(t, fmt.Sprint("value", i))); err != nil {
				t.Skip(err)
			}
		}
		if rapid.Bool().Draw(t, "rich") {
			if err := f.SetCellRichText("Sheet1", "B2", []excelize.RichTextRun{{Text: "王"}, {Text: " 老师", Font: &excelize.Font{Bold: true}}}); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		book, err := open(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(book, book.Sheets[0])
		if err != nil {
			t.Fatal(err)
		}
		rows, err := excelizeRows(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, rows) {
			t.Fatalf("%q, want %q", got, rows)
		}
	})
}

func excelizeRows(data []byte) (lines []string, err error) {
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: true})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := f.GetRows("Sheet1")
	for i, cells := range rows {
		lines = line(lines, i+1, cells)
	}
	return lines, err
}

// What this package writes is what it and the library read, and the library finds the
// paper and the merged cells as they were asked for.
func TestWrites(t *testing.T) {
	var out bytes.Buffer
	w := xlsx.NewWriter(&out)
	odd := "<&>\"' _x0041_ 换\n行\t。 "
	for _, err := range []error{
		w.Begin(xlsx.Page{Name: "一年级（1）班", Widths: []float64{6, 12.5}, A4: true, Landscape: true, Repeat: 2}),
		w.Row(24, xlsx.Cell{Value: "月报", Style: xlsx.Title}),
		w.Row(0, xlsx.Cell{Value: "序号", Style: xlsx.Head}, xlsx.Cell{Value: "姓名", Style: xlsx.Head}, xlsx.Cell{Style: xlsx.Ruled}),
		w.Row(0, xlsx.Cell{Value: 1}, xlsx.Cell{Value: odd}, xlsx.Cell{}, xlsx.Cell{Value: 5.5}, xlsx.Cell{Value: int64(-3)}),
		w.End(xlsx.Range{Column1: 1, Row1: 1, Column2: 3, Row2: 1}),
		w.Begin(xlsx.Page{Name: "O'Brien & Co", Frozen: 2, Repeat: 1}),
		w.Row(0, xlsx.Cell{Value: "甲"}),
		w.End(),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	same(t, "own", out.Bytes())
	f, err := excelize.OpenReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.GetCellValue("一年级（1）班", "B3"); err != nil || got != odd {
		t.Errorf("%q, want %q, %v", got, odd, err)
	}
	layout, err := f.GetPageLayout("一年级（1）班")
	if err != nil || *layout.Orientation != "landscape" || *layout.Size != 9 || *layout.FitToWidth != 1 {
		t.Errorf("%+v, %v", layout, err)
	}
	if m, err := f.GetMergeCells("一年级（1）班"); err != nil || len(m) != 1 || m[0].GetStartAxis() != "A1" || m[0].GetEndAxis() != "C1" {
		t.Errorf("%v, %v", m, err)
	}
	if width, err := f.GetColWidth("一年级（1）班", "B"); err != nil || width != 12.5 {
		t.Errorf("%v, %v", width, err)
	}
	names := f.GetDefinedName()
	if len(names) != 2 || names[0].RefersTo != "'一年级（1）班'!$1:$2" || names[1].RefersTo != "'O''Brien & Co'!$1:$1" {
		t.Errorf("%+v", names)
	}
	if p, err := f.GetPanes("O'Brien & Co"); err != nil || !p.Freeze || p.YSplit != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestRefusesWhatIsNoSheet(t *testing.T) {
	for _, name := range []string{"", "a/b", strings.Repeat("长", 32)} {
		if err := xlsx.NewWriter(io.Discard).Begin(xlsx.Page{Name: name}); err == nil {
			t.Errorf("a sheet may be called %q", name)
		}
	}
	w := xlsx.NewWriter(io.Discard)
	if err := w.Begin(xlsx.Page{Name: "A"}); err != nil {
		t.Fatal(err)
	}
	if w.Row(0, xlsx.Cell{Value: []int{1}}) == nil || w.Row(0, xlsx.Cell{Value: strings.Repeat("长", 40000)}) == nil {
		t.Error("a row of anything")
	}
	if err := w.Begin(xlsx.Page{Name: "a"}); err == nil {
		t.Error("two sheets of one name")
	}
}

func TestRefs(t *testing.T) {
	for column, want := range map[int]string{1: "A7", 26: "Z7", 27: "AA7", 702: "ZZ7", 703: "AAA7", 16384: "XFD7"} {
		if got := xlsx.Ref(column, 7); got != want {
			t.Errorf("%d: %s, want %s", column, got, want)
		}
		for _, ref := range []string{want, strings.ToLower(want), "$" + want[:len(want)-1] + "$7"} {
			if c, r, err := xlsx.ParseRef(ref); c != column || r != 7 || err != nil {
				t.Errorf("%s: %d %d %v", ref, c, r, err)
			}
		}
	}
	for _, ref := range []string{"", "A", "7", "XFE1", "A0", "A-1", "A+1", "AAAAAAAAAAAAAAAA1", "A1B", "一1", "A 1"} {
		if _, _, err := xlsx.ParseRef(ref); err == nil {
			t.Errorf("%q is a cell", ref)
		}
	}
}

// Hostile archives are refused or read, and nothing else.
func FuzzRead(f *testing.F) {
	for _, sheet := range []string{
		`<row><c><v>1</v></c><c r="C1" t="inlineStr"><is><r><t>a</t></r><rPh><t>b</t></rPh></is></c></row>`,
		`<row r="2"><c r="XFD2" t="b"><v>1</v></c></row><row r="1"/>`,
		`<row r="1"><c t="s"><v>99</v></c><c t="e"><v>#N/A</v></c><c t="str"><f>A1</f><v>_x4E00_</v></c>`,
	} {
		f.Add(sheet)
	}
	f.Fuzz(func(t *testing.T, sheet string) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, body := range map[string]string{
			"xl/workbook.xml":            `<workbook xmlns:r="r"><sheets><sheet name="A" r:id="1"/></sheets></workbook>`,
			"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="1" Target="worksheets/a.xml"/></Relationships>`,
			"xl/worksheets/a.xml":        `<worksheet><sheetData>` + sheet + `</sheetData></worksheet>`,
		} {
			w, _ := z.Create(name)
			io.WriteString(w, body)
		}
		z.Close()
		book, err := open(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		rows, err := book.Rows(book.Sheets[0])
		if err != nil {
			t.Fatal(err)
		}
		for {
			n, _, err := rows.Next()
			if err != nil {
				return
			}
			if n <= last {
				t.Fatalf("row %d after %d", n, last)
			}
			last = n
		}
	})
}
