package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"shangu/sync/link/linktest"
)

// Whoever opens connections and says nothing, drips a header, announces a body
// that does not come or reads no answer takes bounded room and keeps no clerk
// waiting.
func TestSlowConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Handler(pages)
		line := linktest.New(1, linktest.Faults{})
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- Serve(ctx, line, h) }()

		var held []net.Conn
		said := []string{"", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ", "POST /date HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 4000\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\ntok"}
		open := func() {
			c, err := line.Dial(t.Context(), "tcp", "127.0.0.1:1")
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
			if s := said[len(held)%len(said)]; s != "" {
				if _, err := io.WriteString(c, s); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		clerk := &http.Client{Transport: &http.Transport{DialContext: line.Dial, DisableKeepAlives: true}}
		slowest := time.Duration(0)
		for range 5 * maxConns {
			open()
			if len(held)%20 != 0 {
				continue
			}
			start := time.Now()
			resp, err := clerk.Get("http://127.0.0.1:1/")
			if err != nil {
				t.Fatalf("with %d connections held: %v", len(held), err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if slowest = max(slowest, time.Since(start)); err != nil || resp.StatusCode != 200 || len(body) == 0 {
				t.Fatalf("with %d connections held: %d, %v", len(held), resp.StatusCode, err)
			}
		}
		if slowest > readTimeout {
			t.Errorf("the clerk waited %v", slowest)
		}
		if n := alive(held); n > maxConns || n == 0 {
			t.Errorf("%d of %d connections are open, at most %d", n, len(held), maxConns)
		}
		// All of them are gone after a while, whatever they wait for.
		<-time.After(readTimeout + writeTimeout)
		if n := alive(held); n > 0 {
			t.Errorf("%d connections are still open", n)
		}
		for _, c := range held {
			c.Close()
		}
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// alive counts the connections that the server has not closed.
func alive(held []net.Conn) (n int) {
	for _, c := range held {
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := io.Copy(io.Discard, c)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			n++
		}
	}
	return n
}
