package demo

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"shangu/schema/text"
)

// page is one that an operator or clerk opens.
func get(url string) (string, error) {
	c := &http.Client{Timeout: 10 * time.Second}
	r, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

func TestDemoTellsItsStoryAndEnds(t *testing.T) {
	began := time.Now()
	var out bytes.Buffer
	err := Run(t.Context(), Options{Dir: t.TempDir(), Out: &out, Langs: []text.Lang{text.ZH, text.EN}, Exit: true, Version: "test"})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("the demo took %v, more than 20 s", d)
	}
	story := out.String()
	for _, want := range []string{
		"the link broke in mid-transfer", "its receipt was lost on the way back",
		"传到一半，网络断了", "corrected from sick to leave", "11 pupils, 324 sheets, 90 marks, 7 visits and 30 training records",
		"13 pupils, 216 sheets, 87 marks, 4 visits and 30 training records", "Everything arrived.",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("the story lacks %q", want)
		}
	}
	if id := regexp.MustCompile(`\b(demo|agent|hub|link)\.[a-z_]+\b|\{[a-z_]+\}`).FindString(story); id != "" {
		t.Errorf("the story holds %q, which is no sentence", id)
	}
	if t.Failed() {
		t.Log(story)
	}
}

// watched is a story that can be read while it is told.
type watched struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// await polls until the story holds what a pattern wants.
func (w *watched) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if m := re.FindStringSubmatch(w.String()); m != nil {
			return m
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("no %s in\n%s", pattern, w.String())
		}
	}
}

func TestDemoStaysForItsVisitors(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	ctx, cancel := context.WithCancel(t.Context())
	in, keys := io.Pipe()
	defer keys.Close()
	out, done := &watched{}, make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Out: out, In: in, Langs: []text.Lang{text.EN}, Version: "test"})
	}()
	m := out.await(t, `School 2, .*: (http://\S+/) \(sign in as 王老师, PIN 2580\)`)
	body, err := get(m[1])
	if err != nil || !strings.Contains(body, "王家坪镇白虎头教学点") {
		t.Errorf("the school's page: %v\n%s", err, body)
	}
	out.await(t, `The hub's page: https://\S+/ \(user admin, password \S+;`)
	io.WriteString(keys, "2\n")
	out.await(t, `(?s)Enter a school's number.*\[cut\] the link of 王家坪镇白虎头教学点`)
	io.WriteString(keys, "7\n2\n")
	out.await(t, `(?s)Enter a school's number.*Enter a school's number.*\[mended\] the link of 王家坪镇白虎头教学点`)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(scratch, "*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind: %v", left, err)
	}
}

func TestADemoThatFailsSaysSo(t *testing.T) {
	// A directory that cannot be one.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Dir: file, Out: &out, Langs: []text.Lang{text.EN}, Exit: true}); err == nil {
		t.Errorf("it ended in peace:\n%s", out.String())
	}
	if strings.Contains(out.String(), "Everything arrived") {
		t.Errorf("it claims success:\n%s", out.String())
	}
	// The machine's Ctrl-C in the middle of the story.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, Options{Dir: t.TempDir(), Out: io.Discard, Langs: []text.Lang{text.EN}, Exit: true}); err == nil {
		t.Error("an interrupted demo claims success")
	}
}

func TestCorrectionChangesOneMark(t *testing.T) {
	rows, err := expected()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v %v", rows, err)
	}
	for _, r := range rows {
		file, date, class, err := correction(r.code)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(file); !strings.Contains(s, ",leave,,") || !strings.Contains(s, date) || !strings.Contains(s, class) || date >= lastDay {
			t.Errorf("%s: %s", r.code, s)
		}
		a, err := splitAttendance(r.code)
		if err != nil {
			t.Fatal(err)
		}
		lines := func(b []byte) int { return bytes.Count(b, []byte("\n")) - 1 }
		whole, err := schoolFile(r.code, "attendance.csv")
		if err != nil {
			t.Fatal(err)
		}
		if lines(a.before)+lines(a.morning)+lines(a.rest) != lines(whole) || lines(a.morning) < 1 || lines(a.rest) < 1 {
			t.Errorf("%s: %d + %d + %d lines of %d", r.code, lines(a.before), lines(a.morning), lines(a.rest), lines(whole))
		}
	}
}
