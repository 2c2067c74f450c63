package gate

import (
	"encoding/json"
	"errors"
	"net/http"

	"shangu/hub/authority"
	"shangu/schema/text"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

// enroll answers POST /v1/enroll: a machine with a token and no certificate.
// Any node answers: it looks at the token in its own state once that is fresh,
// and the token is used up through the log, wherever the leader is.
func (g *Gate) enroll(w http.ResponseWriter, r *http.Request) {
	body, ok := g.read(w, r, identity.MaxRequest)
	if !ok {
		return
	}
	request, err := identity.DecodeRequest(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "gate.malformed")
		return
	}
	if g.c.Authority.Tired(r.RemoteAddr, request.Secret) {
		g.fail(w, r, authority.ErrTooMany)
		return
	}
	if err := g.c.Cluster.Barrier(r.Context()); err != nil {
		g.fail(w, r, err)
		return
	}
	grant, err := g.c.Authority.Enrol(r.Context(), r.RemoteAddr, request)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	out, err := frame.Marshal(grant)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	if fill := r.Header.Get(link.HeaderFill); fill != "" && len(fill) <= link.FillBytes {
		w.Header().Set(link.HeaderFill, fill)
	}
	g.reply(w, http.StatusOK, out)
}

// join answers POST /v1/node/join: a machine with a node token.
func (g *Gate) join(w http.ResponseWriter, r *http.Request) {
	body, ok := g.read(w, r, authority.MaxJoin)
	if !ok {
		return
	}
	var request authority.JoinRequest
	if err := json.Unmarshal(body, &request); err != nil {
		refuse(w, http.StatusBadRequest, "gate.malformed")
		return
	}
	if g.c.Authority.Tired(r.RemoteAddr, request.Secret) {
		g.fail(w, r, authority.ErrTooMany)
		return
	}
	if err := g.c.Cluster.Barrier(r.Context()); err != nil {
		g.fail(w, r, err)
		return
	}
	bundle, err := g.c.Authority.Join(r.Context(), r.RemoteAddr, &request)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	out, err := json.Marshal(bundle)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.c.Log.Info("node let in", "node", request.ID, "from", r.RemoteAddr)
	g.reply(w, http.StatusOK, out)
}

// fail answers with what went wrong: a refusal of ours in its own code,
// anything else as something that may pass.
func (g *Gate) fail(w http.ResponseWriter, r *http.Request, err error) {
	g.c.Log.Info("request refused", "path", r.URL.Path, "from", r.RemoteAddr, "err", err.Error())
	switch {
	case errors.Is(err, authority.ErrTooMany):
		w.Header().Set("Retry-After", "120")
		refuse(w, http.StatusTooManyRequests, "authority.too_many")
	case errors.Is(err, session.ErrBusy):
		g.later(w, http.StatusTooManyRequests, "gate.busy")
	case errors.Is(err, session.ErrDiskFull):
		g.later(w, http.StatusInsufficientStorage, "gate.disk_full")
	case text.Of(err) != nil:
		refuse(w, http.StatusForbidden, text.Of(err).ID())
	default:
		g.later(w, http.StatusServiceUnavailable, "gate.no_leader")
	}
}
