package intake

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"shangu/schema"
)

// bareClass is a class's name without its grade: 1班, （1）班, 2, 二班.
var bareClass = regexp.MustCompile(`^（?([0-9]{1,2}|[一二三四五六七八九十]{1,2})）?班?$`)

// className is a class's full name: a bare number goes with the grade beside it.
func className(grade, class string) string {
	class = schema.FoldClass(class)
	if m := bareClass.FindStringSubmatch(class); m != nil && grade != "" {
		n := m[1]
		if i := strings.Index("一二三四五六七八九", n); i >= 0 && len(n) == 3 {
			n = strconv.Itoa(i/3 + 1)
		}
		return grade + "（" + n + "）班"
	}
	return class
}

// grades are in the order of lists; a name's grade is the longest that it
// begins with.
var grades = []struct {
	name string
	year int
}{
	{"学前", 0}, {"一年级", 1}, {"二年级", 2}, {"三年级", 3}, {"四年级", 4}, {"五年级", 5}, {"六年级", 6},
	{"七年级", 7}, {"八年级", 8}, {"九年级", 9}, {"初一", 7}, {"初二", 8}, {"初三", 9},
	{"高一", 10}, {"高二", 11}, {"高三", 12}, {"高中一年级", 10}, {"高中二年级", 11}, {"高中三年级", 12},
	{"初中一年级", 7}, {"初中二年级", 8}, {"初中三年级", 9},
}

// gradeOf returns the grade that a class's name begins with and its number in
// school, 0 to 12; ok is false when the name says none.
func gradeOf(class string) (name string, year int, ok bool) {
	for _, g := range grades {
		if strings.HasPrefix(class, g.name) {
			return g.name, g.year, true
		}
	}
	return "", 0, false
}

var classNumber = regexp.MustCompile(`[0-9]{1,2}`)

// classOrder is a class's place in lists: by grade, then by number. Names that
// say neither come last.
func classOrder(class string) int64 {
	_, year, ok := gradeOf(class)
	if !ok {
		return 9000
	}
	n, _ := strconv.Atoi(classNumber.FindString(class))
	return int64(year*100 + n)
}

// enters reports whether pupils come to a grade from outside: the first of a
// school stage.
func enters(class string) bool {
	_, year, ok := gradeOf(class)
	return ok && (year <= 1 || year == 7 || year == 10)
}

// yearStart is the first day of a school year; see schema.Date.SchoolYear.
func yearStart(year int) schema.Date { return schema.DateOf(year, int(time.August), 1) }

func yearOf(d schema.Date) int {
	y, _ := strconv.Atoi(d.String()[:4])
	return y
}

// monthStart is the first day of a month given as year*100+month.
func monthStart(m int64) schema.Date { return schema.DateOf(int(m/100), int(m%100), 1) }
