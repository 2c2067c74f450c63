package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of /proc/PID/stat on every Linux that Go runs on.
const tick = time.Second / 100

// cpuTime returns the processor time that a process has used.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	// The program's name, in brackets, may hold blanks; after it come state,
	// ten numbers, then the times in user and in system mode.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 13 {
		return 0, fmt.Errorf("read processor time: %d fields", len(f))
	}
	user, err1 := strconv.ParseInt(string(f[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(f[12]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("read processor time: %q, %q", f[11], f[12])
	}
	return time.Duration(user+system) * tick, nil
}

// machineTime returns the processor time that anybody used on this machine, and
// all that there was. What its host gave to others counts as used.
func machineTime() (busy, all time.Duration, err error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("read processor time: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(line)
	// cpu, then user, nice, system, idle, iowait, irq, softirq, steal; guests,
	// after them, are in user.
	if len(f) < 9 {
		return 0, 0, fmt.Errorf("read processor time: %q", line)
	}
	for i, v := range f[1:9] {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read processor time: %q", line)
		}
		if all += time.Duration(n) * tick; i != 3 && i != 4 {
			busy += time.Duration(n) * tick
		}
	}
	return busy, all, nil
}

// memory returns the bytes that are a process's alone and not a file's, and
// all that it has in memory. The kernel keeps both counted; smaps would be
// walked page by page, at the cost of whoever asks.
func memory(pid int) (anonymous, resident int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(string(f[1]), 10, 64) // other lines hold words
		switch string(f[0]) {
		case "RssAnon:":
			anonymous = kib << 10
		case "VmRSS:":
			resident = kib << 10
		}
	}
	return anonymous, resident, nil
}
