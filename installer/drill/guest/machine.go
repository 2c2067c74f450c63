//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/installer/host/local"
)

const (
	agentDir  = "/data/school"
	hubDir    = "/data/hub0"
	agentPage = "127.0.0.1:8720"
)

// patience is for a machine without hardware that helps: it is ten times and
// more slower than a real one.
const patience = 2 * time.Minute

type machine struct {
	rnd       *rand.Rand
	hub, raft string // addresses; "" without a hub

	agent  *exec.Cmd
	client *service.Client
	rows   [][]string // of the sample, with a pupil
	n      int
}

func (m *machine) live() error {
	f, err := os.Open("/bin/attendance.csv")
	if err != nil {
		return err
	}
	all, err := csv.NewReader(f).ReadAll()
	f.Close()
	if err != nil || len(all) < 2 {
		return fmt.Errorf("sample: %d rows: %w", len(all), err)
	}
	for _, r := range all[1:] {
		if r[3] != "" {
			m.rows = append(m.rows, r)
		}
	}
	tell("did start")
	var hubTook time.Duration
	began := time.Now()
	if m.hub != "" {
		hub := program("/bin/hub", "serve", "--dir", hubDir, "--id", "n0", "--listen", m.hub, "--raft", m.raft)
		if err := hub.Start(); err != nil {
			return err
		}
	}
	took, err := m.start()
	if err != nil {
		return err
	}
	if m.hub != "" {
		if err := until(func() error { return quiet("/bin/hub", "status", "--dir", hubDir) }); err != nil {
			return fmt.Errorf("hub does not open: %w", err)
		}
		hubTook = time.Since(began)
	}
	tell("open %d %d", took.Milliseconds(), hubTook.Milliseconds())
	if err := m.report(); err != nil {
		return err
	}
	for {
		if err := m.step(); err != nil {
			return err
		}
	}
}

func program(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

func quiet(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// until asks until f returns nil.
func until(f func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// start starts the agent, one of its two builds, and waits for its page.
func (m *machine) start() (time.Duration, error) {
	name := []string{"/bin/agent", "/bin/agent.next"}[m.rnd.IntN(2)]
	began := time.Now()
	m.agent = program(name, "run", "--dir", agentDir, "--listen", agentPage)
	if err := m.agent.Start(); err != nil {
		return 0, err
	}
	gone := make(chan error, 1)
	cmd := m.agent
	go func() { gone <- cmd.Wait() }()
	err := until(func() error {
		resp, err := http.Get("http://" + agentPage + "/healthz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("page: %s", resp.Status)
		}
		return nil
	})
	took := time.Since(began)
	if err != nil {
		select {
		case e := <-gone:
			err = fmt.Errorf("%w; it ended: %v", err, e)
		default:
		}
		return 0, fmt.Errorf("agent does not open: %w", err)
	}
	c, held, err := local.Reach(context.Background(), agentDir)
	if err != nil {
		return 0, err
	}
	if held != nil {
		held.Release()
		return 0, fmt.Errorf("the agent's door is closed")
	}
	m.client = service.NewClient(c)
	return took, nil
}

// end ends the agent with a signal.
func (m *machine) end(sig os.Signal) error {
	if err := m.agent.Process.Signal(sig); err != nil {
		return err
	}
	return until(func() error {
		if err := m.agent.Process.Signal(syscall.Signal(0)); err == nil {
			return fmt.Errorf("the agent still runs")
		}
		return nil
	})
}

// report tells what the agent holds.
func (m *machine) report() error {
	ctx := context.Background()
	v, err := m.client.Verify(ctx, false)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, p := range v.Problems {
		tell("bad verify: %s", p)
	}
	var table, packed bytes.Buffer
	if err := m.client.Export(ctx, intake.Attendance, "a.csv", "", &table); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	z := gzip.NewWriter(&packed)
	z.Write(table.Bytes())
	z.Close()
	tell("held %s", base64.StdEncoding.EncodeToString(packed.Bytes()))
	return m.state()
}

func (m *machine) state() error {
	st, err := m.client.Status(context.Background())
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	tell("state %s", b)
	return nil
}

func (m *machine) step() error {
	ctx := context.Background()
	switch n := m.rnd.IntN(100); {
	case n < 70:
		return m.save(1)
	case n < 76:
		return m.save(25)
	case n < 88:
		if m.hub == "" {
			return m.save(1)
		}
		if err := m.client.Sync(ctx, patience); err != nil {
			tell("did not sync: %v", err)
			return nil
		}
		tell("safe %d", m.n)
	case n < 92:
		f, err := os.Create("/data/backup")
		if err != nil {
			return err
		}
		defer f.Close()
		if err := m.client.Backup(ctx, f, false); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		tell("did backup")
	case n < 94:
		if _, err := m.client.Verify(ctx, true); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		tell("did verify")
	default: // another build, or the same, after an orderly end or a crash
		sig := []os.Signal{syscall.SIGTERM, syscall.SIGKILL}[m.rnd.IntN(2)]
		if err := m.end(sig); err != nil {
			return err
		}
		tell("did end %v", sig)
		took, err := m.start()
		if err != nil {
			return err
		}
		tell("did start %d", took.Milliseconds())
	}
	return nil
}

// save records that the roll of n sheets was taken, with one mark in each.
func (m *machine) save(n int) error {
	var rows bytes.Buffer
	w := csv.NewWriter(&rows)
	seen := map[string]bool{}
	for range n {
		r, mark := m.rows[m.rnd.IntN(len(m.rows))], m.rows[m.rnd.IntN(len(m.rows))]
		if key := r[0] + r[1] + r[2]; seen[key] {
			continue
		} else {
			seen[key] = true
		}
		w.Write([]string{r[0], r[1], r[2], "", "taken", "", ""})
		w.Write([]string{r[0], r[1], r[2], r[3], mark[4], mark[5], mark[6]})
	}
	w.Flush()
	m.n++
	tell("try %d %s", m.n, base64.StdEncoding.EncodeToString(rows.Bytes()))
	head := "date,session,class,student_id,status,minutes,symptom\n"
	_, err := m.client.Import(context.Background(), service.Import{
		Kind: intake.Attendance, Name: "a.csv", Data: append([]byte(head), rows.Bytes()...), Account: "drill",
	})
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}
	tell("saved %d", m.n)
	return nil
}
