//go:build linux

// Command guest is the first and only process of a machine whose plug is
// pulled: see drill power. It opens the agent, and the hub if it has one, tells
// what they hold, and then saves, syncs, backs up, verifies, restarts and
// upgrades as chance has it, telling the witness outside over a serial line
// what was begun and what was confirmed. It is part of no package that ships.
//
//	open AGENT-MS HUB-MS   pages answer
//	held BASE64            attendance as the agent exports it, CSV, gzip
//	state JSON             agent status
//	bad TEXT               something does not hold
//	try N TEXT             save N begins: rows of attendance, base64
//	saved N                it was confirmed
//	safe N                 a session ended with nothing pending
//	did TEXT               anything else was done
//
// With drill.stick it has a FAT32 stick for a disk, says what is on it, and
// writes bundles, reports and backups there one after the other as a school does:
//
//	has NAME true          a file is on the stick; false: and not whole
//	write NAME             a file is begun
//	wrote NAME             it was said to be there
package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest runs as the first process of a virtual machine; see installer drill power")
		os.Exit(2)
	}
	err := run() // it ends by the plug, or with what went wrong
	fmt.Println("guest:", err)
	tell("bad %v", err)
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// line goes to the witness.
var line *bufio.Writer

func tell(format string, args ...any) {
	if line == nil {
		return
	}
	fmt.Fprintf(line, format+"\n", args...)
	line.Flush()
}

func run() error {
	if err := boot(); err != nil {
		return err
	}
	tty, err := os.OpenFile("/dev/ttyS1", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	line = bufio.NewWriter(tty)
	args, err := arguments()
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(args["seed"], 10, 64)
	if err != nil {
		return fmt.Errorf("seed %q: %w", args["seed"], err)
	}
	if args["stick"] != "" {
		return carry(rand.New(rand.NewPCG(seed, 0x571c)))
	}
	m := &machine{rnd: rand.New(rand.NewPCG(seed, 0x9e57)), hub: args["hub"], raft: args["raft"]}
	return m.live()
}

// arguments are those of the kernel's command line that begin with "drill.".
func arguments() (map[string]string, error) {
	b, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, word := range strings.Fields(string(b)) {
		if rest, ok := strings.CutPrefix(word, "drill."); ok {
			k, v, _ := strings.Cut(rest, "=")
			out[k] = v
		}
	}
	return out, nil
}
