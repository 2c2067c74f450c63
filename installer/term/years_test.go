package term

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"shangu/agent/store/storetest"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// Goals and floors are those of design/NUMBERS: private memory in bytes.
const (
	restFloor = 60e6
	syncFloor = 120e6
)

// A school with five years of records stays small: while all of them are sent to
// a hub that has lost them, while a day is sent, and at rest.
func TestFiveYearsInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("sends five years")
	}
	b := newBench(t)
	flush(t, filepath.Join(b.Bin, "agent"))
	h := startHub(b, 1)
	dir := filepath.Join(b.work, "agent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := identity.OpenKey(filepath.Join(dir, "device.key"), rand.Reader, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.Fill(t.Context(), filepath.Join(dir, "data"), key.Device(), storetest.Years{School: deviceSchool, Days: 1000}); err != nil {
		t.Fatal(err)
	}
	if err := b.Start("agent", "agent", "run", "--dir", dir, "--listen", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	b.until("the service", time.Minute, func() error { return b.ask(&deviceStatus{}, "agent", "status", "--dir", dir) })
	pending := b.agentStatus(dir).Pending
	if pending < 24000 {
		t.Fatalf("%d entries", pending)
	}
	report := func(what string, n, floor int64) {
		t.Logf("%-28s %6.1f MB private", what, float64(n)/1e6)
		if n > floor {
			t.Errorf("%s: %d bytes private, more than %d", what, n, floor)
		}
	}
	report("with five years pending", b.private("agent"), syncFloor)
	h.enroll(dir)
	began := time.Now()
	report("while sending five years", b.during("agent", func() { b.must("agent", "sync", "--timeout", "2m", "--dir", dir) }), syncFloor)
	t.Logf("%d entries sent in %v", pending, time.Since(began).Round(time.Millisecond))
	if s := b.agentStatus(dir); s.Pending != 0 || s.Safe != pending {
		t.Fatalf("%+v", s)
	}
	report("while importing and sending", b.during("agent", func() {
		b.take(dir, "roster", "roster.xlsx")
		b.take(dir, "attendance", "attendance.csv")
		b.must("agent", "sync", "--dir", dir)
	}), syncFloor)
	b.quiet("agent")
	report("at rest after it", b.private("agent"), restFloor)
	b.stop("agent")
	if err := b.Restart("agent"); err != nil {
		t.Fatal(err)
	}
	b.until("the service", time.Minute, func() error { return b.ask(&deviceStatus{}, "agent", "status", "--dir", dir) })
	b.quiet("agent")
	report("at rest after a start", b.private("agent"), restFloor)
}

// flush brings a file to the disk: pages of a program that was just built are
// dirty, and would count as its process's own.
func flush(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// private is the memory that a process has for itself.
func (b *bench) private(name string) int64 {
	b.t.Helper()
	n, err := privateOf(b.PID(name))
	if err != nil {
		b.t.Skipf("this machine does not tell what memory a process has: %v", err)
	}
	return n
}

func privateOf(pid int) (most int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 3 && (f[0] == "Private_Dirty:" || f[0] == "Anonymous:") {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0, err
			}
			most = max(most, n<<10)
		}
	}
	return most, nil
}

// during is the most that a process has for itself while f runs, looked at a
// hundred times a second.
func (b *bench) during(name string, f func()) (most int64) {
	b.t.Helper()
	pid := b.PID(name)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			if n, err := privateOf(pid); err == nil {
				most = max(most, n)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(stop)
	<-done
	if most == 0 {
		b.t.Skip("this machine does not tell what memory a process has")
	}
	return most
}

// quiet waits until a process has used no processor time for a second.
func (b *bench) quiet(name string) {
	b.t.Helper()
	pid := b.PID(name)
	last, same := "", 0
	b.until(name+" to be quiet", time.Minute, func() error {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.t.Skipf("this machine does not tell how busy a process is: %v", err)
		}
		f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		now := f[11] + " " + f[12] // utime and stime
		if same++; now != last {
			last, same = now, 0
		}
		if same < 10 {
			return fmt.Errorf("it is busy: %s", now)
		}
		return nil
	})
}
