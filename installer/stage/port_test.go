package stage_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"shangu/installer/stage"
)

// Two processes are never given the same port, also while nobody listens there.
func TestPortsOfTwoProcesses(t *testing.T) {
	// So many blocks that two processes which knew nothing of each other would meet.
	const many, fewer = 4000, 2000
	take := func(n int) (out []string) {
		for range n {
			addr, err := stage.Port()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, addr)
		}
		return out
	}
	if os.Getenv("SHANGU_PORTS") != "" {
		os.Stdout.WriteString("\nports " + strings.Join(take(fewer), " ") + "\n")
		return
	}
	seen := map[string]bool{}
	for _, addr := range take(many) {
		if seen[addr] {
			t.Errorf("%s was given twice", addr)
		}
		seen[addr] = true
	}
	for range 5 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestPortsOfTwoProcesses$")
		cmd.Env = append(os.Environ(), "SHANGU_PORTS=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		_, list, _ := bytes.Cut(out, []byte("\nports "))
		list, _, _ = bytes.Cut(list, []byte("\n"))
		theirs := strings.Fields(string(list))
		if len(theirs) != fewer {
			t.Fatalf("%d ports: %s", len(theirs), out)
		}
		for _, addr := range theirs {
			if seen[addr] {
				t.Errorf("another process was given %s too", addr)
			}
		}
	}
}
