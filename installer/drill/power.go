package drill

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"shangu/installer/stage"
	"shangu/schema"
)

// power pulls the plug of a whole machine that runs the agent.
var power = Drill{Name: "power", Holds: []int{1, 8}, Run: func(ctx context.Context, b *Bench) (Outcome, error) {
	return pullPlugs(ctx, b, false, b.trials(4, 500))
}}

// hubPower pulls the plug of a machine that runs a hub node and an agent.
var hubPower = Drill{Name: "hubpower", Holds: []int{1, 2, 3, 4}, Run: func(ctx context.Context, b *Bench) (Outcome, error) {
	return pullPlugs(ctx, b, true, b.trials(3, 200))
}}

// bootWithin is how long a machine may take to open its pages and to check all
// that it holds, without hardware that helps and beside others.
const bootWithin = 5 * time.Minute

func pullPlugs(ctx context.Context, b *Bench, hub bool, trials int) (o Outcome, err error) {
	if missing := missingTool(vmTools...); missing != "" {
		return Skip("needs %s", missing)
	}
	if b.Source == "" {
		return Skip("needs Go and the source, to build what runs in the machine")
	}
	w, err := newPowered(ctx, b, hub)
	if err != nil {
		return o, err
	}
	w.o = &o
	for o.Trials < trials && len(o.Lost) == 0 {
		o.Trials++
		if err := w.trial(ctx); err != nil {
			return o, fmt.Errorf("cut %d: %w\n%s", o.Trials, err, w.console())
		}
	}
	// Once more, to see what the last cut left.
	if err := w.last(ctx); err != nil {
		return o, fmt.Errorf("after the last cut: %w\n%s", err, w.console())
	}
	if w.confirmed == 0 && trials > 2 {
		return o, errors.New("not one save was confirmed before a cut")
	}
	o.Saw = fmt.Sprintf("%d saves confirmed; %d pages of unflushed writes dropped; documents rebuilt %d times; page open after %.1f s at most in a machine without hardware help", w.confirmed, w.dropped, w.rebuilt, w.longest.Seconds())
	if hub {
		o.Saw += fmt.Sprintf(", hub after %.1f s", w.hubLongest.Seconds())
	}
	return o, nil
}

// powered is a machine with the witness outside it.
type powered struct {
	*vm
	o    *Outcome
	b    *Bench
	rnd  *rand.Rand
	args string

	told       map[string]string // by sheet: the mark that was last confirmed
	doubt      map[string]string // of the save during which the plug was pulled
	safe       int               // entries that the page called safe
	entries    int               // that the agent had when it opened last, safe or waiting
	confirmed  int
	dropped    int
	rebuilt    int
	longest    time.Duration
	hubLongest time.Duration
}

// newPowered prepares the machine's disks: a school with its roster, enrolled
// and in step with a hub, which lies beside it if the machine is to run it.
func newPowered(ctx context.Context, b *Bench, hub bool) (*powered, error) {
	s, h, l, c, err := b.school(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := c.Drained(ctx, h, 0); err != nil {
		return nil, err
	}
	if err := s.Stop(h.Name(0)); err != nil {
		return nil, err
	}
	programs, data := filepath.Join(b.Work(), "bin"), filepath.Join(b.Work(), "data")
	for _, dir := range []string{programs, data} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make disks: %w", err)
		}
	}
	args := ""
	moved := []string{"school"}
	if hub {
		moved = append(moved, "hub0")
		args = fmt.Sprintf("drill.hub=%s drill.raft=%s", h.Listen[0], h.Raft[0])
	}
	for _, name := range moved {
		if err := os.Rename(filepath.Join(s.Work, name), filepath.Join(data, name)); err != nil {
			return nil, fmt.Errorf("make disks: %w", err)
		}
	}
	if err := buildGuest(ctx, b, programs, l.file("attendance.csv"), s.Bin); err != nil {
		return nil, err
	}
	guest := filepath.Join(b.Work(), "guest")
	memory := "320"
	if hub {
		memory = "512"
	}
	v, err := newVM(ctx, b.Work(), guest, data, programs, memory)
	if err != nil {
		return nil, err
	}
	return &powered{vm: v, b: b, rnd: rand.New(rand.NewPCG(b.Seed, 0x9095)), args: args, told: map[string]string{}}, nil
}

// buildGuest builds the guest's first process and lays out its disk of
// programs. The agent is there twice: a second build stands for an upgrade.
func buildGuest(ctx context.Context, b *Bench, programs, sample, bin string) error {
	for out, args := range map[string][]string{
		filepath.Join(b.Work(), "guest"):      {"-ldflags=-s -w", "./installer/drill/guest"},
		filepath.Join(programs, "agent"):      {"-ldflags=-s -w", "./agent"},
		filepath.Join(programs, "agent.next"): {"-ldflags=-s -w", "-buildvcs=false", "-trimpath", "./agent"},
		filepath.Join(programs, "hub"):        {"-ldflags=-s -w", "./hub"},
	} {
		if err := build(ctx, b, out, args...); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(sample)
	if err == nil {
		err = os.WriteFile(filepath.Join(programs, "attendance.csv"), data, 0o644)
	}
	return err
}

// build builds a program for the machine.
func build(ctx context.Context, b *Bench, out string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", out}, args...)...)
	cmd.Dir = b.Source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", filepath.Base(out), err, tail(said))
	}
	return nil
}

// trial boots the machine, checks what it holds, lets it work and pulls the
// plug: mostly while it saves and syncs, now and then while it opens.
func (w *powered) trial(ctx context.Context) error {
	if w.o.Trials > 1 && w.rnd.IntN(5) == 0 {
		return w.life(ctx, plan{early: time.Duration(1+w.rnd.IntN(3000)) * time.Millisecond})
	}
	return w.life(ctx, plan{lines: 1 + w.rnd.IntN(40), then: time.Duration(w.rnd.IntN(40)) * time.Millisecond})
}

// last boots the machine and only checks.
func (w *powered) last(ctx context.Context) error { return w.life(ctx, plan{}) }

// plan says when the plug is pulled.
type plan struct {
	early time.Duration // after the programs were started, before all is checked
	lines int           // of the guest after all was checked
	then  time.Duration // after that line
}

// life is one life of the machine.
func (w *powered) life(ctx context.Context, p plan) error {
	r, err := w.boot(w.rnd.Uint64(), w.args)
	if err != nil {
		return err
	}
	heard := w.listen(ctx, r, p)
	dropped, err := r.pull(w.rnd)
	w.dropped += dropped
	return errors.Join(heard, err)
}

// listen hears the guest until it is time to pull the plug.
func (w *powered) listen(ctx context.Context, r *running, p plan) error {
	lines, stop := r.lines()
	defer stop()
	late := time.NewTimer(bootWithin)
	defer late.Stop()
	var now <-chan time.Time // pull the plug
	checked, after := false, 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-now:
			return nil
		case <-late.C:
			if checked {
				return nil
			}
			w.o.Lose("cut %d: the machine does not open within %v", w.o.Trials, bootWithin)
			return nil
		case line, ok := <-lines:
			if !ok {
				return fmt.Errorf("the machine went off by itself: %s", &r.stderr)
			}
			what, rest, _ := strings.Cut(line, " ")
			if err := w.hear(what, rest); err != nil {
				return fmt.Errorf("hear %.80q: %w", line, err)
			}
			switch {
			case len(w.o.Lost) > 0:
				return nil
			case what == "did" && rest == "start" && p.early > 0:
				now = time.After(p.early)
			case what == "state" && !checked:
				if checked = true; p.lines == 0 && p.early == 0 {
					return nil
				}
			case checked && now == nil:
				if after++; after >= p.lines && p.early == 0 {
					now = time.After(p.then)
				}
			}
		}
	}
}

// hear takes note of what the guest says.
func (w *powered) hear(what, rest string) error {
	switch what {
	case "bad":
		w.o.Lose("cut %d: %s", w.o.Trials, rest)
	case "open":
		var agent, hub int64
		if _, err := fmt.Sscanf(rest, "%d %d", &agent, &hub); err != nil {
			return err
		}
		w.longest = max(w.longest, time.Duration(agent)*time.Millisecond)
		w.hubLongest = max(w.hubLongest, time.Duration(hub)*time.Millisecond)
	case "held":
		return w.check(rest)
	case "state":
		var st stage.SchoolStatus
		if err := json.Unmarshal([]byte(rest), &st); err != nil {
			return err
		}
		if st.Rebuilt != "" {
			w.rebuilt++
		}
		if all := st.Safe + st.Pending; all < w.entries {
			w.o.Lose("cut %d: there were %d entries, now %d are", w.o.Trials, w.entries, all)
		} else {
			w.entries = all
		}
		if st.Safe < w.safe {
			w.o.Lose("cut %d: %d entries were safe at the hub, now %d", w.o.Trials, w.safe, st.Safe)
		}
		w.safe = max(w.safe, st.Safe)
	case "try":
		_, coded, _ := strings.Cut(rest, " ")
		rows, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			return err
		}
		w.doubt, err = marks(rows)
		return err
	case "saved":
		for sheet, mark := range w.doubt {
			w.told[sheet] = mark
		}
		w.doubt = nil
		w.confirmed++
	}
	return nil
}

// check holds an export against what was confirmed.
func (w *powered) check(coded string) error {
	packed, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	table, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	held, err := marks(table)
	if err != nil {
		return err
	}
	// The save during which the plug was pulled is there, all of it, or not.
	there := 0
	for sheet, mark := range w.doubt {
		if held[sheet] == mark && w.told[sheet] != mark {
			there++
		}
	}
	if there > 0 {
		for sheet, mark := range w.doubt {
			w.told[sheet] = mark
		}
	}
	w.doubt = nil
	for sheet, mark := range w.told {
		if held[sheet] != mark && len(w.o.Lost) < 5 {
			w.o.Lose("cut %d: %s was saved as %q and is %q", w.o.Trials, sheet, mark, held[sheet])
		}
	}
	return nil
}

// marks reads attendance, as it is imported or as it is exported: of each sheet
// the mark of its one pupil that is not present.
func marks(table []byte) (map[string]string, error) {
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(table, []byte("\ufeff")))).ReadAll()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range rows {
		if len(r) < colSymptom+1 || r[colPupil] == "" {
			continue
		}
		r = r[:colSymptom+1]
		if half, ok := halves[r[colSession]]; ok {
			r[colSession] = half
		}
		for col, list := range map[int]*schema.CodeList{colStatus: schema.Statuses, colSymptom: schema.Symptoms} {
			if c, ok := list.Parse(r[col]); ok {
				r[col] = c.Key
			}
		}
		out[sheetOf(r)] = strings.Join(r[colPupil:], ",")
	}
	return out, nil
}

// halves are the names of a day's sessions in an export.
var halves = map[string]string{"上午": "am", "下午": "pm"}
