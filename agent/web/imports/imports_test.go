package imports_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"shangu/agent/account"
	"shangu/agent/store/storetest"
	"shangu/agent/transfer"
	"shangu/agent/web/imports"
	"shangu/agent/web/roster"
	"shangu/agent/web/webtest"
	"shangu/schema"
)

func open(t *testing.T) *webtest.School {
	s := webtest.New(t)
	s.Staff()
	s.Serve(roster.Area(s.Book, transfer.NewDesk(s.Store, s.Store, s.Book), s.Store, nil), imports.Area(s.Store, s.Store))
	s.SignIn(account.Clerk)
	s.Get("/import")
	return s
}

const head = "全国学籍号,姓名,班级,性别\n"

func file(lines ...string) []byte { return []byte(head + strings.Join(lines, "\n")) }

func row(i int, rest string) string { return storetest.Pupil(i) + "," + rest }

func TestAPreviewStoresNothing(t *testing.T) {
	s := open(t)
	at := s.Upload("/import", "名册.csv", file(row(1, "阿依,一年级（1）班,女"), row(2, "李四,一年级（1）班,男")), "kind", "roster", "year", "2026").Is(303).Location
	if strings.Contains(at, "名册") {
		t.Error(at)
	}
	s.Get(at).Is(200, "阿依", "第 2 行", "2026-08-01 起进一年级（1）班", "确认存入")
	if r, _ := s.Book.Open(); len(r.Everybody()) != 0 {
		t.Fatal("a preview stored something")
	}
	s.Post(at + "/store").Is(303)
	s.Get(at).Is(200, "新增 2，改动 0，不变 0")
	s.Post(at + "/store").Is(303) // once more: a double click
	r, err := s.Book.Open()
	if err != nil || len(r.Everybody()) != 2 {
		t.Fatalf("%v, %v", r.Everybody(), err)
	}

	// A name is put right, one has moved, one is not in the file, one is as before.
	at = s.Upload("/import", "x.csv", file(row(1, "阿衣,一年级（1）班,女"), row(3, "王五,一年级（2）班,男")), "kind", "roster", "year", "2026").Is(303).Location
	s.Get(at).Is(200, "阿依 → 阿衣", "王五", "李四", "名册里有、文件里没有的学生")
	s.Get(at+"?show=new").Is(200, "王五").Lacks("阿衣")
	s.Post(at+"/store", "out", "0").Is(303)
	s.Get(at).Is(200, "转出 1 人")
	r, _ = s.Book.Open()
	if gone := r.Pupil(storetest.Pupil(2)); r.ClassOn(gone, schema.DateAt(s.Now)) != nil || r.ClassOn(gone, schema.DateAt(s.Now)-1) == nil || gone.Places()[0].Out != schema.EnrolTransferOut {
		t.Errorf("%+v", gone.Places())
	}
}

func TestWhatIsWrong(t *testing.T) {
	s := open(t)
	at := s.Upload("/import", "x.csv", file(row(1, "阿依,一年级（1）班,女"), "G1234,李四,一年级（1）班,男", row(3, ",一年级（1）班,男")), "kind", "roster").Is(303).Location
	s.Get(at).Is(200, "第 3 行", "第 4 行", "2 处要改").Lacks("确认存入")
	s.Post(at + "/store").Is(303)
	if r, _ := s.Book.Open(); len(r.Everybody()) != 0 {
		t.Fatal("a file with something wrong was stored")
	}
	s.Post(at + "/drop").Is(303)
	s.Get(at).Is(409, "已经不在了")
	s.Get("/import?kind=teachers").Is(200)
	s.Upload("/import", "x.csv", nil, "kind", "roster").Is(422, "请选择一个文件")
	s.Upload("/import", "x.csv", []byte("x"), "kind", "moon").Is(422)
}

// A workbook that names its columns as no other does is asked about once.
func TestColumns(t *testing.T) {
	s := open(t)
	book := excelize.NewFile()
	book.SetSheetName("Sheet1", "说明")
	book.SetCellValue("说明", "A1", "填表须知")
	book.NewSheet("花名册")
	for i, line := range [][]any{{"云岭小学"}, {"号码", "谁", "所在", "备注"}, {storetest.Pupil(1), "阿依", "一年级（1）班", "x"}, {storetest.Pupil(2), "李四", "一年级（1）班", ""}} {
		book.SetSheetRow("花名册", fmt.Sprintf("A%d", i+1), &line)
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		t.Fatal(err)
	}
	at := s.Upload("/import", "x.xlsx", b.Bytes(), "kind", "roster", "year", "2026").Is(303).Location
	s.Get(at).Is(200, "选择工作表和列").Lacks("确认存入")
	s.Get(at+"/columns").Is(200, "说明", "花名册")
	// Another sheet, then another line of headings.
	s.Post(at+"/columns", "sheet", "1", "header", "1", "shown_sheet", "0", "shown_header", "1").Is(200, "云岭小学", "阿依")
	s.Post(at+"/columns", "sheet", "1", "header", "2", "shown_sheet", "1", "shown_header", "1").Is(200, "号码", "备注", `name="column0"`)
	said := []string{"sheet", "1", "header", "2", "shown_sheet", "1", "shown_header", "2", "column0", "student_id", "column1", "name", "column2", "", "column3", ""}
	s.Post(at+"/columns", said...).Is(422, "还没有选：班级", `<option value="student_id" selected>`)
	said[13] = "name"
	s.Post(at+"/columns", said...).Is(422, "已经有一列是这个了")
	said[13] = "class"
	s.Post(at+"/columns", said...).Is(303)
	s.Get(at).Is(200, "阿依", "确认存入")
	s.Post(at + "/store").Is(303)
	// The next file of this kind is read without a question.
	at = s.Upload("/import", "y.csv", []byte("号码,谁,所在\n"+storetest.Pupil(3)+",王五,一年级（1）班\n"), "kind", "roster", "year", "2026").Is(303).Location
	s.Get(at).Is(200, "王五", "确认存入")
}

// A file is its reader's alone, waits for half an hour, and makes room for others.
func TestAFileThatWaits(t *testing.T) {
	s := open(t)
	take := func() string {
		return s.Upload("/import", "x.csv", file(row(1, "阿依,一年级（1）班,女")), "kind", "roster").Is(303).Location
	}
	at := take()
	s.SignIn(account.Head)
	s.Get(at).Is(409, "已经不在了")
	s.SignIn(account.Clerk)
	s.Get(at).Is(200)
	s.Now = s.Now.Add(10 * time.Minute)
	s.Get(at).Is(200)
	take()
	take()
	s.Get(at).Is(409)
	at = take()
	s.Now = s.Now.Add(-1000 * time.Hour)
	s.SignIn(account.Clerk)
	s.Get(at).Is(409)
}

// A school of three thousand: the preview is made in three seconds and no page is
// larger than 150 KB.
func TestThousandsOfPupils(t *testing.T) {
	s := open(t)
	book := excelize.NewFile()
	w, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	w.SetRow("A1", []any{"全国学籍号", "姓名", "班级", "性别", "出生日期", "是否住宿生"})
	for i := range 3000 {
		w.SetRow(fmt.Sprintf("A%d", i+2), []any{storetest.Pupil(i), fmt.Sprintf("学生%d", i), fmt.Sprintf("%s年级（%d）班", []string{"一", "二", "三", "四", "五", "六"}[i/500], i/50%10+1), "男", "2016-09-01", "是"})
	}
	w.Flush()
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	at := s.Upload("/import", "x.xlsx", b.Bytes(), "kind", "roster", "year", "2026").Is(303).Location
	p := s.Get(at).Is(200, "第 1 页，共 60 页")
	took := time.Since(begin)
	t.Logf("%d KB of file, preview in %v, page of %d bytes", b.Len()>>10, took.Round(time.Millisecond), len(p.Body))
	if took > 3*time.Second {
		t.Errorf("a preview took %v", took)
	}
	if len(p.Body) > 150<<10 {
		t.Errorf("a page of %d bytes", len(p.Body))
	}
	s.Get(at+"?page=60").Is(200, "学生2999")
	begin = time.Now()
	s.Post(at + "/store").Is(303)
	t.Logf("stored in %v", time.Since(begin).Round(time.Millisecond))
	s.Get(at).Is(200, "新增 3000")
	// A file that names a few transfers nobody out by chance.
	at = s.Upload("/import", "x.csv", file(row(1, "学生1,一年级（1）班,男")), "kind", "roster", "year", "2026").Is(303).Location
	s.Get(at).Is(200, "2999 名学生不在这个文件里").Lacks(`name="out"`)
}
