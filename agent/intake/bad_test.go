package intake_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"shangu/agent/intake"
	"shangu/schema"
	"shangu/schema/text"
)

// workbook makes an .xlsx of one sheet. Cells are strings or numbers.
func workbook(t testing.TB, rows ...[]any) []byte {
	t.Helper()
	return book(t, func(f *excelize.File) {
		for i, r := range rows {
			if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &r); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func book(t testing.TB, fill func(*excelize.File)) []byte {
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

const (
	pupilA = "G990109201910090934"
	pupilB = "G990109201909200948"
	pupilC = "G990109201903190953"
	class1 = "一年级（1）班"
)

var rosterHead = []any{"序号", "全国学籍号", "姓名", "性别", "出生日期", "民族", "年级", "班级", "入学年月", "入学方式", "是否住宿生", "是否留守儿童"}

func rosterRow(n int, id, name, class string) []any {
	return []any{n, id, name, "女", "", "汉族", "一年级", class, "2026-09", "就近入学", "否", "是"}
}

func withRoster(t *testing.T) *memory {
	m := newMemory(t)
	m.load("roster", workbook(t, rosterHead, rosterRow(1, pupilA, "陆宇一", class1), rosterRow(2, pupilB, "韦婷晓", class1), rosterRow(3, pupilC, "马琳佳", "一年级（2）班")))
	m.load("teachers", []byte("教师编号,姓名\nT1,潘志梦\n"))
	return m
}

// Every item of what bad input gets: refused with line, column and reason, or
// read as what was meant.

func TestMissingColumn(t *testing.T) {
	m := newMemory(t)
	list := m.refused("roster", "", workbook(t, []any{"某校名册"}, []any{"序号", "姓名", "年级"}, []any{1, "陆宇一", "一年级"}))
	if len(list) != 2 || list[0].Line != 2 || list[0].Column != "全国学籍号" || list[1].Column != "班级" || list[0].Message.ID() != "table.no_column" {
		t.Errorf("got %v", list)
	}
	if s := list[0].Message.Error(); !strings.Contains(s, "年级") {
		t.Errorf("the message does not say which columns there are: %s", s)
	}
	list = m.refused("attendance", "", []byte("日期,时段,班级\n2026-09-01,am,x\n"))
	if len(list) != 2 {
		t.Errorf("got %v", list)
	}
	list = m.refused("roster", "", workbook(t, []any{"完全", "不", "相干"}, []any{1, 2, 3}))
	if len(list) != 3 || list[0].Line != 0 {
		t.Errorf("a table of something else: %v", list)
	}
}

func TestPupilNumber(t *testing.T) {
	m := newMemory(t)
	m.want("roster", workbook(t, rosterHead, rosterRow(1, pupilA, "甲", class1), rosterRow(2, pupilA, "乙", class1)), 3, "B3", "intake.twice")
	m.want("roster", workbook(t, rosterHead, rosterRow(1, pupilA[:18]+"5", "甲", class1)), 2, "B2", "schema.pupil_id_check")
	m.want("roster", workbook(t, rosterHead, rosterRow(1, "990109201910090934", "甲", class1)), 2, "B2", "schema.pupil_id_length")
	m.want("roster", workbook(t, rosterHead, rosterRow(1, "", "甲", class1)), 2, "B2", "table.empty_cell")
	m.want("roster", workbook(t, rosterHead, rosterRow(1, pupilA, "", class1)), 2, "C2", "table.empty_cell")
}

func TestNothingIsPlannedWhenOneLineIsWrong(t *testing.T) {
	m := newMemory(t)
	p, err := intake.Read("roster", "", workbook(t, rosterHead, rosterRow(1, pupilA, "甲", class1), rosterRow(2, "X", "乙", class1)), m, intake.Options{Today: today})
	if p != nil || err == nil {
		t.Fatalf("a plan in spite of a wrong line: %v", p)
	}
	raw, jerr := json.Marshal(err)
	var out struct {
		Errors []struct {
			Line            int
			Column, Message string
		}
	}
	if jerr != nil || json.Unmarshal(raw, &out) != nil || len(out.Errors) != 1 || out.Errors[0].Line != 3 || out.Errors[0].Column != "全国学籍号" || out.Errors[0].Message == "" {
		t.Errorf("as JSON: %s, %v", raw, jerr)
	}
}

func TestClassThatDoesNotExist(t *testing.T) {
	m := withRoster(t)
	m.want("attendance", []byte("date,session,class,student_id,status\n2026-09-01,am,一年级（9）班,,taken\n"), 2, "C2", "intake.no_class")
	m.want("attendance", []byte("date,session,class,student_id,status\n2025-09-01,am,一年级（1）班,,taken\n"), 2, "C2", "intake.no_classes")
	if p := m.read("attendance", "", []byte("date,session,class,student_id,status\n2026-09-01,上午, 一年级(１)班 ,,已点名\n")); p.New != 1 {
		t.Errorf("a class in another spelling: %+v", p)
	}
}

func TestAttendanceRows(t *testing.T) {
	m := withRoster(t)
	head := "date,session,class,student_id,status,minutes,symptom\n"
	for _, c := range []struct{ rows, cell, id string }{
		{"2026-09-01,am,一年级（1）班," + pupilC + ",late,5,", "D2", "intake.other_class"},
		{"2026-09-01,am,一年级（1）班,G990109201806041009,late,5,", "D2", "schema.pupil_id_check"},
		{"2026-09-01,am,一年级（1）班,G990109201705061034,late,5,", "D2", "intake.no_pupil"},
		{"2026-09-01,am,一年级（1）班,,late,5,", "D2", "intake.mark_of_nobody"},
		{"2026-09-01,am,一年级（1）班,,whatever,5,", "E2", "intake.no_code"},
		{"2026-09-01,am,一年级（1）班," + pupilA + ",whatever,5,", "E2", "intake.no_code"},
		{"2026-09-01,am,一年级（1）班," + pupilA + ",late,5x,", "F2", "table.no_number"},
		{"2026-09-01,am,一年级（1）班," + pupilA + ",late,601,", "F2", "table.no_number"},
		{"2026-09-01,am,一年级（1）班," + pupilA + ",leave,5,", "F2", "schema.mark_minutes"},
		{"2026-09-01,am,一年级（1）班," + pupilA + ",late,5,发热", "G2", "schema.mark_symptom"},
		{"2026-09-01,am,一年级（1）班," + pupilA + ",sick,,闹着玩", "G2", "intake.no_code"},
		{"2026-09-01,noon,一年级（1）班,,taken,,", "B2", "intake.no_session"},
		{"2026-02-30,am,一年级（1）班,,taken,,", "A2", "table.no_date"},
		{",am,一年级（1）班,,taken,,", "A2", "table.empty_cell"},
	} {
		m.want("attendance", []byte(head+c.rows+"\n"), 2, c.cell, c.id)
	}
	row := "2026-09-01,am,一年级（1）班,"
	m.want("attendance", []byte(head+row+pupilA+",late,5,\n"+row+pupilA+",late,6,\n"), 3, "D3", "intake.two_marks")
	m.want("attendance", []byte(head+row+",taken,,\n"+row+",no-school,,\n"), 3, "E3", "intake.two_states")
	m.want("attendance", []byte(head+row+",no-school,,\n"+row+pupilA+",late,5,\n"), 3, "", "intake.marks_without_school")
}

func TestDates(t *testing.T) {
	m := withRoster(t)
	for _, d := range []string{"2026-09-01", "2026/9/1", "2026.9.1", "2026年9月1日", "20260901", "２０２６－０９－０１", "46266", "46266.354", " 2026-9-1 ", "2026-09-01 00:00:00", "2026-09-01T08:00:00"} {
		p := m.read("attendance", "", []byte("date,session,class,student_id,status\n"+d+",am,一年级（1）班,,taken\n"))
		if len(p.Edits) != 1 || p.Edits[0].ID != "2026-09-01/am/2026/一年级（1）班" {
			t.Errorf("%q: %+v", d, p.Edits)
		}
	}
	for _, d := range []string{"9/1/2026", "26-09-01", "2026-13-01", "2026-09-31", "2026-09", "明天", "12", "1e9", "0"} {
		m.want("attendance", []byte("date,session,class,student_id,status\n"+d+",am,一年级（1）班,,taken\n"), 2, "A2", "table.no_date")
	}
	// A date cell of a workbook holds a serial number; 1904 is Excel for Mac's first year.
	for _, mac := range []bool{false, true} {
		serial := 46266
		if mac {
			serial -= 1462
		}
		data := book(t, func(f *excelize.File) {
			if err := f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &mac}); err != nil {
				t.Fatal(err)
			}
			f.SetSheetRow("Sheet1", "A1", &[]any{"日期", "时段", "班级", "学籍号", "状态"})
			f.SetSheetRow("Sheet1", "A2", &[]any{serial, "上午", class1, "", "已点名"})
			style, _ := f.NewStyle(&excelize.Style{NumFmt: 14})
			f.SetCellStyle("Sheet1", "A2", "A2", style)
		})
		if p := m.read("attendance", "", data); p.Edits[0].ID != "2026-09-01/am/2026/一年级（1）班" {
			t.Errorf("1904=%v: %s", mac, p.Edits[0].ID)
		}
	}
}

func TestTwoHeaderRows(t *testing.T) {
	m := newMemory(t)
	// Groups above, columns that were merged down beside them.
	p := m.read("roster", "", book(t, func(f *excelize.File) {
		f.SetSheetRow("Sheet1", "A1", &[]any{"某校学生名册"})
		f.MergeCell("Sheet1", "A1", "E1")
		f.SetSheetRow("Sheet1", "A2", &[]any{"学籍号", "姓名", "学籍信息", "", "性别"})
		f.SetSheetRow("Sheet1", "A3", &[]any{"", "", "年级", "班级", ""})
		for _, r := range [][2]string{{"A2", "A3"}, {"B2", "B3"}, {"C2", "D2"}, {"E2", "E3"}} {
			f.MergeCell("Sheet1", r[0], r[1])
		}
		f.SetSheetRow("Sheet1", "A4", &[]any{pupilA, "陆宇一", "一年级", "1班", "女"})
	}))
	if p.New != 1 || p.Rows != 1 {
		t.Errorf("grouped header: %+v", p)
	}
	// English below Chinese; the header again on the second printed page.
	p = m.read("roster", "", workbook(t, []any{"学籍号", "姓名", "班级"}, []any{"student_id", "name", "class"}, []any{pupilA, "陆宇一", class1},
		[]any{"学籍号", "姓名", "班级"}, []any{pupilB, "韦婷晓", class1}))
	if p.New != 2 || p.Rows != 2 {
		t.Errorf("header three times: %+v", p)
	}
	// Two columns of one name: nobody can tell which counts.
	list := m.refused("roster", "", workbook(t, []any{"学籍号", "姓名", "班级", "学籍号"}, []any{pupilA, "陆宇一", class1, pupilB}))
	if len(list) != 1 || list[0].Message.ID() != "table.column_twice" {
		t.Errorf("a column twice: %v", list)
	}
}

func TestMergedCells(t *testing.T) {
	m := newMemory(t)
	p := m.read("roster", "", book(t, func(f *excelize.File) {
		f.SetSheetRow("Sheet1", "A1", &[]any{"名册"})
		f.MergeCell("Sheet1", "A1", "C2")
		f.SetSheetRow("Sheet1", "A3", &[]any{"班级", "学籍号", "姓名"})
		f.SetSheetRow("Sheet1", "A4", &[]any{class1, pupilA, "陆宇一"})
		f.SetSheetRow("Sheet1", "A5", &[]any{"", pupilB, "韦婷晓"})
		f.MergeCell("Sheet1", "A4", "A6")
		f.SetSheetRow("Sheet1", "A7", &[]any{"一年级（2）班", pupilC, "马琳佳"})
		f.SetSheetRow("Sheet1", "A8", &[]any{"合计", "3人"})
	}))
	m.save(p.Edits...)
	if p.Rows != 3 || m.count(schema.KindClass) != 2 || m.count(schema.KindEnrolment) != 3 {
		t.Errorf("rows %d, classes %d", p.Rows, m.count(schema.KindClass))
	}
}

func TestWidthsAndBlanks(t *testing.T) {
	m := newMemory(t)
	wide := "Ｇ９９０１０９２０１９１００９０９３４"
	p := m.load("roster", workbook(t, []any{" 学 籍 号* ", "姓　名", "班级（全称）", "出生日期", "", ""}, []any{wide + "　", "\u00a0陆宇一  ", "一年级(１)班 ", "２０１９年１０月９日"}, []any{"", " ", "　"}, []any{}))
	d, _ := m.Doc("", schema.KindPupil, pupilA)
	birth, _ := d.Value(schema.PupilBirth).Int()
	if p.Rows != 1 || d.Value(schema.PupilName).Text() != "陆宇一" || schema.Date(birth).String() != "2019-10-09" {
		t.Errorf("%+v %+v", p, d)
	}
	if c, _ := m.Doc("", schema.KindClass, "2026/一年级（1）班"); c == nil {
		t.Error("no class in its canonical spelling")
	}
}

func TestEncodingsAndSeparators(t *testing.T) {
	words := "学籍号,姓名,班级,民族\r\n" + pupilA + ",陆宇一,一年级（1）班,汉族\r\n" + pupilB + ",韦婷晓,一年级（1）班,满族\r\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(words)
	if err != nil {
		t.Fatal(err)
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(strings.ReplaceAll(words, ",", "\t"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"utf-8": words, "bom": "\ufeff" + words, "gb18030": gb, "utf-16": utf16,
		"tab": strings.ReplaceAll(words, ",", "\t"), "semicolon": strings.ReplaceAll(words, ",", ";"),
		"bare returns": strings.ReplaceAll(words, "\n", ""), "no end": strings.TrimSpace(words), "title": "某校名册,,,\n\n" + words,
		"quotes": strings.ReplaceAll(words, "汉族", `"汉族"`),
	} {
		m := newMemory(t)
		if p := m.load("roster", []byte(data)); p.New != 2 {
			t.Errorf("%s: %+v", name, p)
		}
		if d, _ := m.Doc("", schema.KindPupil, pupilA); d.Value(schema.PupilName).Text() != "陆宇一" {
			t.Errorf("%s: name %q", name, d.Value(schema.PupilName).Text())
		}
	}
}

func TestFilesThatAreNoTables(t *testing.T) {
	m := newMemory(t)
	ok := workbook(t, rosterHead, rosterRow(1, pupilA, "陆宇一", class1))
	secret := func() []byte {
		f, err := excelize.OpenReader(bytes.NewReader(ok))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := f.Write(&b, excelize.Options{Password: "1234"}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	zipped := func(name, content string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, _ := z.Create(name)
		w.Write([]byte(content))
		z.Close()
		return b.Bytes()
	}
	for _, c := range []struct {
		name string
		data []byte
		id   string
	}{
		{"old", append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 2000)...), "table.is_xls"},
		{"password", secret, "table.is_encrypted"},
		{"half", ok[:len(ok)/2], "table.is_cut"},
		{"start", ok[:10], "table.is_cut"},
		{"nothing", nil, "table.is_empty"},
		{"zeros", make([]byte, 4096), "table.is_empty"},
		{"blank", []byte("\ufeff \r\n\r\n"), "table.is_empty"},
		{"page", []byte("<html><body><table><tr><td>学籍号</td></tr></table>"), "table.is_page"},
		{"xml", []byte(`<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">`), "table.is_page"},
		{"pdf", []byte("%PDF-1.7 ..."), "table.is_pdf"},
		{"photo", []byte("\xff\xd8\xff\xe0\x00\x10JFIF"), "table.is_picture"},
		{"program", []byte("MZ\x90\x00\x03\x00\x00\x00"), "table.is_binary"},
		{"ods", zipped("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), "table.is_other"},
		{"xlsb", zipped("xl/workbook.bin", ""), "table.is_other"},
		{"large", bytes.Repeat([]byte("学籍号,"), 4<<20), "table.is_large"},
	} {
		list := m.refused("roster", "", c.data)
		if len(list) != 1 || list[0].Message.ID() != c.id {
			t.Errorf("%s: %v, want %s", c.name, list, c.id)
		}
	}
	if list := m.refused("attendance", "", zipped("a.csv", "x")); list[0].Message.ID() != "table.is_archive" {
		t.Errorf("archive: %v", list)
	}
	if list := m.refused("roster", `C:\名册\~$roster.xlsx`, ok); list[0].Message.ID() != "intake.lock_file" {
		t.Errorf("lock file: %v", list)
	}
	if list := m.refused("roster", "", workbook(t, rosterHead)); list[0].Message.ID() != "table.no_rows" {
		t.Errorf("header alone: %v", list)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.csv")
	if _, err := intake.ReadFile(name); !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(err.Error(), "{}") {
		t.Errorf("no file: %v", err)
	}
	if _, err := intake.ReadFile(dir); err == nil {
		t.Error("a folder was read")
	}
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := intake.ReadFile(name); err != nil || string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
	if os.Getuid() != 0 {
		if err := os.Chmod(name, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := intake.ReadFile(name); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("unreadable: %v", err)
		}
	}
}

func TestBrokenText(t *testing.T) {
	m := withRoster(t)
	head := "date,session,class,student_id,status,minutes,symptom\n"
	row := "2026-09-01,am,一年级（1）班,,taken,,\n"
	list := m.refused("attendance", "", []byte(head+row+"2026-09-01,am,一年级（1）班,"))
	if list[0].Line != 3 || list[0].Message.ID() != "table.cut_line" {
		t.Errorf("a file that was cut off: %v", list)
	}
	m.want("attendance", []byte(head+row+"2026-09-01,am,\"一年级（1）班,,taken,,\n"+row), 3, "", "table.open_quote")
	m.want("attendance", []byte(head+row+"2026-09-01,am,一年\"级（1）班,,taken,,\n"), 3, "", "table.bare_quote")
	broken := strings.Replace(head+row+strings.Repeat(row, 9), "一年级（1）班", "一年级（1）\xe7\x8f", 1)
	list = m.refused("attendance", "", []byte(broken))
	if list[0].Line != 2 || list[0].Cell != "C2" || list[0].Message.ID() != "table.unreadable_cell" {
		t.Errorf("a flaw in a text: %v", list)
	}
	m.want("attendance", []byte(head+"2026-09-01,am,#REF!,,taken,,\n"), 2, "C2", "table.formula_error")
}

// Rows of days to come are saved with a word about it at the first of them.
func TestDaysToCome(t *testing.T) {
	m := withRoster(t)
	head := "date,session,class,student_id,status,minutes,symptom\n"
	row := func(d schema.Date) string { return d.String() + ",am,一年级（1）班,,taken,,\n" }
	if p := m.read("attendance", "", []byte(head+row(today-1)+row(today))); len(p.Notes) != 0 {
		t.Errorf("up to today: %v", p.Notes)
	}
	p := m.read("attendance", "", []byte(head+row(today)+row(today+1)+row(today+2)))
	if p.New != 3 || len(p.Notes) != 1 || p.Notes[0].Line != 3 || p.Notes[0].Cell != "A3" || p.Notes[0].Message.ID() != "intake.ahead" {
		t.Fatalf("%d new, %v", p.New, p.Notes)
	}
	for _, l := range []text.Lang{text.ZH, text.EN} {
		if said := p.Notes[0].In(l); !strings.Contains(said, (today+1).String()) || !strings.Contains(said, "2") {
			t.Error(said)
		}
	}
}
