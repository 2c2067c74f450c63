package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"shangu/installer/stage"
)

// clocks runs agents whose computers' clocks are wrong, in the built program.
var clocks = Drill{Name: "clocks", Holds: []int{4, 8}, Run: runClocks}

// A clock of a computer: seconds added to the time, and seconds that are added
// and taken off again every two seconds.
type wrongClock struct {
	name, zone  string
	off, jumpBy int64
}

const year = 365 * 24 * 3600

// wrongClocks are pairs of computers of one school. The first pair's clocks are
// right: what the others come to is held against it.
func wrongClocks(now int64, long bool) [][2]wrongClock {
	dead, ahead := wrongClock{name: "c1970", off: -now + 60}, wrongClock{name: "c2099", off: 73 * year}
	jumps, east := wrongClock{name: "jumps", jumpBy: 20 * year}, wrongClock{name: "kiritimati", zone: "Pacific/Kiritimati", off: 14 * 3600}
	right := wrongClock{name: "right"}
	pairs := [][2]wrongClock{{right, right}, {dead, jumps}}
	if long {
		pairs = append(pairs, [2]wrongClock{ahead, dead}, [2]wrongClock{jumps, ahead}, [2]wrongClock{east, jumps}, [2]wrongClock{ahead, east})
	}
	return pairs
}

// falseTime is put into time.Now of an agent built for this drill.
const falseTime = `
	if s, ok := syscall.Getenv("SHANGU_FALSE_CLOCK"); ok {
		var off, jump int64
		for i, field := 0, &off; i < len(s); i++ {
			switch {
			case s[i] == ' ':
				field = &jump
			case s[i] != '-':
				*field = *field*10 + int64(s[i]-'0')
			}
		}
		if len(s) > 0 && s[0] == '-' {
			off = -off
		}
		if mono/2e9%2 == 1 {
			jump = -jump
		}
		sec += off + jump
	}
`

// falseAgent builds an agent that takes its clock from the environment.
func (b *Bench) falseAgent(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find Go: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	code, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const mark, imports = "	sec, nsec, mono := runtimeNow()\n", "import (\n"
	changed := strings.Replace(string(code), mark, mark+falseTime, 1)
	if changed == string(code) {
		return "", errors.New("this Go's time.Now is not as it was")
	}
	changed = strings.Replace(changed, imports, imports+"	\"syscall\"\n", 1)
	file, overlay := filepath.Join(b.Work(), "time.go"), filepath.Join(b.Work(), "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: file}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(file, []byte(changed), 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		return "", err
	}
	out := filepath.Join(b.Work(), "falseagent")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", out, "./agent")
	build.Dir, build.Env = b.Source, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, tail(said))
	}
	return out, nil
}

// launcher is a program of its own that runs agent under a wrong clock.
func launcher(dir, agent, name string, c wrongClock) (string, error) {
	file := filepath.Join(dir, "agent-"+name)
	script := fmt.Sprintf("#!/bin/sh\nTZ=%s SHANGU_FALSE_CLOCK='%d %d' exec %s \"$@\"\n", c.zone, c.off, c.jumpBy, agent)
	return file, os.WriteFile(file, []byte(script), 0o700)
}

func runClocks(ctx context.Context, b *Bench) (o Outcome, err error) {
	if b.Source == "" {
		return Skip("needs Go and the source, to build an agent whose clock can be set")
	}
	main, err := b.Stage(ctx)
	if err != nil {
		return o, err
	}
	defer main.Close()
	agent, err := b.falseAgent(ctx)
	if err != nil {
		return o, err
	}
	now, err := exec.CommandContext(ctx, "date", "+%s").Output()
	if err != nil {
		return o, fmt.Errorf("ask the time: %w", err)
	}
	var unix int64
	if _, err := fmt.Sscan(string(now), &unix); err != nil {
		return o, fmt.Errorf("ask the time: %w", err)
	}
	l, err := newLedger(main.Work)
	if err != nil {
		return o, err
	}
	table, rows, err := l.take(12)
	if err != nil {
		return o, err
	}
	l.confirm(rows)
	// The other computer has half of the same sheets.
	half, err := l.table(rows[:len(rows)/2])
	if err != nil {
		return o, err
	}
	tables := [2]string{table, half}
	var want string
	for i, pair := range wrongClocks(unix, b.Long) {
		got, err := b.underClocks(ctx, main, agent, filepath.Join(b.Work(), fmt.Sprintf("pair%d", i)), pair, l, tables, &o)
		if err != nil {
			return o, fmt.Errorf("clocks %s and %s: %w", pair[0].name, pair[1].name, err)
		}
		if o.Trials += 2; want == "" {
			want = got
		}
		if got != want {
			o.Lose("clocks %s and %s: the merged sheets are not those under right clocks", pair[0].name, pair[1].name)
		}
	}
	o.Saw = fmt.Sprintf("%d computers, 2 of a school in the same sheets: the same %d bytes of merged sheets under right and wrong clocks", o.Trials, len(want))
	return o, nil
}

// underClocks has two computers of a school meet in the same sheets at a hub of
// their own, one after the other, and returns what both then hold.
func (b *Bench) underClocks(ctx context.Context, main *stage.Stage, agent, work string, pair [2]wrongClock, l *ledger, tables [2]string, o *Outcome) (string, error) {
	if err := os.Mkdir(work, 0o700); err != nil {
		return "", err
	}
	s := stage.New(main.Bin, work)
	defer s.Close()
	h, err := l.open(ctx, s, 1)
	if err != nil {
		return "", err
	}
	today, err := exec.CommandContext(ctx, "env", "TZ=CST-8", "date", "+%F").Output()
	if err != nil {
		return "", fmt.Errorf("ask the date: %w", err)
	}
	var at [2]*stage.School
	var own [2]*stage.Stage
	for i, clock := range pair {
		file, err := launcher(work, agent, fmt.Sprint(i), clock)
		if err != nil {
			return "", err
		}
		own[i] = stage.New(main.Bin, work)
		own[i].Elsewhere = map[string]string{"agent": file}
		defer own[i].Close()
		if at[i], err = l.enrolled(ctx, own[i], h, fmt.Sprint("school", i)); err != nil {
			return "", err
		}
		if err := at[i].Sync(ctx); err != nil { // TLS, cold
			return "", err
		}
		if i == 1 { // its own in the same sheets, not having seen the other's
			if err := at[i].Import(ctx, "attendance", tables[i]); err != nil {
				return "", err
			}
		}
	}
	if err := at[0].Import(ctx, "attendance", tables[0]); err != nil {
		return "", err
	}
	for _, c := range at {
		if err := c.Serve(ctx); err != nil { // its loop sends, on a resumed session
			return "", err
		}
		if err := c.Drained(ctx, h, 0); err != nil {
			return "", err
		}
	}
	var merged [2]string
	for i, c := range at {
		if err := c.Drained(ctx, h, 0); err != nil {
			return "", err
		}
		if err := l.check(ctx, own[i], c, o); err != nil {
			return "", err
		}
		var q struct {
			Ask           bool
			Proposal, Why string
		}
		if err := own[i].Ask(ctx, &q, "agent", "date", "--dir", c.Dir); err != nil {
			return "", err
		}
		if q.Ask || q.Proposal != strings.TrimSpace(string(today)) {
			o.Lose("clock %s: after the hub was reached it takes %s for today: %+v", pair[i].name, q.Proposal, q)
		}
		select {
		case <-own[i].Ended(c.Name):
			o.Lose("clock %s: the agent ended", pair[i].name)
		default:
		}
		file := filepath.Join(work, fmt.Sprintf("merged%d.csv", i))
		if err := c.Export(ctx, "attendance", file); err != nil {
			return "", err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		merged[i] = string(data)
	}
	if merged[0] != merged[1] {
		o.Lose("clocks %s and %s: the two computers do not hold the same sheets", pair[0].name, pair[1].name)
	}
	return merged[0], nil
}
