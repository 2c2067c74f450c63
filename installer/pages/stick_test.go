package pages

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"shangu/installer/stage"
)

// office is a district that has no line to its schools.
type office struct{ *stage.Hub }

const linelessSchool = "2199109015"

// lineless is a school that knows its district by a pack alone, with a roster to send.
func lineless(t *testing.T) (*desk, office) {
	t.Helper()
	needBrowser(t)
	s, ctx := newStage(t), t.Context()
	hub, err := s.FoundHub(ctx, 1, "云岭区")
	must(t, err)
	_, err = s.Run(ctx, "hub", "district", "load", sample("district"), "--dir", hub.Dirs[0])
	must(t, err)
	h := office{hub}
	d := &desk{School: h.school(t, s, "agent"), t: t, stage: s}
	d.Run()
	d.tab = newTab(t, d.page)
	d.SignUp()
	return d, h
}

// school is a computer of the school that was let in by a pack.
func (h office) school(t *testing.T, s *stage.Stage, name string) *stage.School {
	t.Helper()
	ctx := t.Context()
	c := s.School(name, linelessSchool)
	pack := filepath.Join(s.Work, name+".sgpk")
	_, err := s.Run(ctx, "hub", "pack", "--school", c.Code, pack, "--dir", h.Dirs[0])
	must(t, err)
	_, err = s.Run(ctx, "agent", "enroll", "--pack", pack, "--dir", c.Dir)
	must(t, err)
	// There is a district, and no line to it.
	token, err := h.Token(ctx, 0, c.Code)
	must(t, err)
	_, err = s.Run(ctx, "agent", "enroll", "--hub", "https://127.0.0.1:1", "--token", token, "--dir", c.Dir)
	must(t, err)
	must(t, c.Import(ctx, "roster", sample("schools", c.Code, "roster.xlsx")))
	return c
}

// reply has the district take a bundle in and write its reply into a folder.
func (h office) reply(t *testing.T, s *stage.Stage, folder, bundle string) {
	t.Helper()
	_, err := s.Run(t.Context(), "hub", "bundle", "import", "--dir", h.Dirs[0], "--reply", folder, bundle)
	must(t, err)
}

// keeps has the browser keep what it downloads in a folder.
func (b *tab) keeps(folder string) {
	b.t.Helper()
	call(b, "choose the folder for downloads", browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID, DownloadPath: folder,
	})
}

// The only file of a kind in a folder, once it is there whole.
func (d *desk) lands(folder, kind string) (file string) {
	d.t.Helper()
	d.until("a file "+kind, func() error {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err == nil && (len(files) != 1 || filepath.Ext(files[0]) != kind) {
			err = os.ErrNotExist // a browser gives a file its name when it has all of it
		}
		if err == nil {
			file = files[0]
		}
		return err
	})
	return file
}

// A clerk whose stick the program cannot see: the bundle comes down through the
// browser, the reply goes up through it. Until the reply has come nothing counts as
// safe; somebody else's file, half a file and a changed one are refused with a
// sentence and change nothing.
func TestStickThroughTheBrowser(t *testing.T) {
	t.Parallel()
	d, h := lineless(t)
	s, ctx := d.stage, t.Context()
	before, err := d.Status(ctx)
	must(t, err)
	folder := func(name string) string {
		path := filepath.Join(s.Work, name)
		must(t, os.Mkdir(path, 0o755))
		return path
	}
	downloads, stick, others := folder("downloads"), folder("stick"), folder("others")
	waits := func(what string) {
		t.Helper()
		if v, err := d.Status(ctx); err != nil || v.Pending != before.Pending || v.Safe != 0 {
			t.Errorf("%s: %+v, %v; before %+v", what, v, err, before)
		}
	}

	d.Go("/sync/stick")
	d.keeps(downloads)
	d.reach("form[data-file] button")
	d.Press("\r")
	bundle := d.lands(downloads, ".sgup")
	body, err := os.ReadFile(bundle)
	must(t, err)
	if bytes.Contains(body, []byte(linelessSchool)) || len(body) < 500 {
		t.Errorf("%d bytes, not sealed", len(body))
	}
	waits("downloaded")
	d.Go("/sync/stick")
	if !d.Says("在浏览器的“下载”里") {
		t.Errorf("what was done is not said: %s", d.where())
	}
	d.Check("front-stick-downloaded")

	// Another computer of the school has a reply of its own.
	twin := h.school(t, s, "twin")
	_, err = s.Run(ctx, "agent", "bundle", "export", others, "--dir", twin.Dir)
	must(t, err)
	h.reply(t, s, others, d.theirs(others, ".sgup"))
	h.reply(t, s, stick, bundle)
	reply := d.theirs(stick, ".sgdn")
	whole, err := os.ReadFile(reply)
	must(t, err)
	changed := bytes.Clone(whole)
	changed[len(changed)/2] ^= 1
	wrong := folder("wrong")
	for name, body := range map[string][]byte{"photo.sgdn": bytes.Repeat([]byte("photo"), 5000), "cut.sgdn": whole[:len(whole)/2], "changed.sgdn": changed, "empty.sgdn": nil} {
		must(t, os.WriteFile(filepath.Join(wrong, name), body, 0o600))
	}
	send := func(file string) {
		t.Helper()
		d.choose("#f-reply", file)
		d.Follow("form[enctype] button")
	}
	for file, want := range map[string]string{
		bundle:                               "不是回执",
		d.theirs(others, ".sgdn"):            "另一台电脑",
		filepath.Join(wrong, "photo.sgdn"):   "不是本系统的数据包",
		filepath.Join(wrong, "cut.sgdn"):     "不完整",
		filepath.Join(wrong, "changed.sgdn"): "改动过或已损坏",
		filepath.Join(wrong, "empty.sgdn"):   "请先选",
	} {
		send(file)
		if !d.Has("#f-reply-wrong") || !strings.Contains(d.Text("#f-reply-wrong"), want) {
			t.Errorf("%s: want %q: %s", filepath.Base(file), want, d.where())
		}
		waits(filepath.Base(file))
	}
	d.Check("front-stick-upload-wrong")
	send(reply)
	d.See(".trip li:last-child .notice.good")
	if !d.Says("区里已登记本机") || !d.Says(filepath.Base(reply)) {
		t.Errorf("the reply: %s", d.where())
	}
	d.Check("front-stick-uploaded")
	v, err := d.Status(ctx)
	must(t, err)
	if v.Pending != 0 || v.Safe == 0 {
		t.Errorf("after the round: %+v", v)
	}
	send(reply) // twice does no harm
	d.See(".trip li:last-child .notice.good")
}

// theirs is the only file of a kind that a program has written into a folder.
func (d *desk) theirs(folder, kind string) string {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"+kind))
	if err != nil || len(files) != 1 {
		d.t.Fatalf("%d files %s in %s: %v", len(files), kind, folder, err)
	}
	return files[0]
}
