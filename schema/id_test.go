package schema

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestPupilIDs(t *testing.T) {
	for _, c := range []struct{ id, want string }{
		{"G990109201901210017", ""},
		{"G99010920190926858X", ""},
		{"J990109201901210017", ""},
		{"L990109201901210018", ""},
		{"L99010920190121001X", "schema.pupil_id_digit"},
		{"G990109201901210018", "schema.pupil_id_check"},
		{"J990109201901210011", "schema.pupil_id_check"},
		{"G990109201902300017", "schema.pupil_id_birth"},
		{"G990109000001010017", "schema.pupil_id_birth"},
		{"H990109201901210017", "schema.pupil_id_letter"},
		{"g990109201901210017", "schema.pupil_id_letter"},
		{"G99010920190121001", "schema.pupil_id_length"},
		{"", "schema.pupil_id_length"},
		{"G9901092019012１001", "schema.pupil_id_length"},
		{"G99O109201901210017", "schema.pupil_id_digit"},
		{"G99010920190121001x", "schema.pupil_id_digit"},
		{"GX90109201901210017", "schema.pupil_id_digit"},
	} {
		m := CheckPupilID(c.id)
		got := ""
		if m != nil {
			got = m.ID()
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.id, got, c.want)
		}
	}
	if got := FoldPupilID("　ｇ990109 20190926８58ｘ "); CheckPupilID(got) != nil {
		t.Errorf("folded to %q", got)
	}
}

// TestOneMistypedCharacterIsFound is what MOD 11-2 promises: any one digit
// changed and any two neighbours swapped are found.
func TestOneMistypedCharacterIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		birth := DateOf(2006, 1, 1) + Date(rapid.IntRange(0, 7000).Draw(t, "birth"))
		var y, m, d int
		if _, err := fmt.Sscanf(birth.String(), "%d-%d-%d", &y, &m, &d); err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf("%06d%04d%02d%02d%03d", rapid.IntRange(110000, 999999).Draw(t, "area"), y, m, d, rapid.IntRange(0, 999).Draw(t, "serial"))
		id := "G" + body + string(checkCharacter(body))
		if msg := CheckPupilID(id); msg != nil {
			t.Fatal(msg)
		}
		b := []byte(id)
		at := rapid.IntRange(1, 17).Draw(t, "at")
		b[at] = '0' + (b[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if CheckPupilID(string(b)) == nil {
			t.Fatalf("%s passes for %s", b, id)
		}
		b = []byte(id)
		if at < 17 && b[at] != b[at+1] {
			b[at], b[at+1] = b[at+1], b[at]
			if CheckPupilID(string(b)) == nil {
				t.Fatalf("%s passes for %s", b, id)
			}
		}
	})
}

func TestSchoolCodes(t *testing.T) {
	for _, c := range []struct {
		code, wrong string
		odd         int
	}{
		{"2199109001", "", 0}, {"3199109004", "", 0}, {"2111000001", "", 0}, {"9151000001", "", 0},
		{"6111000001", "", 1}, {"2160109001", "schema.school_code_province", 0}, {"219910900", "schema.school_code_length", 0},
		{"21991090011", "schema.school_code_length", 0}, {"2１99109001", "schema.school_code_length", 0}, {"21991090O1", "schema.school_code_digits", 0},
	} {
		wrong, odd := CheckSchoolCode(c.code)
		got := ""
		if wrong != nil {
			got = wrong.ID()
		}
		if got != c.wrong || len(odd) != c.odd {
			t.Errorf("%q: %q and %d oddities, want %q and %d", c.code, got, len(odd), c.wrong, c.odd)
		}
	}
	if !MadeUp("2199109001") || MadeUp("2111000001") || MadeUp("99") {
		t.Error("made-up codes are not told from others")
	}
}

func TestFolding(t *testing.T) {
	for in, want := range map[string]string{
		"  一年级（1）班 ": "一年级（1）班", "一年级(1)班": "一年级（1）班", "一年级（１）班": "一年级（1）班",
		"一年级 ( １ ) 班　": "一年级（1）班", "高一(12)班": "高一（12）班", "\ufeff一年级（1）班": "一年级（1）班",
	} {
		if got := FoldClass(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Fold("\u00a0Ａｂ，　１２：３\t\n４ "); got != "Ab, 12:3 4" {
		t.Errorf("%q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if f := Fold(s); Fold(f) != f {
			t.Fatalf("%q folds to %q and that to %q", s, f, Fold(f))
		}
		if f := FoldClass(s); FoldClass(f) != f {
			t.Fatalf("%q folds to class %q and that to %q", s, f, FoldClass(f))
		}
	})
}

func TestIDsReadBack(t *testing.T) {
	class := ClassID(2026, "一年级(１)班")
	if class != "2026/一年级（1）班" {
		t.Fatal(class)
	}
	if y, n, ok := ParseClassID(class); !ok || y != 2026 || n != "一年级（1）班" {
		t.Error(y, n, ok)
	}
	sheet := SheetID{DateOf(2026, 9, 1), SessionAM, class}
	if got, ok := ParseSheetID(sheet.String()); !ok || got != sheet {
		t.Errorf("%v from %s", got, sheet)
	}
	id := EnrolmentID("G990109201901210017", class, DateOf(2026, 9, 1))
	if p, c, from, ok := ParseEnrolmentID(id); !ok || p != "G990109201901210017" || c != class || from != DateOf(2026, 9, 1) {
		t.Errorf("%s: %s %s %s %v", id, p, c, from, ok)
	}
	for kind, bad := range map[Kind][]string{
		KindSheet:     {"", "2026-09-01/am/一年级（1）班", "2026-09-01/noon/2026/一年级（1）班", "2026-02-30/am/2026/一年级（1）班", "2026-09-01/am/2026/一年级(1)班", "1026-09-01/am/2026/一年级（1）班"},
		KindClass:     {"", "一年级（1）班", "26/一年级（1）班", "2026/", "2026/一年级(1)班", "2026/a/b"},
		KindEnrolment: {"", "G990109201901210017", "G990109201901210018/2026/一年级（1）班/2026-09-01", "G990109201901210017/2026/一年级（1）班/2026-9-1"},
		KindPupil:     {"", "G990109201901210018"},
		KindSchool:    {"", "1"},
		KindCalendar:  {"", "26", "2026-27"},
		KindVisit:     {"", "a\nb", "\xff"},
	} {
		for _, id := range bad {
			if CheckID(kind, id) == nil {
				t.Errorf("%s takes the id %q", kind, id)
			}
		}
	}
	for kind, id := range map[Kind]string{KindSheet: sheet.String(), KindClass: class, KindEnrolment: "G990109201901210017/" + class + "/2026-09-01", KindCalendar: "2026", KindVisit: "v1", Kind(999): ""} {
		if m := CheckID(kind, id); m != nil {
			t.Errorf("%s: %v", kind, m)
		}
	}
}

func TestNewIDs(t *testing.T) {
	a, b := [16]byte{1}, [16]byte{2}
	seen := map[string]bool{}
	for _, chain := range [][16]byte{a, b} {
		for n := range uint64(2000) {
			id := NewID(chain, n)
			if seen[id] || CheckID(KindVisit, id) != nil {
				t.Fatalf("id %q", id)
			}
			seen[id] = true
		}
	}
	if got := NewID(a, 33); got != "0400000000000-11" {
		t.Error(got)
	}
}

func TestDatesAndSessions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Date(rapid.Int32Range(int32(minDate), int32(maxDate)).Draw(t, "d"))
		if got, ok := ParseDate(d.String()); !ok || got != d {
			t.Fatalf("%d: %s read back as %d", d, d, got)
		}
	})
	for _, s := range []string{"", "2026-9-1", "2026-02-29", "2026/09/01", "2026-09-01 ", "02026-09-01"} {
		if d, ok := ParseDate(s); ok {
			t.Errorf("%q is %v", s, d)
		}
	}
	if DateOf(2026, 7, 31).SchoolYear() != 2025 || DateOf(2026, 8, 1).SchoolYear() != 2026 {
		t.Error("the school year does not turn on 1 August")
	}
	for _, s := range []Session{SessionAM, SessionPM, SessionEve} {
		if got, ok := ParseSession(s.String()); !ok || got != s {
			t.Errorf("%d: %q", s, s)
		}
	}
	if _, ok := ParseSession(""); ok {
		t.Error("no session is a session")
	}
}

func TestIDsOfCasesAndReports(t *testing.T) {
	pupil, day := "G990109201901210017", DateOf(2026, 10, 12)
	if p, d, ok := ParseCaseID(CaseID(pupil, day)); p != pupil || d != day || !ok {
		t.Error(p, d, ok)
	}
	for n, want := range []string{"2026-10", "2026-10/1"} {
		id := ReportID(day, n)
		if month, c, ok := ParseReportID(id); id != want || month != DateOf(2026, 10, 1) || c != n || !ok {
			t.Error(id, month, c, ok)
		}
	}
	for k, ids := range map[Kind][]string{
		KindCase:   {"", pupil, pupil + "/", "x/2026-10-12", pupil + "/2026-10-12/1", pupil + "/2026-02-30"},
		KindReport: {"", "2026", "2026-13", "2026-10/", "2026-10/0", "2026-10/01", "2026-10-01", "2026-10/1/1"},
	} {
		for _, id := range ids {
			if CheckID(k, id) == nil {
				t.Errorf("%v takes %q", k, id)
			}
		}
	}
}

func TestIsNewID(t *testing.T) {
	for id, want := range map[string]bool{
		NewID([16]byte{1, 2, 3}, 1<<24+7): true, NewID([16]byte{}, 0): true, "": false, "-1": false, "2026-10-12/P005/1": false,
		"000000000000-1": false, "0000000000000-": false, "0000000000000-x!": false, "T2199109015009-1": false,
	} {
		if IsNewID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
