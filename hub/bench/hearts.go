package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// beatEvery is how often a quiet school holds a session.
const beatEvery = time.Second

// quietSchools are schools with nothing to send, in a process of their own:
// what their heartbeats take is the hub's doing, and not that of thousands of
// schools whose handshakes stand in the same process's scheduler.
type quietSchools struct {
	command *exec.Cmd
	tell    io.WriteCloser
	hear    *bufio.Scanner
}

// roster is what the process is told on its first line.
type roster struct {
	Seed    uint64       `json:"seed"`
	Schools []invitation `json:"schools"`
}

// heard is what became of heartbeats; the process's last line.
type heard struct {
	Took    []time.Duration `json:"took"`
	Lost    []string        `json:"lost"`    // why
	Silence time.Duration   `json:"silence"` // the longest from a school's first failure to its next answer
}

// maxHeard bounds the process's last line: some bytes for each heartbeat.
const maxHeard = 64 << 20

// said is the line with which the process answers once its schools have joined.
const said = "ready"

// quiet starts n quiet schools from number first on.
func (c *cluster) quiet(ctx context.Context, o StormOptions, first, n int) (_ *quietSchools, err error) {
	r := roster{Seed: o.Seed}
	for i := first; i < first+n; i++ {
		inv, err := c.invite(ctx, i)
		if err != nil {
			return nil, err
		}
		r.Schools = append(r.Schools, inv)
	}
	line, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("start quiet schools: %w", err)
	}
	q := &quietSchools{command: exec.CommandContext(ctx, o.Program, "bench", "hearts")}
	q.command.Stderr = os.Stderr
	out, err := q.command.StdoutPipe()
	if err == nil {
		q.tell, err = q.command.StdinPipe()
	}
	if err == nil {
		err = q.command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start quiet schools: %w", err)
	}
	q.hear = bufio.NewScanner(out)
	q.hear.Buffer(nil, maxHeard)
	_, err = q.tell.Write(append(line, '\n'))
	if err == nil && (!q.hear.Scan() || q.hear.Text() != said) {
		err = errors.Join(errors.New("they did not join"), q.hear.Err())
	}
	if err != nil {
		q.stop()
		return nil, fmt.Errorf("start quiet schools: %w", err)
	}
	return q, nil
}

// shares is processor time: of the schools, the quiet ones included, and of the
// machine.
type shares struct {
	schools       time.Duration
	busy, machine time.Duration // what anybody used, and what there was
}

func (q *quietSchools) shares() (s shares, err error) {
	own, err := cpuTime(os.Getpid())
	if err != nil {
		return s, err
	}
	beats, err := cpuTime(q.command.Process.Pid)
	if err != nil {
		return s, err
	}
	s.schools = own + beats
	s.busy, s.machine, err = machineTime()
	return s, err
}

// begin has the heartbeats begin.
func (q *quietSchools) begin() error {
	if _, err := q.tell.Write([]byte{'\n'}); err != nil {
		return fmt.Errorf("begin heartbeats: %w", err)
	}
	return nil
}

// end ends the heartbeats and returns what became of them.
func (q *quietSchools) end() (h heard, err error) {
	err = q.tell.Close()
	if err == nil && !q.hear.Scan() {
		err = errors.Join(io.ErrUnexpectedEOF, q.hear.Err())
	}
	if err == nil {
		err = json.Unmarshal(q.hear.Bytes(), &h)
	}
	if err != nil {
		return h, fmt.Errorf("hear of heartbeats: %w", err)
	}
	return h, nil
}

// stop ends the process, whatever it is at.
func (q *quietSchools) stop() {
	_ = q.tell.Close()
	_ = q.command.Process.Kill()
	_ = q.command.Wait() // it was killed, or has said all that it had to say
}

// Hearts is the process of quiet schools. in tells it who they are, then by an
// empty line to begin, and by its end to say what became of their heartbeats.
func Hearts(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	var r roster
	if !lines.Scan() {
		return fmt.Errorf("hearts: nobody is named: %w", errors.Join(io.ErrUnexpectedEOF, lines.Err()))
	}
	if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
		return fmt.Errorf("hearts: %w", err)
	}
	var schools []*client
	for _, inv := range r.Schools {
		k, err := join(ctx, inv, r.Seed, 0)
		if err != nil {
			return fmt.Errorf("hearts: %w", err)
		}
		schools = append(schools, k)
	}
	if _, err := fmt.Fprintln(out, said); err != nil {
		return fmt.Errorf("hearts: %w", err)
	}
	if !lines.Scan() {
		return nil // nobody wants to know
	}
	end := beat(ctx, schools)
	for lines.Scan() { // until in ends
	}
	if err := json.NewEncoder(out).Encode(end()); err != nil {
		return fmt.Errorf("hearts: %w", err)
	}
	return nil
}

// beat has schools with nothing to send hold a session every second, each on a
// connection of its own, until the function it returns is called.
func beat(ctx context.Context, schools []*client) func() heard {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var h heard
	var wg sync.WaitGroup
	for i, k := range schools {
		wg.Go(func() {
			pause := time.NewTimer(beatEvery * time.Duration(i) / time.Duration(len(schools)))
			defer pause.Stop()
			var failing time.Time // since when; zero while they are answered
			for {
				select {
				case <-ctx.Done():
					return
				case <-pause.C:
				}
				began := time.Now()
				err := k.session(context.WithoutCancel(ctx)) // one that has begun is seen through
				d := time.Since(began)
				if err != nil && failing.IsZero() {
					failing = began
				}
				mu.Lock()
				if !failing.IsZero() {
					h.Silence = max(h.Silence, time.Since(failing))
				}
				if err != nil {
					h.Lost = append(h.Lost, err.Error())
				} else {
					h.Took = append(h.Took, d)
					failing = time.Time{}
				}
				mu.Unlock()
				pause.Reset(max(beatEvery-d, 0))
			}
		})
	}
	return func() heard {
		cancel()
		wg.Wait()
		return h
	}
}
