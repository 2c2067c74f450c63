package schema

import (
	"strings"
	"time"
)

// Date is a civil date: days since 1970-01-01, without a zone.
type Date int32

// DateOf returns the date of a year, month and day.
func DateOf(y, m, d int) Date {
	return Date(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// ParseDate reads yyyy-mm-dd and nothing else.
func ParseDate(s string) (Date, bool) {
	t, err := time.Parse("2006-01-02", s)
	if err != nil || len(s) != 10 {
		return 0, false
	}
	return DateOf(t.Year(), int(t.Month()), t.Day()), true
}

func (d Date) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String is yyyy-mm-dd.
func (d Date) String() string { return d.time().Format("2006-01-02") }

// Month is yyyy-mm.
func (d Date) Month() string { return d.time().Format("2006-01") }

// SchoolYear is the year in which the date's school year began: it turns on
// 1 August.
func (d Date) SchoolYear() int {
	t := d.time()
	if t.Month() < time.August {
		return t.Year() - 1
	}
	return t.Year()
}

// Session is a part of the school day.
type Session uint8

// Sessions, in wire numbers.
const (
	SessionAM  Session = 1 // 上午
	SessionPM  Session = 2 // 下午
	SessionEve Session = 3 // 晚自习
)

var sessionNames = [...]string{"", "am", "pm", "eve"}

// String is the session's name in files: am, pm or eve.
func (s Session) String() string {
	if int(s) < len(sessionNames) {
		return sessionNames[s]
	}
	return ""
}

// ParseSession reads am, pm or eve.
func ParseSession(s string) (Session, bool) {
	for i, n := range sessionNames {
		if i > 0 && n == s {
			return Session(i), true
		}
	}
	return 0, false
}

// SheetID is the natural id of an attendance sheet, so that two computers that
// take the same roll meet in one sheet.
type SheetID struct {
	Date    Date
	Session Session
	Class   string // ClassID
}

// String is "2026-09-01/am/2026/一年级（1）班".
func (s SheetID) String() string {
	return s.Date.String() + "/" + s.Session.String() + "/" + s.Class
}

// ParseSheetID reads what String wrote.
func ParseSheetID(id string) (s SheetID, ok bool) {
	date, rest, ok1 := strings.Cut(id, "/")
	session, class, ok2 := strings.Cut(rest, "/")
	d, ok3 := ParseDate(date)
	n, ok4 := ParseSession(session)
	return SheetID{d, n, class}, ok1 && ok2 && ok3 && ok4 && class != ""
}
