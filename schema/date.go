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
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	return dateOfDigits(s[:4], s[5:7], s[8:])
}

// dateOfDigits reads a year, month and day of 4, 2 and 2 digits. Ids hold
// dates, so the hub does this for every document: no time.Parse.
func dateOfDigits(year, month, day string) (Date, bool) {
	y, ok1 := number(year)
	m, ok2 := number(month)
	d, ok3 := number(day)
	if !ok1 || !ok2 || !ok3 || m < 1 || m > 12 || d < 1 || d > 28 && d > daysIn(y, m) {
		return 0, false
	}
	return DateOf(y, m, d), true
}

func number(s string) (n int, ok bool) {
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, true
}

func daysIn(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func (d Date) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String is yyyy-mm-dd.
func (d Date) String() string {
	b, ok := d.ascii()
	if !ok {
		return d.time().Format(time.DateOnly)
	}
	return string(b[:])
}

// Text is String, "" for the zero Date, which stands for none.
func (d Date) Text() string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// Month is yyyy-mm.
func (d Date) Month() string {
	b, ok := d.ascii()
	if !ok {
		return d.time().Format("2006-01")
	}
	return string(b[:7])
}

// ascii is yyyy-mm-dd; ok is false for years that are not of four digits.
func (d Date) ascii() (b [10]byte, ok bool) {
	y, m, day := d.time().Date()
	if y < 0 || y > 9999 {
		return b, false
	}
	pair := func(i, n int) { b[i], b[i+1] = '0'+byte(n/10), '0'+byte(n%10) }
	pair(0, y/100)
	pair(2, y%100)
	b[4], b[7] = '-', '-'
	pair(5, int(m))
	pair(8, day)
	return b, true
}

// Parts are the date's year, month and day.
func (d Date) Parts() (year, month, day int) {
	y, m, dd := d.time().Date()
	return y, int(m), dd
}

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.time().Weekday() }

// Weekend reports whether a date is a Saturday or a Sunday.
func (d Date) Weekend() bool { return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday }

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
