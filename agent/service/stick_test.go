package service

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shangu/agent/intake"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/seal"
	"shangu/sync/session"
)

// schoolPack is the frozen pack of the made-up school.
func schoolPack(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "sync", "bundle", "testdata", "v1", "pack.sgpk"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The clerk of a school without a link is told what waits since when, and what
// the last reply made safe, until there is a link or the news is old.
func TestNoticesOfSticks(t *testing.T) {
	a := open(t, t.TempDir())
	ctx := t.Context()
	said := func(id string) string {
		t.Helper()
		s, err := a.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range s.Notices {
			if m := text.Parse(n.Text); m.ID() == id {
				return m.In(text.EN)
			}
		}
		return ""
	}
	export := func() {
		t.Helper()
		err := a.ExportBundle(ctx, func(_ Bundled, r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.EnrolPack(ctx, schoolPack(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Import(ctx, Import{Kind: intake.Roster, Name: "roster.xlsx", Data: schoolFile(t, "roster.xlsx"), Account: "wang"}); err != nil {
		t.Fatal(err)
	}
	if s := said("agent.notice_stick"); s != "" {
		t.Errorf("before any stick: %s", s)
	}
	export()
	now, _ := a.clock.now()
	if s := said("agent.notice_stick"); !strings.Contains(s, schema.DateAt(now).String()) || !strings.HasPrefix(s, "25 ") {
		t.Errorf("after the export: %q", s)
	}
	told := now.Add(-48 * time.Hour)
	a.noteReply(told.Unix(), 25)
	if s := said("agent.notice_stick_back"); !strings.Contains(s, schema.DateAt(told).String()) || !strings.Contains(s, "25 ") {
		t.Errorf("after the reply: %q", s)
	}
	a.note(session.Report{HubTime: now.Unix()}, nil)
	if s := said("agent.notice_stick") + said("agent.notice_stick_back"); s != "" {
		t.Errorf("after a session over a link: %q", s)
	}
}

// What an agent keeps of packs and sticks is sealed like all that it keeps.
func TestSticksAreSealedAtRest(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(Options{Dir: dir, Version: "test", Key: seal.Key{1}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.EnrolPack(t.Context(), schoolPack(t)); err != nil {
		t.Fatal(err)
	}
	spooled := false
	err = a.ExportBundle(context.Background(), func(_ Bundled, r io.Reader) error {
		b, err := os.ReadFile(filepath.Join(dir, spoolFile))
		spooled = err == nil && len(b) > 0 && !bytes.Contains(b, []byte(home))
		return err
	})
	if err != nil || !spooled {
		t.Errorf("the bundle in the making can be read: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{packFile, stickFile, enrolmentFile, lastFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		for _, plain := range []string{home, "云岭区", "number", "school"} {
			if bytes.Contains(b, []byte(plain)) || b[0] == '{' {
				t.Errorf("%s can be read: %q", name, plain)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, spoolFile)); err == nil {
		t.Error("the bundle was left behind")
	}
}
