package demo

import (
	"bytes"
	"embed"
	"encoding/csv"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// The sample is a part of the yunling data: the whole district as the office
// keeps it, and two small schools with a term of 54 days. Nobody in it is real.
//
//go:embed yunling
var sample embed.FS

// Sample is the sample's files: district and schools, as in the yunling data.
func Sample() (fs.FS, error) { return fs.Sub(sample, "yunling") }

func districtFiles() (fs.FS, error) { return fs.Sub(sample, "yunling/district") }

func schoolFile(code, name string) ([]byte, error) {
	return sample.ReadFile("yunling/schools/" + code + "/" + name)
}

// row is what a school's data comes to, from expected.csv.
type row struct {
	code, name                               string
	pupils, sheets, marks, visits, trainings int64
}

// expected lists the schools of the sample.
func expected() ([]row, error) {
	b, err := sample.ReadFile("yunling/expected.csv")
	if err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = 9
	lines, err := r.ReadAll()
	if err != nil || len(lines) < 2 {
		return nil, fmt.Errorf("read sample: %d lines: %w", len(lines), err)
	}
	var out []row
	for _, l := range lines[1:] {
		// school_code,school,students,classes,school_days,sheets,exceptions,visits,trainings
		x := row{code: l[0], name: l[1]}
		for col, to := range map[int]*int64{2: &x.pupils, 5: &x.sheets, 6: &x.marks, 7: &x.visits, 8: &x.trainings} {
			if *to, err = strconv.ParseInt(l[col], 10, 64); err != nil {
				return nil, fmt.Errorf("read sample: %w", err)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// lastDay is the last school day of the sample: the day of the story.
const lastDay = "2026-11-20"

// storyBegins is the afternoon of that day.
var storyBegins = time.Date(2026, 11, 20, 16, 30, 0, 0, time.FixedZone("CST", 8*3600))

// clock is the machine's, but not before the story: records of the future
// would be refused on a machine whose clock is behind.
func clock() func() time.Time {
	began := time.Now()
	if began.After(storyBegins) {
		return time.Now
	}
	return func() time.Time { return storyBegins.Add(time.Since(began)) }
}

// attendance is a school's attendance in three parts of the same table: what
// was recorded before the last day, what one class recorded on that morning,
// and the rest of the day.
type attendance struct {
	before, morning, rest []byte
	class                 string // whose roll is the morning's
}

const (
	colDate = iota
	colSession
	colClass
	colPupil
	colStatus
)

func splitAttendance(code string) (a attendance, err error) {
	b, err := schoolFile(code, "attendance.csv")
	if err != nil {
		return a, fmt.Errorf("read sample: %w", err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(lines) < 2 {
		return a, fmt.Errorf("read sample: %d lines: %w", len(lines), err)
	}
	var before, morning, rest [][]string
	for _, l := range lines[1:] {
		switch {
		case l[colDate] != lastDay:
			before = append(before, l)
		case a.class == "" || l[colClass] == a.class && l[colSession] == "am":
			a.class = l[colClass]
			morning = append(morning, l)
		default:
			rest = append(rest, l)
		}
	}
	a.before, a.morning, a.rest = table(lines[0], before), table(lines[0], morning), table(lines[0], rest)
	return a, nil
}

// correction is the last sheet before the story with a pupil down as sick, as
// it looks when the sick leave turns out to have been a leave for family
// reasons: a mark of the same sheet changed.
func correction(code string) (file []byte, date, class string, err error) {
	b, err := schoolFile(code, "attendance.csv")
	if err != nil {
		return nil, "", "", fmt.Errorf("read sample: %w", err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, "", "", fmt.Errorf("read sample: %w", err)
	}
	wrong := -1
	for i, l := range lines {
		if l[colStatus] == "sick" && l[colDate] < lastDay {
			wrong = i
		}
	}
	if wrong < 0 {
		return nil, "", "", fmt.Errorf("read sample: no pupil of %s was sick", code)
	}
	w := lines[wrong]
	var sheet [][]string
	for i, l := range lines {
		if l[colDate] != w[colDate] || l[colSession] != w[colSession] || l[colClass] != w[colClass] {
			continue
		}
		if i == wrong {
			l = append([]string{}, l...)
			l[colStatus] = "leave"
			for c := colStatus + 1; c < len(l); c++ {
				l[c] = "" // a leave has no symptom
			}
		}
		sheet = append(sheet, l)
	}
	return table(lines[0], sheet), w[colDate], w[colClass], nil
}

func table(head []string, lines [][]string) []byte {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(head)
	w.WriteAll(lines)
	return []byte(b.String())
}
