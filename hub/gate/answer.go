package gate

import (
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"time"

	"shangu/schema/text"
)

// slowest is the rate in bytes a second below which a transfer is given up.
const slowest = 1 << 10

// patience is how long n bytes may take on the line.
func patience(n int) time.Duration {
	return 30*time.Second + time.Duration(n)*time.Second/slowest
}

// read takes a request's body, whose length the client must announce.
func (g *Gate) read(w http.ResponseWriter, r *http.Request, limit int) ([]byte, bool) {
	switch {
	case r.ContentLength < 0:
		refuse(w, http.StatusLengthRequired, "gate.malformed")
		return nil, false
	case r.ContentLength > int64(limit):
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestEntityTooLarge, "gate.too_large")
		return nil, false
	}
	// Whoever has no certificate must not take the places of those that have.
	places := g.reading
	if _, known := peer(r); !known {
		places = g.stranger
	}
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		g.metrics.busy.Inc()
		g.later(w, http.StatusTooManyRequests, "gate.busy")
		return nil, false
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience(int(r.ContentLength)))); err != nil {
		g.c.Log.Debug("set read deadline", "err", err.Error())
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusBadRequest, "gate.malformed")
		return nil, false
	}
	return body, true
}

// reply sends a body with no header that a client of ours can do without.
func (g *Gate) reply(w http.ResponseWriter, status int, body []byte) {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience(len(body)))); err != nil {
		g.c.Log.Debug("set write deadline", "err", err.Error())
	}
	bare(w, status, body)
}

func bare(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Date"], h["Content-Type"] = nil, nil
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_, _ = w.Write(body)
}

// refuse answers with a message code, which the agent turns into words.
func refuse(w http.ResponseWriter, status int, id string, kv ...any) {
	bare(w, status, []byte(text.New(id, kv...).Code()))
}

// later is refuse with a time to come again: retryLeast and as much again at
// most, by chance, so that schools do not come back together.
func (g *Gate) later(w http.ResponseWriter, status int, id string) {
	after := uint64(retryLeast / time.Second)
	var b [8]byte
	if _, err := io.ReadFull(g.c.Random, b[:]); err == nil {
		after += binary.BigEndian.Uint64(b[:]) % (after + 1)
	}
	w.Header().Set("Retry-After", strconv.FormatUint(after, 10))
	refuse(w, status, id)
}

// comeAgain sends away one who has a place in line.
func (g *Gate) comeAgain(w http.ResponseWriter, after time.Duration) {
	w.Header().Set("Retry-After", strconv.FormatInt(int64(after.Round(time.Second)/time.Second), 10))
	refuse(w, http.StatusTooManyRequests, "gate.busy")
}
