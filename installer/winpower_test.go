//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"shangu/installer/demo"
)

// The Windows build is killed while it saves, and Badger's files become what a
// power cut leaves of them on NTFS, where nothing that Badger writes is flushed:
// zeros where data should be, or an earlier state. It opens by itself, and every
// save that was confirmed is there.
func TestPowerCutsUnderWindows(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a Windows")
	}
	trials, seed := 2, uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		trials, seed = 5, n
	}
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		trials = 100
	}
	w := newWine(t)
	c := &winCuts{t: t, wine: w, rnd: rand.New(rand.NewPCG(seed, 0x714e)), seed: seed,
		agent: filepath.Join(binaries(t, "windows"), "agent.exe"), dir: filepath.Join(t.TempDir(), "a")}
	c.sample()
	w.run(c.agent, "import", "roster", c.file("roster.xlsx"), "--dir", c.dir)
	c.start()
	for range trials {
		c.trial()
	}
	c.kill()
	t.Logf("drill: trials=%d lost=%d saw=Wine: %d saves confirmed, documents rebuilt %d times, page after %d ms at most", trials, c.lost, c.saved, c.rebuilt, c.longest.Milliseconds())
	if c.saved == 0 || c.rebuilt == 0 {
		t.Errorf("the cuts are too kind: %d saves, rebuilt %d times", c.saved, c.rebuilt)
	}
}

type winCuts struct {
	t    *testing.T
	wine *wine
	rnd  *rand.Rand
	seed uint64

	agent, dir, files string
	page              string
	service           *exec.Cmd

	head   []string
	sheets [][][]string // still to be recorded
	told   [][]string   // confirmed rows

	saved, rebuilt, lost, tables int
	longest                      time.Duration
}

func (c *winCuts) file(name string) string {
	return filepath.Join(c.files, "schools", "2199109015", name)
}

func (c *winCuts) sample() {
	fs, err := demo.Sample()
	if err != nil {
		c.t.Fatal(err)
	}
	c.files = filepath.Join(c.t.TempDir(), "sample")
	if err := os.CopyFS(c.files, fs); err != nil {
		c.t.Fatal(err)
	}
	data, err := os.ReadFile(c.file("attendance.csv"))
	if err != nil {
		c.t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		c.t.Fatal(err)
	}
	c.head = rows[0]
	at := map[string]int{}
	for _, r := range rows[1:] {
		k := strings.Join(r[:3], " ")
		if _, ok := at[k]; !ok {
			at[k] = len(c.sheets)
			c.sheets = append(c.sheets, nil)
		}
		c.sheets[at[k]] = append(c.sheets[at[k]], r)
	}
}

func (c *winCuts) table(rows [][]string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.WriteAll(append([][]string{c.head}, rows...))
	c.tables++
	name := filepath.Join(c.files, fmt.Sprintf("%d.csv", c.tables))
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return name
}

// start starts the agent and waits for its page.
func (c *winCuts) start() {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c.page = "http://" + addr
	c.service = c.wine.command(c.agent, "run", "--dir", c.dir, "--listen", addr)
	// A file, not a pipe: the wine processes that inherit a pipe keep Wait waiting.
	said, err := os.Create(filepath.Join(c.files, "agent.txt"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer said.Close()
	c.service.Stdout, c.service.Stderr = said, said
	defer func() {
		if c.t.Failed() {
			b, err := os.ReadFile(said.Name())
			c.t.Logf("the agent said: %s%v", b, err)
		}
	}()
	began := time.Now()
	if err := c.service.Start(); err != nil {
		c.t.Fatal(err)
	}
	until(c.t, "the agent's page, seed "+strconv.FormatUint(c.seed, 10), time.Minute, func() error {
		resp, err := http.Get(c.page + "/healthz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("page: %s", resp.Status)
		}
		return nil
	})
	c.longest = max(c.longest, time.Since(began))
	c.t.Cleanup(c.kill)
}

func (c *winCuts) kill() {
	c.service.Process.Kill() // fails only if it has ended already
	c.service.Wait()         // a killed process reports an error, which is what was wanted
}

// trial saves until the power fails, starts again and looks.
func (c *winCuts) trial() {
	past := c.image()
	for range 1 + c.rnd.IntN(3) {
		c.save(context.Background())
	}
	// The last save is under way when the power fails.
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.save(ctx)
	}()
	select {
	case <-time.After(time.Duration(c.rnd.IntN(1500)) * time.Millisecond):
	case <-done:
	}
	now := c.image()
	c.kill()
	<-done
	cancel()
	c.damage(past, now)
	c.start()
	var st struct{ Rebuilt string }
	c.wine.ask(&st, c.agent, "status", "--dir", c.dir)
	if st.Rebuilt != "" {
		c.rebuilt++
	}
	var v struct{ Problems []string }
	c.wine.ask(&v, c.agent, "verify", "--dir", c.dir)
	var again struct{ New, Changed, Same int }
	c.wine.ask(&again, c.agent, "import", "attendance", c.table(c.told), "--dry-run", "--dir", c.dir)
	if len(v.Problems) > 0 || again.New+again.Changed > 0 || again.Same == 0 {
		c.lost++
		c.t.Errorf("seed %d: of %d confirmed rows %d are gone, %d different; %v", c.seed, len(c.told), again.New, again.Changed, v.Problems)
	}
}

// save saves the next sheet of the sample. When the service is killed meanwhile
// the command opens the data itself, or fails; it is not confirmed either way
// unless it says so.
func (c *winCuts) save(ctx context.Context) {
	rows := c.sheets[0]
	c.sheets = c.sheets[1:]
	cmd := c.wine.command(c.agent, "import", "attendance", c.table(rows), "--dir", c.dir)
	cmd.WaitDelay = time.Second
	out := &bytes.Buffer{}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		c.t.Error(err)
		return
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	cmd.Wait() // what counts is what it says
	if cmd.ProcessState.Success() {
		c.told = append(c.told, rows...)
		c.saved++
	}
}

// image is the content of Badger's files.
func (c *winCuts) image() map[string][]byte {
	c.t.Helper()
	out := map[string][]byte{}
	names, _ := filepath.Glob(filepath.Join(c.dir, "data", "docs", "*"))
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil {
			out[filepath.Base(name)] = b
		}
	}
	return out
}

// damage leaves of Badger's files what a cut may leave.
func (c *winCuts) damage(past, now map[string][]byte) {
	dir := filepath.Join(c.dir, "data", "docs")
	for name, b := range now {
		b = bytes.Clone(b)
		switch c.rnd.IntN(4) {
		case 0: // it was written back
		case 1: // its end was not
			clear(b[c.rnd.IntN(len(b)+1):])
		case 2: // nothing of it was
			clear(b)
		default: // an earlier state
			if old, ok := past[name]; ok {
				b = old
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}
