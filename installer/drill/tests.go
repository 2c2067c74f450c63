package drill

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Environment of a drill that is a test. A test reads them itself: packages
// below installer do not import this one.
const (
	EnvSeed = "SHANGU_DRILL_SEED" // decimal
	EnvLong = "SHANGU_DRILL_LONG" // "1" for the long form
)

// told begins the line by which a test tells what it did, with t.Logf:
//
//	drill: trials=4000 lost=0 saw=max open 812 ms
//
// Several lines, of several tests, add up.
const told = "drill: "

// Tests makes a drill of the tests of a package that match pattern.
func Tests(pkg, pattern string) func(context.Context, *Bench) (Outcome, error) {
	return func(ctx context.Context, b *Bench) (Outcome, error) {
		if b.Source == "" {
			return Skip("needs Go and the source: it is go test -run '%s' %s", pattern, pkg)
		}
		cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", "60m", "-v", "-run", pattern, pkg)
		cmd.Dir = b.Source
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", fmt.Sprintf("%s=%d", EnvSeed, b.Seed))
		if b.Long {
			cmd.Env = append(cmd.Env, EnvLong+"=1")
		}
		out, err := cmd.CombinedOutput()
		o, parseErr := listen(out)
		switch {
		case err != nil:
			return o, fmt.Errorf("go test -run '%s' %s: %w: %s", pattern, pkg, err, tail(out))
		case parseErr != nil:
			return o, parseErr
		}
		return o, nil
	}
}

// listen adds up what tests told.
func listen(out []byte) (o Outcome, err error) {
	var saw []string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	skipped := ""
	for lines.Scan() {
		line := lines.Text()
		if _, after, ok := strings.Cut(line, "skip: "); ok {
			skipped = after
		}
		_, said, ok := strings.Cut(line, told)
		if !ok {
			continue
		}
		var trials, lost int
		if _, err := fmt.Sscanf(said, "trials=%d lost=%d", &trials, &lost); err != nil {
			return o, fmt.Errorf("read what a test told, %q: %w", said, err)
		}
		o.Trials += trials
		if lost > 0 {
			o.Lose("%d: %s", lost, said)
		}
		if _, s, ok := strings.Cut(said, "saw="); ok && s != "" {
			saw = append(saw, s)
		}
	}
	o.Saw = strings.Join(saw, "; ")
	if o.Trials == 0 && skipped != "" {
		o.Skipped = skipped
	}
	return o, lines.Err()
}

func tail(out []byte) []byte {
	out = bytes.TrimSpace(out)
	return out[max(0, len(out)-2000):]
}
