package pages

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A class of 40 in which three pupils are not simply present.
const class40 = `[...document.querySelectorAll(".day tbody tr")].find(r => r.querySelector(".size").textContent === "40")`

// roll opens the morning's sheet of a class of 40 on the day that is shown.
func (b *tab) roll(session int) (initials []string) {
	b.t.Helper()
	b.See(".day")
	href := Eval[string](b, fmt.Sprintf(`%s.querySelectorAll("td a")[%d].getAttribute("href")`, class40, session))
	b.Go(href)
	b.See("#roll tr.cursor")
	initials = Eval[[]string](b, `[...document.querySelectorAll("#roll tr[data-pupil]")].map(r => r.dataset.initials)`)
	if len(initials) != 40 {
		b.t.Fatalf("%d pupils, want 40", len(initials))
	}
	return initials
}

// unlike finds n pupils whom two letters tell from everybody before them.
func unlike(t *testing.T, initials []string, n int) (out []int) {
	t.Helper()
	seen := map[string]bool{}
	for i, s := range initials {
		if i > 0 && len(s) > 1 && !seen[s[:2]] && len(out) < n {
			out = append(out, i)
		}
		if len(s) > 1 {
			seen[s[:2]] = true
		}
	}
	if len(out) < n {
		t.Fatalf("initials that say nothing: %q", initials)
	}
	return out
}

// stands waits until the sheet stands so: roll.State and roll.Where.
func (b *tab) stands(state, where int) {
	b.t.Helper()
	b.See(fmt.Sprintf(`#state[data-state="%d"][data-where="%d"]`, state, where))
}

// mark is what a row says, from 1 on.
func (b *tab) mark(row int) string {
	b.t.Helper()
	return Eval[string](b, fmt.Sprintf(`(r => (r.querySelector(".mark").textContent + " " + r.querySelector(".more").textContent).trim())(document.querySelectorAll("#roll tr[data-pupil]")[%d])`, row-1))
}

// unsaved is how many rows the agent has not said that it keeps.
func (b *tab) unsaved() int {
	b.t.Helper()
	return Eval[int](b, `document.querySelectorAll("#roll tr.unsaved").length`)
}

func (b *tab) expect(what, got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// The roll of a class with three exceptions takes at most 14 keys after the page is
// open, Enter included; and what else keys do, with the input method on as well.
func TestRollByKeys(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Check("day-untouched")
	initials := d.roll(0)
	d.Check("roll-untouched")
	// The class is seen whole: nothing of its list lies below the window's edge.
	if low := Eval[float64](d.tab, `Math.max(...[...document.querySelectorAll("#roll tr[data-pupil], #pad")].map(e => e.getBoundingClientRect().bottom)) - innerHeight`); low > 0 {
		d.t.Errorf("the list of 40 ends %v px below the window", low)
	}
	row := func() string { return d.Text("#roll tr.cursor th") }
	d.PressIME("ArrowRight")
	d.expect("beside the first", row(), "21")
	d.PressIME("ArrowRight")
	d.expect("beside the last column", row(), "21")
	d.PressIME("ArrowLeft")
	d.expect("back", row(), "1")
	who := unlike(t, initials, 3)
	keys := ""
	for i, n := range who {
		keys += initials[n][:2] + []string{"6", "41", "5"}[i]
	}
	keys += "\r"
	if len(keys) > 14 {
		t.Errorf("%d keys", len(keys))
	}
	d.Press(keys)
	d.stands(1, 1)
	d.expect("absent", d.Text("#n-absent"), "3")
	for i, want := range []string{"旷课", "病假 发热", "事假"} {
		d.expect("mark", d.mark(who[i]+1), want)
	}
	d.Check("roll-taken")

	// Row by number, minutes, undo and redo, present again; all of it is saved without
	// Enter.
	d.Press("020\r217\r")
	d.expect("late", d.mark(20), "迟到 17 分钟")
	d.Click("#undo")
	d.expect("undone", d.mark(20), "")
	d.Click("#redo")
	d.expect("done again", d.mark(20), "迟到 17 分钟")
	d.Press("\b")
	d.expect("present again", d.mark(20), "")
	d.Press("3")
	d.Wait(`document.querySelectorAll("#roll tr.unsaved").length === 0`)
	d.expect("early", d.mark(20), "早退")

	// With the input method on, keys are told by where they lie.
	for _, code := range []string{"Enter", "Digit0", "Digit3", "Digit0", "Enter", "Digit4", "Digit1", "Digit0", "ArrowDown", "Numpad7", "Enter"} {
		d.PressIME(code)
	}
	d.expect("sick", d.mark(30), "病假 头晕")
	d.expect("unknown", d.mark(31), "待查")
	d.Wait(`document.querySelectorAll("#roll tr.unsaved").length === 0`)
	d.Go("/day")
	d.See(".slot.taken")
	d.Check("day-begun")
}

// What was typed is kept, whatever happens to the agent, the network and the lock.
func TestRollIsKept(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.roll(0)
	entries := func() int {
		st, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Pending
	}
	// Enter twice makes one entry.
	before := entries()
	d.Press("6\r\r")
	d.stands(1, 1)
	d.Wait(`!document.querySelector("#roll tr.unsaved")`)
	d.Press("\r")
	if n := entries() - before; n != 1 {
		t.Errorf("%d entries", n)
	}

	// The agent is killed as it saves. The page says so and keeps what was typed; back,
	// the agent asks for the PIN in the page and has it all.
	sheet := d.Path()
	d.Press("024\r7\r")
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	d.Press("025\r5")
	d.See("#trouble")
	if !strings.Contains(d.Text("#trouble"), "没有回答") || d.unsaved() == 0 {
		t.Errorf("the agent is dead: %s", d.where())
	}
	d.Check("roll-no-answer")
	d.Run()
	d.See("#locked")
	d.Press(firstPIN + "\r")
	d.Wait(`!document.querySelector("#locked").open`)
	d.Press("026\r6")
	d.Wait(`!document.querySelector("#roll tr.unsaved")`)
	d.Go(sheet)
	for row, want := range map[int]string{1: "旷课", 24: "待查", 25: "事假", 26: "旷课"} {
		d.expect(fmt.Sprint("row ", row), d.mark(row), want)
	}

	// The network is cut and mended.
	d.offline(true)
	d.Press("027\r5\r")
	d.See("#trouble")
	d.offline(false)
	d.Wait(`!document.querySelector("#roll tr.unsaved") && document.querySelector("#trouble").hidden`)

	// The page has locked: what is typed then waits for the PIN.
	Eval[bool](d.tab, `ask("/lock", {}).then(r => r.ok)`)
	d.Press("028\r5\r")
	d.See("#locked")
	d.Press(firstPIN + "\r")
	d.Wait(`!document.querySelector("#roll tr.unsaved")`)

	// Whoever leaves at once has saved, and the way back shows it.
	d.Press("029\r6")
	d.Follow("main > .does a")
	d.See(".slot.taken")
	d.Go("/leave")
	Eval[bool](d.tab, `history.go(-2), true`)
	d.See("#roll tr.cursor")
	for row, want := range map[int]string{27: "事假", 28: "事假", 29: "旷课"} {
		d.expect(fmt.Sprint("row ", row), d.mark(row), want)
	}
}

// Nobody has said what day it is, so nothing can be saved. What was typed is there
// when whoever typed it comes back from saying so.
func TestRollBeforeTheDateIsKnown(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	from, s := template(t, townSchool, "roster"), newStage(t)
	twin, err := from.Clone(filepath.Join(filepath.Base(s.Work), "agent"))
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{School: s.School("agent", townSchool), t: t, stage: s}
	if twin.Dir != d.Dir {
		t.Fatalf("the copy lies in %s, not in %s", twin.Dir, d.Dir)
	}
	d.Run()
	d.tab = newTab(t, d.page)
	d.SignUp()
	d.Go("/day/2026-11-20")
	d.roll(0)
	sheet := d.Path()
	d.Press("03\r41\r06\r6\r")
	d.See("#trouble")
	if !strings.Contains(d.Text("#trouble"), "日期") || d.unsaved() != 2 {
		t.Errorf("%s", d.where())
	}
	d.Follow(".bar .home")
	d.Follow(`button[name="date"]`)
	d.Go(sheet)
	d.stands(0, 1) // saved by itself
	d.Press("\r")
	d.stands(1, 1)
	d.expect("row 3", d.mark(3), "病假 发热")
	d.expect("row 6", d.mark(6), "旷课")
}

// offline cuts the browser's network, or mends it.
func (b *tab) offline(on bool) {
	b.t.Helper()
	call(b, "network", network.Enable, network.EnableParams{})
	call(b, "network", network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: on, DownloadThroughput: -1, UploadThroughput: -1}},
	})
}

// Two windows on one sheet: who types over what he has not seen is told of whom, the
// rest of what he typed is saved, and his own is one button away.
func TestTwoWindowsOnOneSheet(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.roll(0)
	other := d.Another()
	other.Go(d.Path())
	other.See("#roll tr.cursor")
	// So that it does not look by itself in between, as it does when nothing is cut.
	other.offline(true)
	d.Press("03\r6\r")
	d.stands(1, 1)
	other.Press("03\r5")
	other.Press("04\r41")
	other.See("#trouble")
	other.offline(false)
	other.See("#stale")
	if said := other.Text("#stale"); !strings.Contains(said, "旷课") || !strings.Contains(said, firstName) || !strings.Contains(said, "改用我的：事假") {
		t.Errorf("%q", said)
	}
	other.expect("theirs", other.mark(3), "旷课")
	other.Wait(`!document.querySelector("#roll tr.unsaved")`)
	other.Check("roll-stale")
	d.Wait(`document.querySelectorAll("#roll tr[data-pupil]")[3].querySelector(".mark").textContent === "病假"`)
	other.Click("#stale button")
	other.Wait(`!document.querySelector("#roll tr.unsaved")`)
	d.Go(d.Path())
	d.expect("mine", d.mark(3), "事假")
	d.expect("the other row", d.mark(4), "病假 发热")
}

// A teacher with a phone: a pupil, then what is the matter.
func TestRollByTap(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.roll(0)
	d.do("resize", chromedp.EmulateViewport(sizes[1][0], sizes[1][1], chromedp.EmulateTouch))
	if Eval[bool](d.tab, `getComputedStyle(document.querySelector(".statuses")).display !== "none"`) {
		t.Error("the buttons cover the pupils before one was tapped")
	}
	tap := func(row int) {
		t.Helper()
		name := fmt.Sprintf("#roll tbody tr:nth-child(%d) .name", row)
		Eval[bool](d.tab, fmt.Sprintf(`document.querySelector(%q).scrollIntoView({ block: "center" }), true`, name))
		d.Click(name)
	}
	tap(9)
	d.Click(`[data-status="4"]`)
	d.See(`[data-symptom="8"]`)
	d.picture("roll-tap-360")
	d.Click(`[data-symptom="8"]`)
	tap(11)
	d.Click(`[data-status="2"]`)
	d.Click(`[data-minutes="15"]`)
	tap(12)
	d.Click(`[data-status="6"]`)
	d.Click("#fold")
	d.Click("#take")
	d.stands(1, 1)
	for row, want := range map[int]string{9: "病假 呕吐", 11: "迟到 15 分钟", 12: "旷课"} {
		d.expect(fmt.Sprint("row ", row), d.mark(row), want)
	}
	d.expect("absent", d.Text("#n-absent"), "2")
	d.do("resize", chromedp.EmulateViewport(sizes[0][0], sizes[0][1]))
	d.Follow(".foot [name=on]")
	d.Follow(".foot [lang=en]")
	d.Check("roll-large-en")
	d.Go("/day")
	d.Check("day-large-english")
	d.Go("/leave/new")
	d.Choose("#f-class", Eval[string](d.tab, `document.querySelector("#f-class").options[1].value`))
	d.See("#f-pupil")
	d.Check("leave-large-en")
}

// Days that are over, closed or to come.
func TestDays(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/day/2026-11-20")
	d.roll(0)
	d.Press("02\r6\r") // a roll that was forgotten
	d.stands(1, 1)
	sheet := d.Path()
	d.Go(sheet)
	d.Press("02\r5")
	d.expect("locked", d.mark(2), "旷课")
	d.Check("roll-over")
	d.Type("#why", "家长来电")
	d.Click("#change")
	d.Press("\x1b02\r5")
	d.Wait(`!document.querySelector("#roll tr.unsaved")`)
	d.expect("changed", d.mark(2), "事假")
	d.Go(sheet + "/trail")
	if !d.Says("家长来电") || !d.Says("旷课") || !d.Says("事假") || !d.Says(firstName) {
		t.Errorf("no trail: %s", d.where())
	}
	d.Check("roll-trail")

	// No school for one class, with the reason; and back again.
	d.Go("/day")
	d.See(".missing")
	d.Check("day-missing")
	d.roll(1)
	d.Click("#closed summary")
	d.Click("#close")
	d.See("#trouble")
	d.Type("#reason", "停电")
	d.Click("#close")
	d.stands(3, 1)
	d.Check("roll-closed")
	d.Click("#reopen")
	d.stands(0, 1)
	d.Click("#noted summary")
	d.Type("#note", "下午第二节停电")
	d.Wait(`document.querySelector("#said").textContent !== ""`)

	d.Go("/day/2026-11-24")
	d.Check("day-early")
	d.roll(0)
	d.Press("02\r6\r")
	d.expect("early", d.mark(2), "")
	d.Check("roll-early")

	// Snow: the whole school, over days, undone.
	d.Go("/closed")
	d.Check("closed-none")
	d.Type("#f-from", "2026-11-25")
	d.Type("#f-to", "2026-11-20")
	d.Submit("main form")
	if d.Value("#f-from") != "2026-11-25" || !d.Has("#f-to-wrong") {
		t.Errorf("the wrong way round: %s", d.where())
	}
	d.Type("#f-to", "2026-11-30")
	d.Submit("main form")
	if !d.Says("已登记 4 天") {
		t.Errorf("closed: %s", d.where())
	}
	d.Check("closed")
	d.Go("/day/2026-11-25")
	if !d.Says("雪天停课") {
		t.Errorf("closed: %s", d.where())
	}
	d.Check("day-closed")
	d.Go("/closed")
	for d.Has("td form") {
		d.Follow("td form button")
	}
	d.Go("/day/2026-11-25")
	if d.Says("雪天停课") {
		t.Errorf("open again: %s", d.where())
	}
	d.Follow(".day tbody th a")
	d.Check("fortnight")
}

// Leave over days for one pupil and for a class, on the sheet of such a day.
func TestLeave(t *testing.T) {
	t.Parallel()
	d := open(t, townSchool, "roster")
	d.Go("/leave")
	d.Check("leave-none")
	d.Follow("main .yes")
	d.Check("leave-class")
	class := Eval[string](d.tab, fmt.Sprintf(`document.querySelector("#f-class").options[%d].value`, 2))
	d.Choose("#f-class", class)
	d.See("#f-pupil")
	d.Type("#f-reason", "水痘")
	d.Choose("#f-status", "4")
	d.Submit("main form.card")
	if d.Value("#f-reason") != "水痘" || !d.Has("#f-pupil-wrong") {
		t.Errorf("nobody chosen: %s", d.where())
	}
	d.Check("leave-wrong")
	d.Click("#f-pupil li:nth-child(5) input")
	d.Choose("#f-symptom", "9")
	d.Type("#f-to", "2026-11-27")
	d.Submit("main form.card")
	if d.Path() != "/leave" || !d.Says("水痘") {
		t.Fatalf("planned: %s", d.where())
	}
	// A contest: the whole class, one afternoon.
	d.Go("/leave/new?class=" + class)
	d.Click("#all")
	d.Choose("#f-status", "8")
	d.Choose("#f-session", "2")
	d.Type("#f-reason", "区运动会")
	d.Submit("main form.card")
	d.Check("leave")

	d.roll2(class, "am")
	d.expect("from leave", d.mark(5), "病假 皮疹")
	if !d.Has("#roll tbody tr:nth-child(5).expected") {
		t.Error("nothing says where the mark is from")
	}
	d.Check("roll-leave")
	d.Press("\r")
	d.stands(1, 1)
	if d.Has("#roll .expected") {
		t.Error("still expected")
	}
	d.roll2(class, "pm")
	d.expect("of the class", d.mark(1), "公假")
	d.expect("who is ill goes on no outing", d.mark(5), "病假 皮疹")
	d.Press("01\r1") // came in spite of it
	d.Press("\r")
	d.stands(1, 1)
	d.expect("came", d.mark(1), "")

	// Ended early, and voided.
	d.Go("/leave")
	d.Follow("tbody tr:nth-child(1) a")
	if !d.Says("水痘") {
		d.Go("/leave")
		d.Follow("tbody tr:nth-child(2) a")
	}
	d.Check("leave-one")
	d.Type("#f-to", "2026-12-27")
	d.Click(".card:nth-of-type(1) button")
	d.See("#f-to-wrong")
	d.Type("#f-to", "2026-11-24")
	d.Click(".card:nth-of-type(1) button")
	d.See(".does.first")
	if !d.Says("11月24日") || d.Says("11月27日") {
		t.Errorf("ended: %s", d.where())
	}
}

// roll2 opens a class's sheet of today.
func (b *tab) roll2(class, session string) {
	b.t.Helper()
	b.Go("/roll/" + class + "/" + today + "/" + session)
	b.See("#roll tr.cursor")
}

// Two computers of a school on one sheet, without a link: each saves what it was
// told. When there is a link the sheet is safe on both pages without a reload, both
// show the mark that stands, and the other is on a card.
func TestTwoComputersOnOneSheet(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s, ctx := newStage(t), t.Context()
	hub, err := s.FoundHub(ctx, 1, "云岭区")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(ctx, "hub", "district", "load", sample("district"), "--dir", hub.Dirs[0]); err != nil {
		t.Fatal(err)
	}
	computer := func(name string, kinds ...string) *desk {
		d := &desk{School: s.School(name, townSchool), t: t, stage: s}
		if err := d.Enrol(ctx, hub, 0); err != nil {
			t.Fatal(err)
		}
		for _, k := range kinds {
			if err := d.Import(ctx, k, sample("schools", townSchool, k+".xlsx")); err != nil {
				t.Fatal(err)
			}
		}
		d.until("a session", func() error { return d.Sync(ctx) })
		d.Run()
		d.tab = newTab(t, d.page)
		d.SignUp()
		d.Go("/day/2026-11-20")
		d.roll(0)
		return d
	}
	one, two := computer("one", "roster"), computer("two")
	if err := s.Stop(hub.Name(0)); err != nil {
		t.Fatal(err)
	}
	one.Press("02\r6\r")
	one.stands(1, 1)
	two.Press("02\r5\r")
	two.stands(1, 1)
	if err := s.Restart(hub.Name(0)); err != nil {
		t.Fatal(err)
	}
	if err := hub.WaitReady(ctx, 0); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*desk{one, two, one} {
		d.until("a session", func() error { return d.Sync(ctx) })
	}
	one.stands(1, 2)
	two.stands(1, 2)
	const second = `document.querySelectorAll("#roll tr[data-pupil]")[1].querySelector(".mark").textContent`
	one.Wait(second + ` === ` + fmt.Sprintf("%q", Eval[string](two.tab, second)))
	two.Go("/sync/cards")
	if !two.Says("旷课") || !two.Says("事假") {
		t.Errorf("no card: %s", two.where())
	}
}
