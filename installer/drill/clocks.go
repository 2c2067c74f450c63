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

func wrongClocks(now int64) []wrongClock {
	return []wrongClock{
		{name: "right"},
		{name: "c1970", off: -now + 60},
		{name: "c2099", off: 73 * year},
		{name: "jumps", jumpBy: 20 * year},
		{name: "kiritimati", zone: "Pacific/Kiritimati", off: 14 * 3600},
	}
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
func launcher(dir, agent string, c wrongClock) (string, error) {
	file := filepath.Join(dir, "agent-"+c.name)
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
	var want string
	for _, clock := range wrongClocks(unix) {
		o.Trials++
		got, err := b.underClock(ctx, main, agent, clock, table, l, &o)
		if err != nil {
			return o, fmt.Errorf("clock %s: %w", clock.name, err)
		}
		if want == "" {
			want = got
		}
		if got != want {
			o.Lose("clock %s: the merged sheets are not those under a right clock", clock.name)
		}
	}
	o.Saw = fmt.Sprintf("%d clocks, the same %d bytes of merged sheets under each", o.Trials, len(want))
	return o, nil
}

// underClock has two agents of a school, one under a wrong clock and one under
// the right one, meet at a hub of their own, and returns what it then holds.
func (b *Bench) underClock(ctx context.Context, main *stage.Stage, agent string, clock wrongClock, table string, l *ledger, o *Outcome) (string, error) {
	work := filepath.Join(b.Work(), clock.name)
	if err := os.Mkdir(work, 0o700); err != nil {
		return "", err
	}
	file, err := launcher(work, agent, clock)
	if err != nil {
		return "", err
	}
	s := stage.New(main.Bin, work)
	defer s.Close()
	h, err := l.open(ctx, s, 1)
	if err != nil {
		return "", err
	}
	right, err := l.enrolled(ctx, s, h, "right")
	if err != nil {
		return "", err
	}
	if err := right.Drained(ctx, h, 0); err != nil {
		return "", err
	}
	wrong := stage.New(main.Bin, work)
	wrong.Elsewhere = map[string]string{"agent": file}
	defer wrong.Close()
	c := wrong.School("wrong", sampleSchool)
	token, err := h.Token(ctx, 0, sampleSchool)
	if err != nil {
		return "", err
	}
	if _, err := wrong.Run(ctx, "agent", "enroll", "--dir", c.Dir, "--hub", h.URLs(0), "--token", token); err != nil {
		return "", err
	}
	if err := c.Sync(ctx); err != nil { // TLS, cold
		return "", err
	}
	if err := c.Import(ctx, "attendance", table); err != nil {
		return "", err
	}
	if err := c.Serve(ctx); err != nil { // its loop sends, on a resumed session
		return "", err
	}
	if err := c.Drained(ctx, h, 0); err != nil {
		return "", err
	}
	if err := l.check(ctx, wrong, c, o); err != nil {
		return "", err
	}
	select {
	case <-wrong.Ended(c.Name):
		o.Lose("clock %s: the agent ended", clock.name)
	default:
	}
	var q struct {
		Ask           bool
		Proposal, Why string
	}
	if err := wrong.Ask(ctx, &q, "agent", "date", "--dir", c.Dir); err != nil {
		return "", err
	}
	today, err := exec.CommandContext(ctx, "env", "TZ=CST-8", "date", "+%F").Output()
	if err != nil {
		return "", err
	}
	if q.Ask || q.Proposal != strings.TrimSpace(string(today)) {
		o.Lose("clock %s: after the hub was reached it takes %s for today: %+v", clock.name, q.Proposal, q)
	}
	if err := right.Drained(ctx, h, 0); err != nil {
		return "", err
	}
	// Both agents hold what the hub holds, byte for byte; what that is must not
	// depend on a clock.
	merged := filepath.Join(work, "merged.csv")
	if err := right.Export(ctx, "attendance", merged); err != nil {
		return "", err
	}
	data, err := os.ReadFile(merged)
	return string(data), err
}
