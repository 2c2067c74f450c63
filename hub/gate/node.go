package gate

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"shangu/sync/identity"
)

// call answers another node's call to the cluster.
func (g *Gate) call(w http.ResponseWriter, r *http.Request) {
	subject, ok := peer(r)
	if !ok || subject.Node == "" {
		refuse(w, http.StatusForbidden, "gate.nodes_only")
		return
	}
	body, ok := g.read(w, r, maxCall)
	if !ok {
		return
	}
	g.reply(w, http.StatusOK, g.c.Cluster.Serve(r.Context(), body))
}

// readyTimeout bounds the check behind /readyz.
const readyTimeout = 3 * time.Second

func (g *Gate) healthz(w http.ResponseWriter, r *http.Request) { plain(w, http.StatusOK, "ok\n") }

func (g *Gate) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := g.c.Cluster.Ready(ctx); err != nil {
		plain(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return
	}
	plain(w, http.StatusOK, "ok\n")
}

func plain(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(s))
}

// maxNonce bounds the nonce of a question for the time, in bytes.
const maxNonce = 32

// time answers GET /v1/time?nonce=HEX with the hub's time, signed with the
// receipt key over the nonce, so that an old answer cannot be played back.
func (g *Gate) time(w http.ResponseWriter, r *http.Request) {
	nonce, err := hex.DecodeString(r.URL.Query().Get("nonce"))
	if err != nil || len(nonce) > maxNonce {
		refuse(w, http.StatusBadRequest, "gate.malformed")
		return
	}
	a := identity.Time{Unix: g.c.Now().Unix(), Cluster: identity.FormatDevice(g.c.Secrets.Cluster)}
	a.Sig = ed25519.Sign(g.c.Secrets.Receipt, identity.TimeMessage(g.c.Secrets.Cluster, nonce, a.Unix))
	b, err := json.Marshal(&a)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append(b, '\n'))
}

func (g *Gate) unknown(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "gate.unknown_path", "path", r.URL.Path)
}
