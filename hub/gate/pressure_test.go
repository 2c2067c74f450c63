package gate

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"shangu/sync/link"
)

// TestTicketsPassTheLine: while handshakes wait for their turn, a school that
// was here lately is answered, and so is one whose request another node passes
// on; a school without a ticket waits, and is answered in the end.
func TestTicketsPassTheLine(t *testing.T) {
	d := newDistrict(t)
	leader, follower := d.open(), d.open()
	v, stranger := d.enrolled(leader, schoolA), d.enrolled(leader, schoolB)
	say := func(v *device, n *node) error {
		l := v.link(func(c *link.Config) { c.DialTimeout = time.Minute }, n.url)
		_, err := l.Exchange(t.Context(), v.hello())
		return errors.Join(err, l.Rest())
	}
	for _, n := range []*node{leader, follower} { // both now hold tickets
		if err := say(v, n); err != nil {
			t.Fatal(err)
		}
	}
	follower.gate.peers.Close() // the next request that is passed on needs a connection

	leader.gate.pressure.turn <- struct{}{} // somebody has it and keeps it
	waits := make(chan error, 1)
	go func() { waits <- say(stranger, leader) }()
	for _, n := range []*node{leader, follower} {
		if err := say(v, n); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-waits:
		t.Fatalf("a school without a ticket did not wait: %v", err)
	default:
	}
	<-leader.gate.pressure.turn
	if err := <-waits; err != nil {
		t.Fatal(err)
	}
}

// TestHandshakesUnderPressure: a process that runs late lets two hundred new
// handshakes through a second, in order, and all of them while it does not.
func TestHandshakesUnderPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPressure()
		through := func(n int) time.Duration {
			t.Helper()
			began, done := time.Now(), make(chan error)
			for range n {
				go func() { done <- p.wait(t.Context()) }()
			}
			for range n {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(began)
		}
		if took := through(1000); took != 0 {
			t.Errorf("at ease 1,000 handshakes took %v", took)
		}
		p.late.Store(int64(tooLate + 1))
		if took := through(1000); took != 5*time.Second {
			t.Errorf("under pressure 1,000 handshakes took %v", took)
		}

		p.turn <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gives up waiting is told %v", err)
		}
	})
}

// TestNodesKeepTickets: a node's second connection to another resumes.
func TestNodesKeepTickets(t *testing.T) {
	d := newDistrict(t)
	n := d.open()
	peers := n.gate.peers
	resumed := func() bool {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := peers.client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := readAll(resp.Body, 1<<10); err != nil {
			t.Fatal(err)
		}
		peers.Close()
		return resp.TLS.DidResume
	}
	if resumed() {
		t.Fatal("a first connection has nothing to resume")
	}
	if !resumed() {
		t.Error("a node that was here is taken for a stranger")
	}
}
