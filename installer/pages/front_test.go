package pages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"shangu/installer/stage"
)

// What everybody sees who sits at the computer, before and after sign-in, and the
// pages that it leads to.
func TestFront(t *testing.T) {
	t.Parallel()
	d := open(t, mountainSchool, "roster", "attendance")
	stranger := d.Elsewhere()
	stranger.Go("/")
	stranger.See(".head.wait")
	stranger.Check("front-nobody")
	d.Go("/")
	d.Check("front-alone")
	for _, path := range []string{"/sync/cards", "/sync/quarantine", "/sync/log", "/sync/receipts?date=2026-11-20", "/sync/stick"} {
		d.Go(path)
		d.Check("front" + strings.NewReplacer("?date=2026-11-20", "").Replace(path))
	}
	// What is typed wrong stays, with a sentence beside it.
	d.Type("#f-out", "usb")
	d.Press("\r")
	d.See("#f-out-wrong")
	if d.Value("#f-out") != "usb" {
		t.Errorf("what was typed is gone: %s", d.where())
	}
	d.Check("front-stick-wrong")
}

// Two computers take the same roll, neither knowing of the other. What lost is on a
// card; somebody takes it, by keyboard, and both computers and the district hold that.
func TestACardIsSettled(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	const code = "2199109015"
	s := newStage(t)
	h, err := s.FoundHub(t.Context(), 1, "云岭区")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Run(t.Context(), "hub", "district", "load", sample("district"), "--dir", h.Dirs[0])
	must(t, err)
	class, pupil := somebody(t, code)
	var desks [2]*desk
	for i, mark := range []string{"leave", "absent"} {
		d := &desk{School: s.School(fmt.Sprint("agent", i), code), t: t, stage: s}
		must(t, d.Enrol(t.Context(), h, 0))
		if i == 0 {
			must(t, d.Import(t.Context(), "roster", sample("schools", code, "roster.xlsx")))
		}
		must(t, d.Sync(t.Context()))
		desks[i] = d
		roll := filepath.Join(s.Work, mark+".csv")
		must(t, os.WriteFile(roll, fmt.Appendf(nil, "date,session,class,student_id,status,minutes,symptom\n2026-11-20,am,%s,,taken,,\n2026-11-20,am,%s,%s,%s,,\n", class, class, pupil, mark), 0o600))
		defer func() {
			if t.Failed() {
				t.Logf("roll of %s: %s %s", d.Name, class, mark)
			}
		}()
	}
	for i, mark := range []string{"leave", "absent"} {
		must(t, desks[i].Import(t.Context(), "attendance", filepath.Join(s.Work, mark+".csv")))
	}
	for range 2 {
		for _, d := range desks {
			must(t, d.Sync(t.Context()))
		}
	}
	d := desks[0]
	d.Run()
	d.tab = newTab(t, d.page)
	d.SignUp()
	d.Go("/")
	d.See(".head.good")
	d.Check("front-good")
	if n := d.Text(".bar .count"); n != "1" {
		t.Errorf("the menu counts %q", n)
	}
	d.Go("/sync/cards")
	if !d.Says("事假") || !d.Says("旷课") || !d.Says("一年级") && !d.Says(class) {
		t.Errorf("the card: %s", d.where())
	}
	d.Check("front-card")
	taken := map[bool]string{true: "事假", false: "旷课"}[strings.Contains(d.Text("button[value=take]"), "事假")]
	Eval[bool](d.tab, `(e => { e.focus(); return true })(document.querySelector("button[value=take]"))`)
	d.Press("\r")
	d.See(".empty")
	if d.Has(".bar .count") {
		t.Error("the menu still counts a card")
	}
	// Sent by hand, pressed twice, from the page.
	d.Go("/")
	Eval[bool](d.tab, `(e => { e.click(); e.click(); return true })(document.getElementById("send"))`)
	d.See(".head.good")
	d.Wait(`document.querySelector(".sent").textContent.includes("发送完成")`)
	d.Check("front-sent")
	must(t, d.Stop())
	for _, d := range desks {
		must(t, d.Sync(t.Context()))
		out := filepath.Join(s.Work, d.Name+".csv")
		must(t, d.Export(t.Context(), "attendance", out))
		got, err := os.ReadFile(out)
		must(t, err)
		if !strings.Contains(string(got), pupil+","+taken) {
			t.Errorf("%s holds not %s:\n%s", d.Name, taken, got)
		}
		v, err := d.Status(t.Context())
		must(t, err)
		if v.Conflicts != 0 || v.Pending != 0 {
			t.Errorf("%s: %+v", d.Name, v)
		}
	}
	same(t, h, desks[0].School, desks[1].School)
}

// A school without a link: records go to the district on a stick and the reply comes
// back, all of it from the page; a stick without room is refused and says so.
func TestStickByHand(t *testing.T) {
	t.Parallel()
	d, h := lineless(t)
	s, ctx := d.stage, t.Context()
	stick := filepath.Join(s.Work, "usb")
	must(t, os.Mkdir(stick, 0o755))
	if full := fullFolder(t, s); full != "" {
		d.Go("/sync/stick")
		d.Type("#f-out", full)
		d.Press("\r")
		d.See("#f-out-wrong")
		if !d.Says("U盘没有空间了") || d.Value("#f-out") != full {
			t.Errorf("a full stick: %s", d.where())
		}
		d.Check("front-stick-full")
	}
	d.Go("/sync/stick")
	d.Type("#f-out", stick)
	d.Press("\r")
	d.See(".trip .notice.good")
	d.Check("front-stick-written")
	files, err := filepath.Glob(filepath.Join(stick, "*.sgup"))
	if err != nil || len(files) != 1 || !d.Says(files[0]) {
		t.Fatalf("on the stick: %v, %v; %s", files, err, d.where())
	}
	d.Type("#f-in", stick)
	d.Press("\r")
	d.See("#f-in-wrong")
	h.reply(t, s, stick, files[0])
	d.Type("#f-in", stick)
	d.Press("\r")
	d.See(".trip li:last-child .notice.good")
	if !d.Says("区里已登记本机") {
		t.Errorf("the reply: %s", d.where())
	}
	d.Check("front-stick-taken")
	v, err := d.Status(ctx)
	must(t, err)
	if v.Pending != 0 || v.Safe == 0 {
		t.Errorf("after the round: %+v", v)
	}
}

// fullFolder is a folder on a disk of its own without room; "" where this machine
// cannot make one.
func fullFolder(t *testing.T, s *stage.Stage) string {
	t.Helper()
	dir := filepath.Join(s.Work, "full")
	must(t, os.Mkdir(dir, 0o755))
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).Run(); err != nil {
		t.Logf("no small disk can be mounted here: %v", err)
		return ""
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), make([]byte, 1<<20), 0o600); err == nil {
		t.Error("the small disk has room for a megabyte")
	}
	return dir
}

// same holds that two computers and the district hold the same, byte for byte.
func same(t *testing.T, h *stage.Hub, one, two *stage.School) {
	t.Helper()
	a, err := one.Digest(t.Context())
	must(t, err)
	b, err := two.Digest(t.Context())
	must(t, err)
	c, err := h.Digest(t.Context(), 0, one.Code)
	must(t, err)
	if diff := a.Differ(b); diff != "" {
		t.Errorf("the two computers differ: %s", diff)
	}
	if diff := a.Differ(c); diff != "" {
		t.Errorf("the district differs: %s", diff)
	}
}

// somebody is the first pupil of a school's records that was ever marked.
func somebody(t *testing.T, code string) (class, pupil string) {
	t.Helper()
	b, err := os.ReadFile(sample("schools", code, "attendance.csv"))
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ","); len(f) > 4 && strings.HasPrefix(f[0], "2026") && f[3] != "" {
			return f[2], f[3]
		}
	}
	t.Fatal("nobody was ever marked")
	return "", ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
