package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// choose puts a file into a field of a form, as the desktop's dialog does.
func (b *tab) choose(sel, path string) {
	b.t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.do("choose "+path, chromedp.SetUploadFiles(sel, []string{full}))
}

// The classes, a search, a pupil who moves, with a slip in it, and is taken back; who
// comes; what is kept apart.
func TestRosterPages(t *testing.T) {
	t.Parallel()
	d := open(t, mountainSchool, "roster", "teachers")
	d.Go("/roster")
	d.Check("roster")
	d.Type("[name=on]", "2026-09-01")
	d.Follow("form[method=get] button")
	if !d.Says("不是今天的") {
		t.Errorf("another day: %s", d.where())
	}
	d.Go("/roster")
	d.Follow(".list tbody a")
	d.Check("roster-class")
	name := d.Text(".list tbody a")
	d.Follow(".list tbody a")
	d.Check("roster-pupil")
	pupil := d.Path()

	// By its name, in a form that leaves nothing in the address.
	d.Go("/roster")
	d.reach("[name=who]")
	d.Type("[name=who]", name)
	d.Press("\r")
	d.See(".list tbody a")
	if d.Path() != "/roster/find" || d.Text(".list tbody a") != name {
		t.Errorf("found: %s", d.where())
	}
	d.Check("roster-found")
	d.Type("[name=who]", "zzzz")
	d.Press("\r")
	d.See(".empty")
	d.Check("roster-found-none")

	// Moved without saying where to, then by keyboard to the first class there is.
	d.Go(pupil)
	d.Click("details:nth-of-type(1) summary")
	d.Submit("details:nth-of-type(1) form")
	if !d.Has("#f-class-wrong") || d.Value("[name=from]") != today {
		t.Errorf("a move to nowhere: %s", d.where())
	}
	d.Check("roster-move-wrong")
	class := Eval[string](d.tab, `document.querySelector("[name=class]").options[1].value`)
	d.Choose("[name=class]", class)
	d.Submit("details:nth-of-type(1) form")
	if d.Path() != pupil || !d.Says("撤销这一步") {
		t.Fatalf("moved: %s", d.where())
	}
	d.Check("roster-moved")
	d.Follow(".undo button")
	if d.Path() != pupil || d.Says("撤销这一步") {
		t.Errorf("taken back: %s", d.where())
	}
	d.Go(pupil + "/more")
	d.Check("roster-more")
	// The look was written down before the page was shown.
	d.Go("/settings")
	d.Follow("[href='/settings/access']")
	if d.Text(".list tbody th") != "王老师" || !d.Says("学生的受限资料") {
		t.Errorf("nobody knows who looked: %s", d.where())
	}
	d.Check("access")

	d.Go("/roster/new")
	d.Check("roster-new")
	d.reach("[name=id]")
	d.Type("[name=id]", "G1234")
	d.Type("[name=name]", "张小明")
	d.Press("\r")
	d.See("#f-id-wrong")
	if d.Value("[name=id]") != "G1234" || d.Value("[name=name]") != "张小明" {
		t.Errorf("a slip lost what was typed: %s", d.where())
	}
	d.Check("roster-new-wrong")
	d.Type("[name=id]", "L990109201609017777")
	d.Choose("[name=class]", Eval[string](d.tab, `document.querySelector("[name=class]").options[1].value`))
	d.Submit("main form.card")
	if !strings.HasPrefix(d.Path(), "/roster/pupil/") || !d.Says("张小明") || strings.Contains(d.Path(), "7777") {
		t.Errorf("a pupil comes: %s", d.where())
	}
	d.Go("/roster/teachers")
	d.Check("roster-teachers")
}

// A teacher and a class are put right: a slip is said beside the field and loses nothing;
// what is listed can be taken away from the page that lists it.
func TestTeacherAndClassPages(t *testing.T) {
	t.Parallel()
	d := open(t, mountainSchool, "roster", "teachers")
	d.Go("/roster/teachers")
	name := d.Text(".list tbody a")
	d.Follow(".list tbody a")
	at := d.Path()
	d.Check("roster-teacher")
	d.reach("[name=subject]")
	d.Type("[name=subject]", "科学")
	d.Type("[name=birth]", "十九")
	d.Submit("main form.card")
	if !d.Has("#f-birth-wrong") || d.Value("[name=subject]") != "科学" || d.Value("[name=birth]") != "十九" {
		t.Errorf("a slip lost what was typed: %s", d.where())
	}
	d.Check("roster-teacher-wrong")
	d.Type("[name=birth]", "1985")
	d.Press("\r")
	d.See(".take")
	if d.Path() != "/roster/teachers" || !d.Says("科学") {
		t.Errorf("put right: %s", d.where())
	}
	if !d.Has(`form[action="/exports/teachers"] [name=names]`) {
		t.Errorf("the list cannot be taken away: %s", d.where())
	}

	d.Go("/roster")
	d.Follow(".list tbody a")
	class := d.Path()
	d.Click("details summary")
	d.Choose("[name=head]", Eval[string](d.tab, `Array.from(document.querySelector("[name=head]").options).find(function (o) { return o.text === "`+name+`" }).value`))
	d.Check("roster-class-correct")
	d.Submit("details form")
	if d.Path() != class || !d.Says("班主任 "+name) {
		t.Errorf("a class teacher: %s", d.where())
	}
	d.Go(at)
	if !d.Has(`.facts a[href="` + class + `"]`) {
		t.Errorf("the class is not with its teacher: %s", d.where())
	}
}

// A table comes in: looked at first, its columns said once, then stored; a file with
// something wrong says where.
func TestImportPages(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool)
	d.Go("/roster")
	d.Check("roster-empty")
	d.Follow(".empty a")
	d.Check("import")
	d.choose("[name=file]", sample("schools", townSchool, "roster.xlsx"))
	d.Submit("main form")
	if !d.Says("确认存入") {
		t.Fatalf("a preview: %s", d.where())
	}
	d.Check("import-preview")
	d.Follow(".turn a")
	if !d.Says("第 2 页") {
		t.Errorf("the next lines: %s", d.where())
	}
	d.Submit("#store")
	if !d.Says("已存在这台电脑上") {
		t.Fatalf("stored: %s", d.where())
	}
	d.Check("import-done")

	dir := t.TempDir()
	file := func(name, body string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	d.Go("/import")
	d.choose("[name=file]", file("wrong.csv", "全国学籍号,姓名,班级\nG1234,张三,七年级（1）班\nL990109201609017777,,七年级（1）班\n"))
	d.Submit("main form")
	if !d.Says("2 处要改") || d.Has("#store") {
		t.Errorf("a file with slips: %s", d.where())
	}
	d.Check("import-wrong")
	d.Go("/import")
	d.choose("[name=file]", file("other.csv", "号码,谁,哪里\nL990109201609017777,李四,七年级（1）班\n"))
	d.Submit("main form")
	d.Check("import-unknown")
	d.Follow(".does a.yes")
	d.Choose("[name=column0]", "student_id")
	d.Choose("[name=column1]", "name")
	d.Submit("main form")
	if !d.Says("还没有选：班级") || d.Value("[name=column1]") != "name" {
		t.Errorf("a column is lacking: %s", d.where())
	}
	d.Check("import-columns")
	d.Choose("[name=column2]", "class")
	d.Submit("main form")
	if !d.Says("李四") || !d.Has("#store") {
		t.Errorf("columns were said: %s", d.where())
	}
	d.Check("import-gone")
}
