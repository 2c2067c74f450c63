package watch_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"shangu/agent/attend"
	"shangu/agent/form"
	"shangu/agent/roster"
	"shangu/agent/store"
	"shangu/agent/store/storetest"
	"shangu/agent/watch"
	"shangu/schema"
	"shangu/schema/text"
)

var _ watch.Store = (*store.Store)(nil)

const class = "2026/一年级（2）班"

var monday = schema.DateOf(2026, 10, 12)

type school struct {
	t    *testing.T
	s    *store.Store
	desk *watch.Desk
}

func newSchool(t *testing.T) *school {
	t.Helper()
	s := storetest.Open(t)
	c := &school{t, s, watch.NewDesk(s, s, roster.NewBook(s, []byte("secret of addresses")), attend.NewBook(s))}
	c.save(storetest.Class(class, schema.DateOf(2026, 9, 1), "张0", "张1", "张2", "张3", "张4", "张5", "张6", "张7")...)
	return c
}

func (c *school) save(edits ...store.Edit) {
	c.t.Helper()
	storetest.Save(c.t, c.s, edits...)
}

// roll takes a roll: marks as pupil, status, pupil, status.
func (c *school) roll(on schema.Date, session schema.Session, marks ...int) {
	c.t.Helper()
	c.save(storetest.Sheet(class, on, session, schema.SheetTaken, storetest.Marks(marks...)))
}

func (c *school) absences(on schema.Date) (open, gone []watch.Finding) {
	c.t.Helper()
	open, gone, err := c.desk.Absences(on)
	if err != nil {
		c.t.Fatal(err)
	}
	return open, gone
}

const absent, unknown, onLeave, feverish, coughing, retching, injured = 6, 7, 5, 104, 204, 804, 1304

func TestThreeDaysRunning(t *testing.T) {
	c := newSchool(t)
	for i := range 2 {
		c.roll(monday+schema.Date(i), schema.SessionAM, 1, absent)
		c.roll(monday+schema.Date(i), schema.SessionPM)
	}
	if open, _ := c.absences(monday + 1); len(open) != 0 {
		t.Fatalf("after two days: %+v", open)
	}
	// Nobody took a roll on the third day: it breaks nothing.
	c.roll(monday+3, schema.SessionPM, 1, absent, 2, onLeave)
	open, _ := c.absences(monday + 3)
	if len(open) != 1 || open[0].Pupil.ID != storetest.Pupil(1) || open[0].Rules[0] != schema.CaseRun || len(open[0].Days) != 3 {
		t.Fatalf("after three: %+v", open)
	}
	if open, _ = c.absences(monday + 2); len(open) != 0 {
		t.Errorf("as of the day before: %+v", open)
	}
}

func TestUnknownAndWatchedOpenAtOnce(t *testing.T) {
	c := newSchool(t)
	c.roll(monday, schema.SessionAM, 1, unknown, 2, absent)
	if open, _ := c.absences(monday); len(open) != 1 || open[0].Rules[0] != schema.CaseUnknown {
		t.Fatalf("%+v", open)
	}
	if err := c.desk.SetWatched(t.Context(), "校长", map[string]bool{storetest.Pupil(2): true}); err != nil {
		t.Fatal(err)
	}
	if open, _ := c.absences(monday); len(open) != 2 || open[0].Rules[0] != schema.CaseWatched {
		t.Fatalf("%+v", open)
	}
	if list, err := c.desk.Watched(monday); err != nil || len(list) != 1 || list[0].ID != storetest.Pupil(2) {
		t.Errorf("%v, %v", list, err)
	}
	if err := c.desk.SetWatched(t.Context(), "校长", map[string]bool{storetest.Pupil(2): false}); err != nil {
		t.Fatal(err)
	}
	if open, _ := c.absences(monday); len(open) != 1 {
		t.Errorf("%+v", open)
	}
}

func TestACaseFromBeginningToEnd(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	c.roll(monday, schema.SessionAM, 1, unknown)
	id, err := c.desk.Open(ctx, "王", watch.Opening{Pupil: storetest.Pupil(1), Rule: schema.CaseUnknown, On: monday, By: "王"})
	if err != nil {
		t.Fatal(err)
	}
	if open, _ := c.absences(monday); len(open) != 0 {
		t.Errorf("proposed again: %+v", open)
	}
	said := func(err error, field, id string) {
		t.Helper()
		fe, ok := errors.AsType[*form.FieldError](err)
		if !ok || fe.Field != field || text.Of(err).ID() != id {
			t.Errorf("want %s at %s: %v", id, field, err)
		}
	}
	_, err = c.desk.Open(ctx, "李", watch.Opening{Pupil: storetest.Pupil(1), Rule: schema.CaseByHand, On: monday + 1})
	said(err, "pupil", "watch.has_case")
	said(c.desk.AddStep(ctx, "王", id, watch.Step{Kind: 1, Date: monday + 9, Result: "无人接听"}, monday), "date", "watch.not_yet")
	said(c.desk.AddStep(ctx, "王", id, watch.Step{Kind: 1, Date: monday}, monday), "result", "page.needed")
	for i, s := range []watch.Step{{Kind: 2, Date: monday + 1, By: "王", Result: "在家帮工"}, {Kind: 1, Date: monday, By: "王", Result: "无人接听"}} {
		if err := c.desk.AddStep(ctx, "王", id, s, monday+1); err != nil {
			t.Fatal(i, err)
		}
	}
	k, err := c.desk.Case(id)
	if err != nil || k == nil || len(k.Steps) != 2 || k.Steps[0].Kind != 1 || k.Last() != monday+1 {
		t.Fatalf("%+v, %v", k, err)
	}
	wrong := k.Steps[0].ID
	if err := c.desk.VoidStep(ctx, "王", id, wrong, ""); text.Of(err) == nil || text.Of(err).ID() != "watch.say_mistake" {
		t.Errorf("taken back without a reason: %v", err)
	}
	if err := c.desk.VoidStep(ctx, "王", id, wrong, "记错人了"); err != nil {
		t.Errorf("taken back: %v", err)
	}
	if k, err = c.desk.Case(id); err != nil || len(k.Steps) != 1 || k.Steps[0].Kind != 2 {
		t.Errorf("%+v, %v", k, err)
	}
	if err := c.desk.VoidStep(ctx, "王", id, wrong, "再来"); text.Of(err) == nil || text.Of(err).ID() != "watch.no_step" {
		t.Errorf("taken back twice: %v", err)
	}
	said(c.desk.Close(ctx, "王", id, watch.Closing{On: monday + 1}, monday+1), "end", "watch.no_end")
	said(c.desk.Close(ctx, "王", id, watch.Closing{On: monday + 1, End: 9}, monday+1), "note", "watch.say_why")
	said(c.desk.Close(ctx, "王", id, watch.Closing{On: monday - 1, End: 1}, monday+1), "on", "watch.before_opening")
	if err := c.desk.Close(ctx, "王", id, watch.Closing{On: monday + 1, End: 1, Note: "返校"}, monday+1); err != nil {
		t.Fatal(err)
	}
	if err := c.desk.AddStep(ctx, "王", id, watch.Step{Kind: 1, Date: monday, Result: "x"}, monday+1); text.Of(err) == nil || text.Of(err).ID() != "watch.is_closed" {
		t.Errorf("a step after the end: %v", err)
	}
	if open, _ := c.absences(monday + 1); len(open) != 0 {
		t.Errorf("what the case settled opens none: %+v", open)
	}
	// Away again: another case.
	c.roll(monday+2, schema.SessionAM, 1, unknown)
	open, _ := c.absences(monday + 2)
	if len(open) != 1 || !slices.Equal(open[0].Days, []schema.Date{monday + 2}) {
		t.Fatalf("%+v", open)
	}
	if _, err := c.desk.Open(ctx, "王", watch.Opening{Pupil: storetest.Pupil(1), Rule: schema.CaseUnknown, On: monday + 2}); err != nil {
		t.Error(err)
	}
	all, err := c.desk.Cases()
	if err != nil || len(all) != 2 || all[0].Closed != 0 || all[1].ID != id || all[1].End != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// A case that was closed by mistake goes on: its steps say so, and what it covers is
// covered again. One that another followed stays as it is.
func TestACaseClosedByMistake(t *testing.T) {
	c := newSchool(t)
	ctx := t.Context()
	c.roll(monday, schema.SessionAM, 1, unknown)
	id, err := c.desk.Open(ctx, "王", watch.Opening{Pupil: storetest.Pupil(1), Rule: schema.CaseUnknown, On: monday})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.desk.Close(ctx, "王", id, watch.Closing{On: monday, End: 1, Note: "见到人了"}, monday); err != nil {
		t.Fatal(err)
	}
	c.roll(monday+1, schema.SessionAM, 1, unknown)
	if open, _ := c.absences(monday + 1); len(open) != 1 {
		t.Fatalf("away again after the end: %+v", open)
	}
	said := func(err error, id string) {
		t.Helper()
		if text.Of(err) == nil || text.Of(err).ID() != id {
			t.Errorf("want %s: %v", id, err)
		}
	}
	if err := c.desk.Reopen(ctx, "李", id, "", monday+1); err == nil || err.Error() != text.New("page.needed").Error() {
		t.Errorf("taken back without a reason: %v", err)
	}
	said(c.desk.Reopen(ctx, "李", "nothing", "认错人", monday+1), "watch.no_case")
	for range 2 { // the button may be pressed twice
		if err := c.desk.Reopen(ctx, "李", id, "认错人了", monday+1); err != nil {
			t.Fatal(err)
		}
	}
	k, err := c.desk.Case(id)
	if err != nil || k.Closed != 0 || k.End != 0 || k.Note != "见到人了" || len(k.Steps) != 1 {
		t.Fatalf("%+v, %v", k, err)
	}
	if s := k.Steps[0]; s.By != "李" || s.Date != monday+1 || !strings.Contains(s.Result, "认错人了") || !strings.Contains(s.Result, "2026-10-12") || !strings.Contains(s.Result, "已返校") {
		t.Errorf("%+v", s)
	}
	if open, _ := c.absences(monday + 1); len(open) != 0 {
		t.Errorf("what the case covers again: %+v", open)
	}
	if err := c.desk.AddStep(ctx, "王", id, watch.Step{Kind: 1, Date: monday + 1, Result: "无人接听"}, monday+1); err != nil {
		t.Error(err)
	}
	if err := c.desk.Close(ctx, "王", id, watch.Closing{On: monday + 1, End: 1}, monday+1); err != nil {
		t.Fatal(err)
	}
	c.roll(monday+2, schema.SessionAM, 1, unknown)
	if _, err := c.desk.Open(ctx, "王", watch.Opening{Pupil: storetest.Pupil(1), Rule: schema.CaseUnknown, On: monday + 2}); err != nil {
		t.Fatal(err)
	}
	said(c.desk.Reopen(ctx, "李", id, "认错人了", monday+2), "watch.has_later")
}

// On the roster and never seen, with an excuse or without.
func TestNeverSeen(t *testing.T) {
	c := newSchool(t)
	on := schema.DateOf(2026, 9, 1)
	for n := 0; n < 10; on++ {
		if on.Weekend() {
			continue
		}
		_, gone := c.absences(on)
		if len(gone) != 0 {
			t.Fatalf("gone after %d days: %+v", n, gone)
		}
		c.roll(on, schema.SessionAM, 3, onLeave, 4, onLeave)
		c.roll(on, schema.SessionPM, 3, feverish)
		n++
	}
	open, gone := c.absences(on - 1)
	if len(gone) != 1 || gone[0].Pupil.ID != storetest.Pupil(3) || len(gone[0].Days) != 10 || len(open) != 1 || open[0].Rules[0] != schema.CaseGone {
		t.Errorf("%+v, %+v", open, gone)
	}
}

func TestSickness(t *testing.T) {
	c := newSchool(t)
	on := func(day schema.Date) watch.Checked {
		t.Helper()
		got, err := c.desk.SickOn(day)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := on(monday); got.Classes != 1 || got.Taken != 0 {
		t.Errorf("before any roll: %+v", got)
	}
	c.roll(monday, schema.SessionAM, 1, feverish, 2, coughing, 5, injured, 6, injured, 7, injured)
	c.roll(monday, schema.SessionPM, 1, feverish, 3, retching)
	if got := on(monday); len(got.Clusters) != 0 || got.Taken != 1 || got.Sick != 6 {
		t.Errorf("two alike, one twice, three injured: %+v", got)
	}
	c.roll(monday+1, schema.SessionAM, 3, feverish, 4, coughing)
	if got := on(monday + 1); len(got.Clusters) != 0 {
		t.Errorf("four within the run: %+v", got)
	}
	c.roll(monday+2, schema.SessionAM, 5, coughing)
	got := on(monday + 2)
	if len(got.Clusters) != 1 || got.Clusters[0].ByDay || !got.Clusters[0].ByRun || len(got.Clusters[0].Run) != 5 || got.Clusters[0].Group != watch.Respiratory {
		t.Errorf("five in three days: %+v", got)
	}
	c.roll(monday+3, schema.SessionAM)
	if got := on(monday + 3); len(got.Clusters) != 0 || got.Sick != 0 || got.Taken != 1 {
		t.Errorf("a day with none is none, whatever the days before were: %+v", got)
	}
	c.roll(monday+4, schema.SessionAM, 1, retching, 2, retching, 3, 604)
	got = on(monday + 4)
	if len(got.Clusters) != 1 || !got.Clusters[0].ByDay || got.Clusters[0].ByRun || got.Clusters[0].Group != watch.Digestive {
		t.Errorf("three in one day: %+v", got)
	}
	list, err := c.desk.Sickness(monday+7, 5)
	if err != nil || len(list) != 5 || list[0].Date != monday+7 || list[0].Taken != 0 || list[1].Date != monday+4 || list[3].Date != monday+2 || len(list[3].Clusters) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

// The table of cases masks who they are about unless asked otherwise, and never has
// what families said.
func TestCasesAsATable(t *testing.T) {
	c := newSchool(t)
	id, err := c.desk.Open(t.Context(), "王小二", watch.Opening{Pupil: storetest.Pupil(1), Rule: schema.CaseByHand, On: monday, By: "王小二", Note: "家里的事"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.desk.AddStep(t.Context(), "王小二", id, watch.Step{Kind: 1, Date: monday, Result: "家里的事"}, monday); err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{false, true} {
		var b bytes.Buffer
		if err := c.desk.WriteCases(&b, open); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := f.GetRows("控辍个案")
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v, %v", rows, err)
		}
		want := []string{schema.MaskID(storetest.Pupil(1)), "张*", "一年级（2）班", "2026-10-12", "人工立案", "王**", "1", "2026-10-12"}
		if open {
			want[0], want[1], want[5] = storetest.Pupil(1), "张1", "王小二"
		}
		if !slices.Equal(rows[2], want) {
			t.Errorf("open %v: %q", open, rows[2])
		}
		f.Close()
	}
}

// A cluster stays one when more pupils fall sick with the same, and injuries make none.
func TestClustersGrow(t *testing.T) {
	l := watch.SickLimits{Day: 3, Run: 5, Days: 3}
	rapid.Check(t, func(t *rapid.T) {
		var days []*attend.Day
		for i := range rapid.IntRange(1, 5).Draw(t, "days") {
			day := &attend.Day{Date: monday + schema.Date(i)}
			for _, session := range []schema.Session{schema.SessionAM, schema.SessionPM} {
				s := attend.Sheet{Class: class, Session: session, State: schema.SheetTaken}
				for p := range 8 {
					if rapid.IntRange(0, 3).Draw(t, "sick") == 0 {
						s.Marks = append(s.Marks, attend.Mark{Pupil: storetest.Pupil(p), Status: schema.StatusSick, Symptom: schema.Symptom(rapid.SampledFrom([]int{1, 2, 7, 13}).Draw(t, "symptom"))})
					}
				}
				day.Sheets = append(day.Sheets, s)
			}
			days = append(days, day)
		}
		was := l.Clusters(days)
		// By a plain reading: distinct pupils of the last day and of the last three.
		for _, g := range []watch.Group{watch.Respiratory, watch.Digestive} {
			on, run := map[string]bool{}, map[string]bool{}
			for i, d := range days[max(0, len(days)-3):] {
				for _, s := range d.Sheets {
					for _, m := range s.Marks {
						if (m.Symptom <= 2) == (g == watch.Respiratory) && m.Symptom != 13 {
							run[m.Pupil] = true
							if i == len(days[max(0, len(days)-3):])-1 {
								on[m.Pupil] = true
							}
						}
					}
				}
			}
			want := len(on) >= 3 || len(on) > 0 && len(run) >= 5
			if got := slices.ContainsFunc(was, func(c watch.Cluster) bool { return c.Group == g }); got != want {
				t.Fatalf("group %d: %d on the day, %d in three: alarm %v", g, len(on), len(run), got)
			}
		}
		for _, c := range was {
			if c.Group != watch.Respiratory && c.Group != watch.Digestive {
				t.Fatalf("an alarm of injuries: %+v", c)
			}
		}
		last := &days[len(days)-1].Sheets[1]
		last.Marks = append(last.Marks, attend.Mark{Pupil: storetest.Pupil(9), Status: schema.StatusSick, Symptom: 1})
		is := l.Clusters(days)
		for _, c := range was {
			if !slices.ContainsFunc(is, func(d watch.Cluster) bool { return c.Group == d.Group }) {
				t.Fatalf("one more is sick, and the alarm of group %d is gone", c.Group)
			}
		}
	})
}

// limits as the district sets them.
var limits = watch.Limits{Run: 3, Count: 5, Window: 20, Watch: 1, Gone: 10}

func history(t *rapid.T) []watch.PupilDay {
	var out []watch.PupilDay
	on := monday
	for _, k := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 40).Draw(t, "days") {
		d := watch.PupilDay{Date: on}
		switch k {
		case 0: // excused
		case 1:
			d.Unexcused = true
		case 2:
			d.Unexcused, d.Unknown = true, rapid.Bool().Draw(t, "unknown")
		case 3:
			d.Unexcused, d.Present = true, true
		default:
			d.Present = true
		}
		out = append(out, d)
		on += schema.Date(rapid.IntRange(1, 4).Draw(t, "gap"))
	}
	return out
}

// The rules say what a plain reading of them over the days says.
func TestRulesOfAbsence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days, watched := history(t), rapid.Bool().Draw(t, "watched")
		rules, on := limits.Judge(days, watched, 0)
		window := days[max(0, len(days)-limits.Window):]
		count, run, unknown := 0, false, false
		for i, d := range window {
			if d.Unexcused {
				count++
			}
			unknown = unknown || d.Unknown
			run = run || i >= 2 && d.Unexcused && window[i-1].Unexcused && window[i-2].Unexcused
		}
		gone := len(days) >= 10 && !slices.ContainsFunc(days[len(days)-10:], func(d watch.PupilDay) bool { return d.Present })
		for rule, want := range map[int]bool{
			schema.CaseRun: run, schema.CaseCount: count >= 5, schema.CaseUnknown: unknown, schema.CaseWatched: watched && count > 0, schema.CaseGone: gone,
		} {
			if slices.Contains(rules, rule) != want {
				t.Fatalf("rule %d: want %v, got %v of %+v", rule, want, rules, days)
			}
		}
		if len(rules) > 0 && len(on) == 0 {
			t.Fatal("a rule that rests on no day")
		}
	})
}

// What was before the end of a case counts for nothing, and one more day away never
// makes a finding go.
func TestRulesOfAbsenceInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := history(t)
		if len(days) == 0 {
			return
		}
		cut := rapid.IntRange(0, len(days)-1).Draw(t, "cut")
		a, _ := limits.Judge(days, true, days[cut].Date)
		b, _ := limits.Judge(days[cut+1:], true, 0)
		if !slices.Equal(a, b) {
			t.Fatalf("since %v: %v, without what was before: %v", days[cut].Date, a, b)
		}
		if len(days) >= limits.Window {
			return // the first day falls out of the window
		}
		was, _ := limits.Judge(days, false, 0)
		is, _ := limits.Judge(append(slices.Clone(days), watch.PupilDay{Date: days[len(days)-1].Date + 1, Unexcused: true}), false, 0)
		for _, r := range was {
			if !slices.Contains(is, r) {
				t.Fatalf("rule %d held, and no more after another day away", r)
			}
		}
	})
}

func TestFindingsAndWatchListAsTables(t *testing.T) {
	c := newSchool(t)
	c.roll(monday, schema.SessionAM, 1, unknown)
	if err := c.desk.SetWatched(t.Context(), "王", map[string]bool{storetest.Pupil(2): true}); err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{false, true} {
		id, name := schema.Masks(open)
		for sheet, want := range map[string]struct {
			write func(io.Writer) error
			row   []string
		}{
			"待立案与名在人不在": {func(w io.Writer) error { return c.desk.WriteFindings(w, monday, open) }, []string{id(storetest.Pupil(1)), name("张1"), "一年级（2）班", "去向待查", "1", "2026-10-12"}},
			"重点关注学生":    {func(w io.Writer) error { return c.desk.WriteWatched(w, monday, open) }, []string{id(storetest.Pupil(2)), name("张2"), "一年级（2）班"}},
		} {
			var b bytes.Buffer
			if err := want.write(&b); err != nil {
				t.Fatal(err)
			}
			f, err := excelize.OpenReader(&b)
			if err != nil {
				t.Fatal(err)
			}
			if rows, err := f.GetRows(sheet); err != nil || len(rows) != 3 || !slices.Equal(rows[2], want.row) {
				t.Errorf("open %v, %s: %q, %v", open, sheet, rows, err)
			}
			f.Close()
		}
	}
}
