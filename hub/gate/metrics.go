package gate

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what the gate counts. No label names a school or a device.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	resumed  *prometheus.CounterVec
	tickets  *prometheus.CounterVec
	entries  prometheus.Counter
	busy     prometheus.Counter
	open     prometheus.Gauge
}

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		registry: r,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shangu_gate_requests_total",
			Help: "Requests by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "shangu_gate_request_seconds",
			Help: "Time from header to answer, the client's line included.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 11)}, []string{"route"}),
		resumed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shangu_gate_sync_connections_total",
			Help: "Requests of devices by whether their connection resumed a session."}, []string{"resumed"}),
		tickets: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shangu_gate_tickets_total",
			Help: "Session tickets presented, by why they were refused."}, []string{"refused"}),
		entries: prometheus.NewCounter(prometheus.CounterOpts{Name: "shangu_gate_entries_total", Help: "Entries that pushes moved chains by."}),
		busy:    prometheus.NewCounter(prometheus.CounterOpts{Name: "shangu_gate_busy_total", Help: "Requests sent away, or answered as heartbeats alone."}),
		open:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "shangu_gate_requests_open", Help: "Requests under way."}),
	}
	r.MustRegister(m.requests, m.seconds, m.resumed, m.tickets, m.entries, m.busy, m.open)
	return m
}

// watchPressure shows how late the process's goroutines run.
func (m *metrics) watchPressure(p *pressure) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "shangu_gate_late_seconds",
		Help: "How late this process runs what is due; above 0.06 connections are let in slowly."},
		func() float64 { return time.Duration(p.late.Load()).Seconds() }))
}

// laneMetrics shows a lane.
type laneMetrics struct {
	name string
	lane *lane
}

// What a lane shows; the label names the lane.
var (
	descInside  = laneDesc("inside", "Requests under way, by lane.")
	descOldest  = laneDesc("oldest_seconds", "How long the oldest of them has been.")
	descLet     = laneDesc("admitted_total", "Requests let in.")
	descRefused = laneDesc("refused_total", "Requests told to come again.")
	descLine    = laneDesc("line_seconds", "In how long the last one sent away was told to come.")
)

func laneDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("shangu_gate_lane_"+name, help, []string{"lane"}, nil)
}

// Describe implements prometheus.Collector. Lanes differ in the label alone, so
// each describes nothing and is checked as it is collected.
func (l *laneMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (l *laneMetrics) Collect(c chan<- prometheus.Metric) {
	s := l.lane.standing()
	show := func(d *prometheus.Desc, t prometheus.ValueType, v float64) {
		c <- prometheus.MustNewConstMetric(d, t, v, l.name)
	}
	show(descInside, prometheus.GaugeValue, float64(s.inside))
	show(descOldest, prometheus.GaugeValue, s.oldest.Seconds())
	show(descLet, prometheus.CounterValue, float64(s.let))
	show(descRefused, prometheus.CounterValue, float64(s.refused))
	show(descLine, prometheus.GaugeValue, s.line.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// watch counts and times a route's requests.
func (g *Gate) watch(route string, f http.HandlerFunc) http.Handler {
	m := g.metrics
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		m.open.Inc()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.open.Dec()
			m.seconds.WithLabelValues(route).Observe(time.Since(start).Seconds())
			m.requests.WithLabelValues(route, strconv.Itoa(s.status)).Inc()
		}()
		if route == "sync" && r.TLS != nil {
			m.resumed.WithLabelValues(strconv.FormatBool(r.TLS.DidResume)).Inc()
		}
		f(s, r)
	})
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
