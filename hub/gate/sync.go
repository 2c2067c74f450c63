package gate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"shangu/hub/authority"
	"shangu/sync/change"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// sync answers POST /v1/sync: one request of a session, from a device with a
// certificate.
func (g *Gate) sync(w http.ResponseWriter, r *http.Request) {
	subject, ok := peer(r)
	if !ok || subject.School == "" {
		refuse(w, http.StatusUnauthorized, "gate.no_certificate")
		return
	}
	caller, known, ok := g.welcome(w, subject.Device)
	if !ok {
		return
	}
	if !known {
		// A node that lags behind the leader may not know a new device yet.
		caller.School = subject.School
	}
	body, ok := g.read(w, r, session.MaxRequest)
	if !ok {
		return
	}
	if g.c.Cluster.Leads() {
		if known {
			g.serve(w, r, caller, body)
			return
		}
		if caller, ok := g.recall(w, r, subject.Device); ok {
			g.serve(w, r, caller, body)
		}
		return
	}
	g.forward(w, r, caller, body)
}

// recall looks a device up again that the leader does not know. A new leader
// may not have applied yet what the one before it committed.
func (g *Gate) recall(w http.ResponseWriter, r *http.Request, device [16]byte) (session.Caller, bool) {
	if err := g.c.Cluster.Barrier(r.Context()); err != nil {
		g.fail(w, r, err)
		return session.Caller{}, false
	}
	caller, known, ok := g.welcome(w, device)
	if ok && !known {
		refuse(w, http.StatusForbidden, "gate.unknown_device")
	}
	return caller, ok && known
}

// forwarded answers a device's request that another node passed on. It goes no
// further: nodes that disagree on who leads would play ball with it.
func (g *Gate) forwarded(w http.ResponseWriter, r *http.Request) {
	subject, ok := peer(r)
	if !ok || subject.Node == "" {
		refuse(w, http.StatusForbidden, "gate.nodes_only")
		return
	}
	device, err := identity.ParseDevice(r.Header.Get(headerDevice))
	if err != nil {
		refuse(w, http.StatusBadRequest, "gate.nodes_only")
		return
	}
	caller, known, ok := g.welcome(w, device)
	if !ok {
		return
	}
	if !g.c.Cluster.Leads() {
		g.later(w, http.StatusServiceUnavailable, "gate.no_leader")
		return
	}
	body, ok := g.read(w, r, session.MaxRequest)
	if ok && !known {
		caller, ok = g.recall(w, r, device)
	}
	if ok {
		g.serve(w, r, caller, body)
	}
}

// peer is whom the client's certificate speaks for. TLS has verified it, in
// this connection or in the one that it resumes.
func peer(r *http.Request) (authority.Subject, bool) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || len(r.TLS.VerifiedChains) == 0 {
		return authority.Subject{}, false
	}
	s, err := authority.SubjectOf(r.TLS.PeerCertificates[0])
	return s, err == nil
}

// welcome looks a device up, at every request: a connection outlives a
// revocation, and so does a session ticket.
func (g *Gate) welcome(w http.ResponseWriter, device [16]byte) (c session.Caller, known, ok bool) {
	d, known, err := g.c.Registry.Device(device)
	switch {
	case err != nil:
		g.c.Log.Error("look up device", "device", identity.FormatDevice(device), "err", err.Error())
		g.later(w, http.StatusServiceUnavailable, "gate.no_leader")
		return c, false, false
	case known && d.Revoked:
		refuse(w, http.StatusForbidden, "gate.revoked")
		return c, false, false
	}
	return session.Caller{Device: device, School: d.School}, known, true
}

// serve answers a request on the leader. When too many pushes are under way
// heartbeats are still answered in full; a push is told when to come again.
func (g *Gate) serve(w http.ResponseWriter, r *http.Request, c session.Caller, body []byte) {
	var hub session.Hub = g.c.Cluster
	lane := g.lanes.of(body)
	if p := lane.enter(); p != nil {
		defer lane.leave(p)
	} else {
		g.metrics.busy.Inc()
		hub = busy{hub, lane}
	}
	now := g.c.Now().Unix()
	a := g.converse(r.Context(), hub, g.district, c, now, body)
	if a.Err == nil || errors.Is(a.Err, session.ErrBusy) {
		// What waited when the agent spoke came with this very push.
		beat := a.Beat
		beat.Pending = a.Waiting
		g.c.Heard(c, now, beat)
	}
	if a.Err != nil {
		g.c.Log.Info("request not served", "device", identity.FormatDevice(c.Device), "school", c.School, "err", a.Err.Error())
	}
	g.metrics.entries.Add(float64(a.Entries))
	g.reply(w, http.StatusOK, a.Body)
}

// forward passes a request on to the leader.
func (g *Gate) forward(w http.ResponseWriter, r *http.Request, c session.Caller, body []byte) {
	api := g.c.LeaderAPI()
	if api == "" || g.c.Cluster.Leads() {
		g.later(w, http.StatusServiceUnavailable, "gate.no_leader")
		return
	}
	lane := g.passing.of(body)
	p := lane.enter()
	if p == nil {
		g.metrics.busy.Inc()
		g.comeAgain(w, lane.retry())
		return
	}
	defer lane.leave(p)
	a, err := g.peers.sync(r.Context(), api, c, body)
	if err != nil {
		g.c.Log.Info("leader did not answer", "leader", api, "err", err.Error())
		g.later(w, http.StatusServiceUnavailable, "gate.no_leader")
		return
	}
	if a.retry != "" {
		w.Header().Set("Retry-After", a.retry)
	}
	g.reply(w, a.status, a.body)
}

// busy is the hub while it has too much to do: it looks at chains, so that
// heartbeats and lost receipts are heard, and takes and gives nothing else.
type busy struct {
	session.Hub
	lane *lane
}

// Ingest implements session.Hub.
func (b busy) Ingest(ctx context.Context, p session.Push) (session.Ack, error) {
	if p.Pack != nil {
		return session.Ack{}, b.later()
	}
	return b.Hub.Ingest(ctx, p)
}

// Pull implements session.Hub.
func (b busy) Pull(context.Context, session.Caller, change.ChainID, uint64, int) (session.Delta, error) {
	return session.Delta{}, b.later()
}

func (b busy) later() error {
	return &session.RetryError{Err: session.ErrBusy, After: b.lane.retry()}
}

// lanes keep pushes and heartbeats apart: what a school says of itself must not
// wait behind what others bring.
type lanes struct{ pushes, beats *lane }

func newLanes(pushes, beats int, now func() time.Time) lanes {
	return lanes{newLane(pushes, now), newLane(beats, now)}
}

func (l lanes) of(body []byte) *lane {
	if session.Pushes(body) {
		return l.pushes
	}
	return l.beats
}
