package schema

import (
	"encoding/base32"
	"strconv"
	"strings"
	"unicode/utf8"

	"shangu/schema/text"
)

// FoldClass brings a class's name as typed to its canonical form: no blanks,
// ASCII digits, full-width brackets: 一年级（1）班.
func FoldClass(name string) string {
	if classFolded(name) {
		return name
	}
	return classFolder.Replace(Fold(name))
}

var classFolder = strings.NewReplacer(" ", "", "(", "（", ")", "）", "/", "")

// classFolded reports whether FoldClass would leave a name as it is. Nearly all
// names are folded already, and each sheet's id has one.
func classFolded(name string) bool {
	for i, r := range name {
		switch {
		case r < utf8.RuneSelf:
			switch r {
			case ' ', '\t', '\n', '\r', '(', ')', '/':
				return false
			}
		case r == '（' || r == '）':
		case r >= '！' && r <= '～', r == '\u3000', r == '\u00a0', r == '\u200b', r == '\ufeff':
			return false
		case r == utf8.RuneError && !strings.HasPrefix(name[i:], string(utf8.RuneError)):
			return false // not UTF-8
		}
	}
	return true
}

// ClassID is the natural id of a class: the school year in which it has that
// name, and the name: "2026/一年级（1）班".
func ClassID(year int, name string) string {
	return strconv.Itoa(year) + "/" + FoldClass(name)
}

// ParseClassID reads what ClassID wrote; ok is false for any other text.
func ParseClassID(id string) (year int, name string, ok bool) {
	y, name, ok := strings.Cut(id, "/")
	if !ok || len(y) != 4 || !digits(y) || name == "" || name != FoldClass(name) {
		return 0, "", false
	}
	year, err := strconv.Atoi(y)
	return year, name, err == nil && year >= 1950
}

// EnrolmentID is the natural id of an enrolment: pupil, class and first day:
// "G990109201901210017/2026/一年级（1）班/2026-09-01".
func EnrolmentID(pupil, class string, from Date) string {
	return pupil + "/" + class + "/" + from.String()
}

// ParseEnrolmentID reads what EnrolmentID wrote.
func ParseEnrolmentID(id string) (pupil, class string, from Date, ok bool) {
	pupil, rest, ok1 := strings.Cut(id, "/")
	i := strings.LastIndexByte(rest, '/')
	if !ok1 || i < 0 {
		return "", "", 0, false
	}
	class = rest[:i]
	from, ok = ParseDate(rest[i+1:])
	_, _, isClass := ParseClassID(class)
	return pupil, class, from, ok && isClass && pupil != ""
}

// CaseID is the natural id of an absence case: two computers that open a pupil's
// case on the same day meet in one.
func CaseID(pupil string, opened Date) string { return pupil + "/" + opened.String() }

// ParseCaseID reads what CaseID wrote.
func ParseCaseID(id string) (pupil string, opened Date, ok bool) {
	pupil, day, _ := strings.Cut(id, "/")
	opened, ok = ParseDate(day)
	return pupil, opened, ok && pupil != ""
}

// ReportID is the natural id of a month's report, "2026-10", and of its correction
// sheets, "2026-10/1" and on.
func ReportID(month Date, correction int) string {
	if correction == 0 {
		return month.Month()
	}
	return month.Month() + "/" + strconv.Itoa(correction)
}

// ParseReportID reads what ReportID wrote: the first day of the month.
func ParseReportID(id string) (month Date, correction int, ok bool) {
	m, n, sheet := strings.Cut(id, "/")
	if sheet {
		c, err := strconv.Atoi(n)
		if err != nil || c < 1 || strconv.Itoa(c) != n {
			return 0, 0, false
		}
		correction = c
	}
	month, ok = ParseDate(m + "-01")
	return month, correction, ok
}

// idAlphabet leaves out letters that are taken for digits when read aloud.
var idAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID is the id of a document that has no natural one: it is made from the
// chain that writes it first and a counter of that chain, so that two computers
// never make the same. It can be computed again from both.
func NewID(chain [16]byte, counter uint64) string {
	return idAlphabet.EncodeToString(chain[:8]) + "-" + strconv.FormatUint(counter, 32)
}

// IsNewID reports whether an id looks like one that NewID made.
func IsNewID(id string) bool {
	chain, counter, ok := strings.Cut(id, "-")
	if _, err := strconv.ParseUint(counter, 32, 64); err != nil || !ok {
		return false
	}
	b, err := idAlphabet.DecodeString(chain)
	return err == nil && len(b) == 8
}

// maxID is the longest document id in bytes.
const maxID = 200

// CheckID says what is wrong with a document's id, or returns nil. Ids of
// unknown kinds are not looked at.
func CheckID(k Kind, id string) *text.Message {
	if _, known := kindNames[k]; !known {
		return nil
	}
	if id == "" || len(id) > maxID || !utf8.ValidString(id) || !cleanLine(id) {
		return badID(k, id)
	}
	switch k {
	case KindSheet:
		s, ok := ParseSheetID(id)
		if !ok || !dateInRange(s.Date) {
			return badID(k, id)
		}
		if _, _, ok := ParseClassID(s.Class); !ok {
			return badID(k, id)
		}
	case KindPupil:
		return CheckPupilID(id)
	case KindSchool:
		wrong, _ := CheckSchoolCode(id)
		return wrong
	case KindClass:
		if _, _, ok := ParseClassID(id); !ok {
			return badID(k, id)
		}
	case KindEnrolment:
		pupil, _, from, ok := ParseEnrolmentID(id)
		if !ok || !dateInRange(from) {
			return badID(k, id)
		}
		return CheckPupilID(pupil)
	case KindCase:
		pupil, opened, ok := ParseCaseID(id)
		if !ok || !dateInRange(opened) {
			return badID(k, id)
		}
		return CheckPupilID(pupil)
	case KindReport:
		if month, _, ok := ParseReportID(id); !ok || !dateInRange(month) {
			return badID(k, id)
		}
	case KindCalendar:
		if len(id) != 4 || !digits(id) {
			return badID(k, id)
		}
	}
	return nil
}

func badID(k Kind, id string) *text.Message {
	if len(id) > maxID {
		id = strings.ToValidUTF8(id[:maxID], "") + "…"
	}
	return text.New("schema.id", "kind", k.Label(), "id", strconv.Quote(id))
}
