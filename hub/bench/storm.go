package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	hubcluster "shangu/hub/cluster"
	"shangu/sync/link"
)

// StormOptions say how many schools come back at once, and after how long.
type StormOptions struct {
	Program string // the hub's own binary
	Dir     string // an empty directory for the nodes' data; a short name
	Schools int
	Days    int           // of records that wait at each school; 0: 5, a school week
	Within  time.Duration // the schools' first attempts are spread over this; 0: 5 s, as agents do by themselves
	Kill    bool          // kill the leader when a third has drained, and start it again
	Seed    uint64
	Note    func(string) // told what goes on; may be nil
}

func (o *StormOptions) defaults() {
	if o.Days == 0 {
		o.Days = 5
	}
	if o.Within == 0 {
		o.Within = 5 * time.Second
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
}

// Limits that a storm is judged by.
const (
	// MaxAnonymous is how much memory of its own a node may have at any time, in bytes.
	MaxAnonymous = 384 << 20
	// MaxBeat is how long a school that has nothing to send may wait for its
	// heartbeat's answer, its handshake included.
	MaxBeat = 10 * time.Second
	// rounds is how many elections it may take until one candidate has a
	// majority.
	rounds = 2
	// unfair bounds the longest wait of a school: so often the median, and a
	// minute for the pauses that the hub asks for.
	unfair     = 4
	unfairMore = time.Minute
	// stormPatience ends a storm that does not drain.
	stormPatience = 15 * time.Minute
)

// MaxSilence is how long the heartbeats of a school may go unanswered when the
// leader is killed, from the first that fails to the answer of the one that does
// not: the others miss the leader after twice the cluster's Heartbeat at most, a
// candidate waits for votes twice its Election at most, and the answer is
// bounded like any.
func MaxSilence() time.Duration {
	c := hubcluster.DefaultConfig()
	return 2*c.Heartbeat + rounds*2*c.Election + MaxBeat
}

// Storm is what was seen when all schools came back at once.
type Storm struct {
	Seed      uint64 `json:"seed"`
	Schools   int    `json:"schools"`
	Drained   int    `json:"drained"`
	Documents int    `json:"documents"` // that waited, in all
	Killed    bool   `json:"leader_killed"`

	// From a school's own first attempt to its last receipt, in seconds.
	Median   float64 `json:"median_s"`
	P99      float64 `json:"p99_s"`
	Longest  float64 `json:"longest_s"`
	Last     float64 `json:"last_s"` // from the beginning of the storm to the last receipt
	Attempts int     `json:"most_attempts"`
	SentAway int     `json:"sent_away"` // sessions that the hub asked to come again
	Failed   int     `json:"failed"`    // sessions that ended with any other error

	Beats      int     `json:"heartbeats"` // sessions of schools with nothing to send
	BeatsLost  int     `json:"heartbeats_unanswered"`
	BeatMedian float64 `json:"heartbeat_p50_ms"`
	BeatP99    float64 `json:"heartbeat_p99_ms"`
	BeatMax    float64 `json:"heartbeat_max_ms"`
	Silence    float64 `json:"heartbeat_silence_ms"` // the longest time in which a school got no answer, from its first failure

	Anonymous []float64 `json:"nodes_anonymous_peak_mb"`
	Resident  []float64 `json:"nodes_resident_peak_mb"`
	NodeCPU   float64   `json:"nodes_cpu_s"`
	SchoolCPU float64   `json:"schools_cpu_s"`
	Others    float64   `json:"others_share"` // of the machine's processor time in the storm: what neither nodes nor schools used

	Lost []string `json:"lost"` // each promise that was not kept, in words
}

// String is the storm in a line of figures.
func (s *Storm) String() string {
	how := ""
	if s.Killed {
		how = ", leader killed"
	}
	return fmt.Sprintf("%d of %d schools drained %d documents in %.1f s%s (median %.1f, longest %.1f s, at most %d attempts, %d sent away, %d failed); "+
		"%d heartbeats, %d unanswered, p50 %.0f ms, p99 %.0f ms, max %.0f ms, silent %.0f ms; nodes at most %.0f MB; processor time: nodes %.1f s, schools %.1f s, others %.0f%% of the machine",
		s.Drained, s.Schools, s.Documents, s.Last, how, s.Median, s.Longest, s.Attempts, s.SentAway, s.Failed,
		s.Beats, s.BeatsLost, s.BeatMedian, s.BeatP99, s.BeatMax, s.Silence, slices.Max(s.Anonymous), s.NodeCPU, s.SchoolCPU, 100*s.Others)
}

func (s *Storm) lose(format string, args ...any) {
	s.Lost = append(s.Lost, fmt.Sprintf(format, args...))
}

// quiet is how many schools only send heartbeats during a storm of n.
func quiet(n int) int { return min(max(n/50, 8), 40) }

// Weather starts three nodes, has all schools introduce themselves, and lets
// them come back together with days of records that wait. Nothing that it
// starts outlives it. An error says that the storm could not be made; what was
// lost in it is in the result.
func Weather(ctx context.Context, o StormOptions) (*Storm, error) {
	o.defaults()
	others := quiet(o.Schools)
	o.Note("three hub nodes")
	c, err := found(ctx, o.Program, filepath.Join(o.Dir, "n"), o.Schools+others)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	o.Note(fmt.Sprintf("%d schools: enrolment, first day, %d days that wait", o.Schools+others, o.Days))
	all, err := c.clients(ctx, o.Schools, o)
	if err != nil {
		return nil, err
	}
	q, err := c.quiet(ctx, o, o.Schools, others)
	if err != nil {
		return nil, err
	}
	defer q.stop()
	o.Note("storm")
	s := &Storm{Seed: o.Seed, Schools: o.Schools, Killed: o.Kill}
	for _, k := range all {
		s.Documents += k.waiting
	}
	if err := c.storm(ctx, o, s, all, q); err != nil {
		return nil, err
	}
	o.Note("checking what the hub holds")
	if err := c.compare(ctx, s, all); err != nil {
		return nil, err
	}
	s.judge()
	return s, nil
}

// storm lets the schools loose and waits until all have drained.
func (c *cluster) storm(ctx context.Context, o StormOptions, s *Storm, schools []*client, q *quietSchools) error {
	ctx, cancel := context.WithTimeout(ctx, stormPatience)
	defer cancel()
	watch := c.watch(ctx)
	before, err := q.shares()
	if err == nil {
		err = q.begin()
	}
	if err != nil {
		return err
	}
	third := make(chan struct{})
	killed := make(chan error, 1)
	go func() { killed <- c.kill(ctx, o.Kill, third) }()

	var mu sync.Mutex
	left := len(schools) - len(schools)/3
	began := time.Now()
	var wg sync.WaitGroup
	for i, k := range schools {
		wg.Go(func() {
			k.drain(ctx, rand.New(rand.NewPCG(o.Seed, uint64(i))), o.Within)
			mu.Lock()
			defer mu.Unlock()
			if left--; left == 0 {
				close(third)
			}
		})
	}
	wg.Wait()
	s.Last = time.Since(began).Seconds()
	if err := <-killed; err != nil {
		return err
	}
	after, err := q.shares()
	if err != nil {
		return err
	}
	h, err := q.end()
	if err != nil {
		return err
	}
	s.take(h)
	p := watch()
	s.Anonymous, s.Resident = p.anonymous, p.resident
	s.NodeCPU, s.SchoolCPU = p.spent.Seconds(), (after.schools - before.schools).Seconds()
	if all := (after.machine - before.machine).Seconds(); all > 0 {
		s.Others = max(0, (after.busy-before.busy).Seconds()-s.NodeCPU-s.SchoolCPU) / all
	}
	s.sum(schools)
	return nil
}

// sum adds up how the schools fared.
func (s *Storm) sum(schools []*client) {
	var waits []time.Duration
	for _, k := range schools {
		s.Attempts = max(s.Attempts, k.attempts)
		s.SentAway += k.sentAway
		s.Failed += k.failed
		if k.drained == 0 {
			s.lose("school %s did not drain in %d attempts: %v", k.code, k.attempts, k.why)
			continue
		}
		s.Drained++
		waits = append(waits, k.drained)
	}
	if len(waits) == 0 {
		return
	}
	slices.Sort(waits)
	s.Median, s.P99, s.Longest = at(waits, 0.5).Seconds(), at(waits, 0.99).Seconds(), at(waits, 1).Seconds()
}

func (s *Storm) take(h heard) {
	took, lost := h.Took, h.Lost
	s.Beats, s.BeatsLost, s.Silence = len(took)+len(lost), len(lost), float64(h.Silence.Microseconds())/1000
	if s.BeatsLost > 0 && !s.Killed {
		s.lose("%d of %d heartbeats were not answered, one with: %s", len(lost), s.Beats, lost[0])
	}
	if len(took) == 0 {
		s.lose("not one heartbeat was answered")
		return
	}
	slices.Sort(took)
	ms := func(q float64) float64 { return float64(at(took, q).Microseconds()) / 1000 }
	s.BeatMedian, s.BeatP99, s.BeatMax = ms(0.5), ms(0.99), ms(1)
}

func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))]
}

// judge holds what was measured against what is promised.
func (s *Storm) judge() {
	for i, mb := range s.Anonymous {
		if mb > MaxAnonymous/1e6 {
			s.lose("node %d had %.0f MB of memory, more than %d", i, mb, MaxAnonymous/1000000)
		}
	}
	if limit := unfair*s.Median + unfairMore.Seconds(); s.Longest > limit {
		s.lose("a school waited %.0f s, half of them less than %.0f", s.Longest, s.Median)
	}
	if limit := float64(MaxBeat.Milliseconds()); s.BeatMax > limit {
		s.lose("a heartbeat took %.0f ms, more than %.0f", s.BeatMax, limit)
	}
	if limit := float64(MaxSilence().Milliseconds()); s.Silence > limit {
		s.lose("a school's heartbeats went unanswered for %.0f ms, more than %.0f", s.Silence, limit)
	}
}

// peaks are what the nodes took: the most memory that each had, in MB, and
// processor time of all, one that was killed included.
type peaks struct {
	anonymous, resident []float64
	spent               time.Duration
}

// watch looks at the nodes until the function it returns is called.
func (c *cluster) watch(ctx context.Context) func() peaks {
	ctx, cancel := context.WithCancel(ctx)
	p := peaks{anonymous: make([]float64, len(c.hubs)), resident: make([]float64, len(c.hubs))}
	first, last := map[int]time.Duration{}, map[int]time.Duration{}
	look := func(began bool) {
		for i := range c.hubs {
			// A node that is down for a moment has none.
			pid := c.stage.PID(c.hub.Name(i))
			if a, r, err := memory(pid); err == nil {
				p.anonymous[i], p.resident[i] = max(p.anonymous[i], float64(a)/1e6), max(p.resident[i], float64(r)/1e6)
			}
			if used, err := cpuTime(pid); err == nil {
				if last[pid] = used; began {
					first[pid] = used
				}
			}
		}
	}
	look(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			look(false)
		}
	}()
	return func() peaks {
		cancel()
		<-done
		look(false)
		for pid, used := range last {
			p.spent += used - first[pid]
		}
		return p
	}
}

// downFor is how long a killed node stays down.
const downFor = 3 * time.Second

// kill kills the leader once when is closed, and starts it again.
func (c *cluster) kill(ctx context.Context, really bool, when <-chan struct{}) error {
	if !really {
		return nil
	}
	select {
	case <-when:
	case <-ctx.Done():
		return ctx.Err()
	}
	leader, err := c.hub.Leader(ctx)
	if err != nil {
		return fmt.Errorf("kill the leader: %w", err)
	}
	if err := c.stage.Kill(c.hub.Name(leader)); err != nil {
		return fmt.Errorf("kill the leader: %w", err)
	}
	select {
	case <-time.After(downFor):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := c.stage.Restart(c.hub.Name(leader)); err != nil {
		return fmt.Errorf("start the leader again: %w", err)
	}
	return c.hub.WaitReady(ctx, leader)
}

// drain holds sessions as an agent does, with its pauses, until nothing waits.
func (k *client) drain(ctx context.Context, r *rand.Rand, within time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.limit = len(k.packs)
	var began time.Time
	loop := link.NewLoop(func(ctx context.Context) error {
		if began.IsZero() {
			began = time.Now()
		}
		k.attempts++
		if k.why = k.session(ctx); k.why == nil {
			k.drained = time.Since(began)
			cancel()
		} else if isBusy(k.why) {
			k.sentAway++
		} else {
			k.failed++
		}
		return k.why
	}, r.Float64)
	loop.Gather = within
	loop.Run(ctx)
}

// compare holds what the hub has of every school against what the school has.
func (c *cluster) compare(ctx context.Context, s *Storm, schools []*client) error {
	if err := c.caughtUp(ctx); err != nil {
		return err
	}
	counted, err := c.summary(ctx)
	if err != nil {
		return err
	}
	const atOnce = 8
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for w := range atOnce {
		wg.Go(func() {
			for i := w; i < len(schools); i += atOnce {
				differs, err := c.differs(ctx, i%nodes, schools[i], counted[schools[i].code])
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else if differs != "" {
					s.lose("school %s: %s", schools[i].code, differs)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
