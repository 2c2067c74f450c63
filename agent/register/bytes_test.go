package register

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema"
	"shangu/schema/schooltest"
)

func drawPupil(t *rapid.T) string {
	birth := schema.DateOf(2010, 1, 1) + schema.Date(rapid.IntRange(0, 4000).Draw(t, "birth"))
	id := schooltest.PupilNumber(fmt.Sprintf("%06d", rapid.IntRange(0, 999999).Draw(t, "area")), birth, rapid.IntRange(0, 999).Draw(t, "serial"))
	switch rapid.IntRange(0, 2).Draw(t, "letter") {
	case 0:
		return "J" + id[1:]
	case 1:
		return "L" + id[1:18] + fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "last"))
	}
	return id
}

// A pupil's number survives packing, in its order.
func TestPupilNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPupil(t), drawPupil(t)
		x, ok1 := packPupil(a)
		y, ok2 := packPupil(b)
		if back, ok := unpackPupil(x); !ok1 || !ok2 || !ok || back != a {
			t.Fatalf("%s became %s", a, back)
		}
		if (a < b) != (x < y) || (a == b) != (x == y) {
			t.Fatalf("%s and %s are packed in another order", a, b)
		}
	})
}

func drawClass(t *rapid.T) ClassFigures {
	c := ClassFigures{Class: "2026/一年级（1）班"}
	n := rapid.IntRange(0, 300)
	for _, s := range sessions {
		c.Sheets[s] = Sheets{n.Draw(t, "due"), n.Draw(t, "taken"), n.Draw(t, "none")}
	}
	for i := range c.Symptoms {
		c.Symptoms[i] = rapid.SampledFrom([]int{0, 0, 0, 1, 200}).Draw(t, "symptom")
	}
	for range rapid.IntRange(0, 6).Draw(t, "pupils") {
		p := PupilFigures{Pupil: drawPupil(t)}
		for i := range p.By {
			p.By[i] = rapid.SampledFrom([]int{0, 0, 1, 44}).Draw(t, "count")
			p.Sessions += p.By[i]
		}
		c.Pupils = append(c.Pupils, p)
	}
	slices.SortFunc(c.Pupils, byNumber)
	c.Pupils = slices.CompactFunc(c.Pupils, func(a, b PupilFigures) bool { return a.Pupil == b.Pupil })
	return c
}

func TestFiguresSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawClass(t)
		b, err := appendClass(nil, &c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseClass(c.Class, b)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v became %+v, %v", c, got, err)
		}
		if _, err := parseClass(c.Class, append(b, 0)); err == nil {
			t.Fatal("a byte too many was taken")
		}
		if _, err := parseClass(c.Class, b[:len(b)-1]); err == nil {
			t.Fatal("a byte too few was taken")
		}
		f := &Figures{Month: schema.DateOf(2026, 10, 1), Classes: []ClassFigures{c}, School: SchoolFigures{Hosted: 1, Training: 3600}}
		z, err := freeze(f)
		if err != nil {
			t.Fatal(err)
		}
		back, err := z.figures()
		if err != nil || !reflect.DeepEqual(back, f) || len(Compare(f, back)) != 0 {
			t.Fatalf("%+v became %+v, %v", f, back, err)
		}
	})
}

// Whatever bytes come, reading ends, and what was read is written the same way.
func FuzzClass(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte(strings.Repeat("\xff", 40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseClass("2026/一年级（1）班", b)
		if err != nil {
			return
		}
		if _, err := appendClass(nil, &c); err != nil {
			t.Fatalf("read and not to be written: %v", err)
		}
	})
}

// The report of a school of 3,000 pupils fits into one document.
func TestLargeReport(t *testing.T) {
	size := 0
	for i := range 75 {
		c := ClassFigures{Class: fmt.Sprintf("2026/一年级（%d）班", i+1)}
		for _, s := range sessions {
			c.Sheets[s] = Sheets{22, 22, 0}
		}
		for j := range 40 {
			p := PupilFigures{Pupil: schooltest.PupilNumber("990109", schema.DateOf(2014, 1, 1)+schema.Date(j*17), i*10+j), Sessions: 66}
			for k, status := range []schema.Status{schema.StatusLate, schema.StatusSick, schema.StatusLeave} {
				p.By[status] = 1 + (j+k)%3
			}
			c.Pupils = append(c.Pupils, p)
		}
		slices.SortFunc(c.Pupils, byNumber)
		b, err := appendClass(nil, &c)
		if err != nil {
			t.Fatal(err)
		}
		size += len(b) + len(c.Class) + 96
	}
	t.Logf("3,000 pupils of whom each has three sorts of marks: %d KiB of %d", size>>10, 64)
	if size > 60<<10 {
		t.Errorf("%d bytes", size)
	}
}
