package table

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"shangu/schema"
	"shangu/schema/text"
)

var people = NewSpec(text.Label{ZH: "名册", EN: "list"},
	Column{Name: "no", Titles: []string{"序号"}, Filler: true},
	Column{Name: "id", Titles: []string{"编号", "工号"}, Required: true},
	Column{Name: "name", Titles: []string{"姓名"}, Required: true},
	Column{Name: "born", Titles: []string{"出生日期"}},
	Column{Name: "hours", Titles: []string{"学时"}},
	Column{Name: "phone", Titles: []string{"电话"}, Private: true},
)

func workbook(t testing.TB, fill func(*excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	fill(f)
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// repack changes one part of a workbook.
func repack(t testing.TB, data []byte, edit func(name string, part []byte) []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var part bytes.Buffer
		part.ReadFrom(r)
		p, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		p.Write(edit(f.Name, part.Bytes()))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sheetXML replaces the rows of the first sheet.
func sheetXML(t testing.TB, rows string) []byte {
	plain := workbook(t, func(f *excelize.File) { f.SetSheetRow("Sheet1", "A1", &[]any{"编号", "姓名"}) })
	return repack(t, plain, func(name string, part []byte) []byte {
		if name == "xl/worksheets/sheet1.xml" {
			return []byte(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`)
		}
		return part
	})
}

func all(data []byte) (rows [][]string, info Info, ps Problems) {
	info = Read(data, people, &ps, func(r *Row) { rows = append(rows, append([]string{r.Sheet + strconv.Itoa(r.Line)}, r.cells...)) })
	return rows, info, ps
}

func refused(t *testing.T, what string, data []byte, id string) {
	t.Helper()
	_, _, ps := all(data)
	list, _ := ps.List()
	if len(list) == 0 || list[0].Message.ID() != id {
		t.Errorf("%s: %v, want %s", what, list, id)
	}
}

const (
	headRow = `<row r="1"><c r="A1" t="inlineStr"><is><t>编号</t></is></c><c r="B1" t="inlineStr"><is><t>姓名</t></is></c></row>`
	goodRow = `<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="inlineStr"><is><t>甲</t></is></c></row>`
)

func TestHostileWorkbooks(t *testing.T) {
	if rows, _, ps := all(sheetXML(t, headRow+goodRow)); len(rows) != 1 || ps.Len() != 0 {
		t.Fatalf("the good one: %v %v", rows, ps.Error())
	}
	// The library behind it takes broken XML for the end of the sheet: rows
	// would be lost without a word.
	refused(t, "broken XML", sheetXML(t, headRow+goodRow+`<row r="3"><c r="A3"><v>2</c></row>`), "table.damaged")
	refused(t, "row number", sheetXML(t, headRow+`<row r="99999999999"><c r="A2"><v>1</v></c></row>`), "table.damaged")
	refused(t, "row number of a valid size", sheetXML(t, headRow+`<row r="2000000"><c r="A2"><v>1</v></c></row>`), "table.damaged")
	refused(t, "column", sheetXML(t, headRow+`<row r="2"><c r="ZZZZ2"><v>1</v></c></row>`), "table.damaged")
	refused(t, "area", sheetXML(t, headRow+strings.Repeat(`<row><c r="XFD2"><v>1</v></c></row>`, maxArea/maxColumns+1)), "table.bomb")
	refused(t, "depth", sheetXML(t, strings.Repeat("<x>", 100)+strings.Repeat("</x>", 100)), "table.bomb")
	refused(t, "rows", sheetXML(t, headRow+strings.Repeat(`<row/>`, maxRows+1)), "table.many_rows")

	bomb := repack(t, sheetXML(t, headRow), func(name string, part []byte) []byte {
		if name == "xl/styles.xml" {
			return append(part, bytes.Repeat([]byte(" "), maxUnpacked)...)
		}
		return part
	})
	if len(bomb) > 1<<20 {
		t.Fatalf("the bomb is %d bytes", len(bomb))
	}
	refused(t, "bomb", bomb, "table.bomb")

	parts := bytes.Buffer{}
	w := zip.NewWriter(&parts)
	for i := range maxParts + 1 {
		w.Create(fmt.Sprintf("xl/%d", i))
	}
	w.Create("xl/workbook.xml")
	w.Close()
	refused(t, "parts", parts.Bytes(), "table.bomb")

	good := sheetXML(t, headRow+goodRow)
	i := bytes.Index(good, []byte("xl/worksheets/sheet1.xml"))
	flipped := bytes.Clone(good)
	flipped[i+60] ^= 0x10
	if _, _, ps := all(flipped); ps.Len() == 0 {
		t.Error("a flipped bit in a sheet went unseen")
	}
}

// TestLyingSize has a part that unpacks to more than the archive says.
func TestLyingSize(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	content := bytes.Repeat([]byte("a"), 1<<20)
	p, err := w.CreateRaw(&zip.FileHeader{Name: "users.csv", Method: zip.Store, CRC32: crc32.ChecksumIEEE(content), CompressedSize64: uint64(len(content)), UncompressedSize64: 10})
	if err != nil {
		t.Fatal(err)
	}
	p.Write(content)
	w.Close()
	a, err := OpenArchive(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var ps Problems
	if a.Read("users.csv", people, &ps, func(*Row) {}); ps.Len() == 0 {
		t.Error("a part that lies about its size was read")
	}
}

// TestPicturesAreNotUnpacked: a workbook with photographs is as good as one without.
func TestPicturesAreNotUnpacked(t *testing.T) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	z, _ := zip.NewReader(bytes.NewReader(sheetXML(t, headRow+goodRow)), int64(len(sheetXML(t, headRow+goodRow))))
	for _, f := range z.File {
		w.Copy(f)
	}
	for i := range 3 {
		p, _ := w.Create(fmt.Sprintf("xl/media/image%d.png", i))
		p.Write(make([]byte, maxUnpacked/2))
	}
	w.Close()
	if rows, _, ps := all(out.Bytes()); len(rows) != 1 || ps.Len() != 0 {
		t.Errorf("%v %v", rows, ps.Error())
	}
}

func TestSheets(t *testing.T) {
	rows, _, ps := all(workbook(t, func(f *excelize.File) {
		f.SetSheetName("Sheet1", "说明")
		f.SetSheetRow("说明", "A1", &[]any{"请在各班的表里填写编号和姓名"})
		for i, s := range []string{"一班", "二班", "藏"} {
			f.NewSheet(s)
			f.SetSheetRow(s, "A1", &[]any{"名册"})
			f.SetSheetRow(s, "A2", &[]any{"序号", "姓名", "编号"})
			f.SetSheetRow(s, "A3", &[]any{1, "甲", i + 10})
			f.SetSheetRow(s, "A5", &[]any{2, "", ""})
		}
		f.SetSheetVisible("藏", false)
	}))
	if ps.Len() != 0 || len(rows) != 2 || rows[0][0] != "一班3" || rows[1][0] != "二班3" || rows[1][2] != "11" {
		t.Errorf("%v %v", rows, ps.Error())
	}
	// A sheet that looks like the table and lacks a column is not passed over.
	_, _, ps = all(workbook(t, func(f *excelize.File) {
		f.SetSheetRow("Sheet1", "A1", &[]any{"编号", "姓名", "学时"})
		f.SetSheetRow("Sheet1", "A2", &[]any{1, "甲", 2})
		f.NewSheet("二班")
		f.SetSheetRow("二班", "A1", &[]any{"序号", "工号", "出生日期", "学时"})
		f.SetSheetRow("二班", "A2", &[]any{1, "2", "2019-01-01", 2})
	}))
	if list, _ := ps.List(); len(list) != 1 || list[0].Sheet != "二班" || list[0].Message.ID() != "table.no_column" {
		t.Errorf("%v", list)
	}
}

func TestPrivateAndUnknownColumns(t *testing.T) {
	rows, info, ps := all([]byte("编号,电话,姓名,血型\n1,13900000000,甲,A\n"))
	if ps.Len() != 0 || len(info.Private) != 1 || len(info.Unknown) != 1 || len(rows) != 1 {
		t.Fatalf("%v %+v %v", rows, info, ps.Error())
	}
	for _, c := range rows[0] {
		if strings.Contains(c, "139") {
			t.Error("a private cell was handed over")
		}
	}
}

func TestRemarksBelowTheTable(t *testing.T) {
	rows, _, ps := all([]byte("编号,姓名\n1,甲\n合计,1人\n填表人：乙,\n\n注：含代课,\n"))
	if len(rows) != 1 || ps.Len() != 0 {
		t.Errorf("%v %v", rows, ps.Error())
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	var ps Problems
	Read([]byte("编号,姓名\n"+strings.Repeat("1,\n", maxListed+7)), people, &ps, func(r *Row) { r.Need(2) })
	if list, more := ps.List(); len(list) != maxListed || more != 7 || ps.Len() != maxListed+7 {
		t.Errorf("%d listed, %d more", len(list), more)
	}
}

func TestCells(t *testing.T) {
	for in, want := range map[string]int{"2026-09": 202609, "2026/9": 202609, "2026年9月": 202609, "202609": 202609, "2026-09-01": 202609, "46266": 202609, "2026.12": 202612, "２０２６．０９": 202609} {
		if got, ok := parseMonth(in, base1900); !ok || got != want {
			t.Errorf("month %q: %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"2026.1", "2026-13", "26-09", "", "九月", "2026"} {
		if got, ok := parseMonth(in, base1900); ok {
			t.Errorf("month %q: %d", in, got)
		}
	}
	for in, want := range map[string]int64{"5": 50, "5.5": 55, "2.9999999999999996": 30, "０．５": 5, "1e1": 100} {
		if got, ok := parseDecimal(in, 1); !ok || got != want {
			t.Errorf("number %q: %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"5.55", "", "NaN", "Inf", "0x10", "1e99", "五"} {
		if got, ok := parseDecimal(in, 1); ok {
			t.Errorf("number %q: %d", in, got)
		}
	}
	for in, want := range map[string]string{"2.199109001E+09": "2199109001", "2199109001.0": "2199109001", "1.5": "1.5", "T1.0": "T1.0", "1e400": "1e400", "": ""} {
		if got := digits(in); got != want {
			t.Errorf("digits(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := schema.Date(rapid.IntRange(int(schema.DateOf(1955, 1, 1)), int(schema.DateOf(2110, 12, 31))).Draw(t, "day"))
		y, m, day := d.String()[:4], strings.TrimPrefix(d.String()[5:7], "0"), strings.TrimPrefix(d.String()[8:], "0")
		for _, s := range []string{
			d.String(), y + "/" + m + "/" + day, y + "." + m + "." + day, y + "年" + m + "月" + day + "日", y + "年 " + m + "月 " + day + "日",
			strings.ReplaceAll(d.String(), "-", ""), strconv.Itoa(int(d - base1900)), strconv.Itoa(int(d-base1900)) + ".5",
		} {
			if got, ok := parseDate(s, base1900); !ok || got != d {
				t.Fatalf("%q: %v %v, want %v", s, got, ok, d)
			}
		}
		if got, ok := parseDate(strconv.Itoa(int(d-base1904)), base1904); ok && got != d {
			t.Fatalf("1904: %v, want %v", got, d)
		}
	})
}

func TestShield(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("'=+-@a甲 "))).Draw(t, "s")
		out := shield(s)
		if out != "" && strings.ContainsRune("=+-@", rune(out[0])) {
			t.Fatalf("%q is a formula", out)
		}
		if back := unshield(out); back != s {
			t.Fatalf("%q came back as %q", s, back)
		}
	})
}

func TestMessagesAreComplete(t *testing.T) {
	for f, m := range refusals {
		for _, l := range []text.Lang{text.ZH, text.EN} {
			if s := m.In(l); s == "" || strings.ContainsAny(s, "{}") || s == m.ID() {
				t.Errorf("form %d: %q", f, s)
			}
		}
	}
}

func TestWriteIsReadBack(t *testing.T) {
	names := []string{"甲", "=1+1", "'=1", "''+x", "-", "@a", "a,b;c", `say "yes"`, "'"}
	for _, f := range []Format{CSV, XLSX} {
		var b bytes.Buffer
		err := Write(&b, f, people, "名册", func(yield func([]any, error) bool) {
			for i, n := range names {
				if !yield([]any{i, fmt.Sprint("T", i), n, "2026-09-01", Decimal{N: int64(i), Digits: 1}, "13900000000"}, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b.Bytes(), []byte("139")) {
			t.Error("a private column was written")
		}
		rows, _, ps := all(b.Bytes())
		if ps.Len() != 0 || len(rows) != len(names) {
			t.Fatalf("format %d: %v %v", f, rows, ps.Error())
		}
		for i, n := range names {
			if rows[i][3] != n {
				t.Errorf("format %d: %q came back as %q", f, n, rows[i][3])
			}
		}
	}
}

func TestFailingRowsFailTheWrite(t *testing.T) {
	bad := errors.New("store is gone")
	for _, f := range []Format{CSV, XLSX} {
		err := Write(io.Discard, f, people, "", func(yield func([]any, error) bool) { yield(nil, bad) })
		if !errors.Is(err, bad) {
			t.Errorf("format %d: %v", f, err)
		}
	}
}
