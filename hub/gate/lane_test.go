package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Those who find no place are told to come one after the other, at the rate at
// which requests are done, and the line has an end.
func TestLaneSpreadsWhoIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(2, time.Now)
		a, b := l.enter(), l.enter()
		if a == nil || b == nil || l.enter() != nil {
			t.Fatal("two places are not two")
		}
		last := time.Duration(0)
		for i := range 200 {
			d := l.retry()
			if d < retryLeast || d <= last {
				t.Fatalf("number %d may come after %v, the one before after %v", i, d, last)
			}
			last = d
		}
		if want := retryLeast + 4*time.Second; last < want-time.Second/10 || last > want+time.Second/10 {
			t.Errorf("at %v a second the 200th may come after %v, not %v", firstRate, last, want)
		}
		for range 100_000 {
			if d := l.retry(); d > retryMost || d < retryLeast {
				t.Fatalf("%v", d)
			}
		}
		<-time.After(3 * time.Second)
		if s := l.standing(); s.inside != 2 || s.oldest != 3*time.Second || s.let != 2 || s.refused != 100_200 {
			t.Errorf("%+v", s)
		}
		l.leave(a)
		if l.enter() == nil {
			t.Error("a place that was given back is not free")
		}
	})
}

// The rate follows what is done: a slow hub spreads the same schools wider.
func TestLaneMeasuresItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(1, time.Now)
		for range 40 { // 5 a second
			p := l.enter()
			<-time.After(200 * time.Millisecond)
			l.leave(p)
		}
		first := l.retry()
		if gap := l.retry() - first; gap < 150*time.Millisecond || gap > 260*time.Millisecond {
			t.Errorf("the line moves every %v at 5 a second", gap)
		}
	})
}

func TestLaneMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	l := newLane(1, time.Now)
	r.MustRegister(&laneMetrics{"pushes", l}, &laneMetrics{"heartbeats", newLane(1, time.Now)})
	l.enter()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if m.Label[0].GetValue() == "pushes" {
				seen[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	if len(seen) != 5 || seen["shangu_gate_lane_inside"] != 1 || seen["shangu_gate_lane_admitted_total"] != 1 {
		t.Errorf("%v", seen)
	}
}
