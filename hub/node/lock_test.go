package node

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"shangu/installer/host/local"
)

// occupied has a process's stand-in hold a directory and answer at its door as
// a node with o does. asked is closed with the first request; leave ends it.
func occupied(t *testing.T, dir string, o Options) (asked <-chan struct{}, leave func()) {
	t.Helper()
	held, err := local.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := local.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{})
	var once sync.Once
	door := (&Node{opts: o}).door()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- local.ServeOn(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			door.ServeHTTP(w, r)
			once.Do(func() { close(first) })
		}))
	}()
	leave = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		held.Release()
	})
	t.Cleanup(leave)
	return first, leave
}

func TestAServingNodeWaitsForACommand(t *testing.T) {
	dir := t.TempDir()
	asked, leave := occupied(t, dir, Options{Quiet: true})
	type locked struct {
		held *local.Held
		err  error
	}
	got := make(chan locked, 1)
	go func() {
		held, err := lockPatiently(t.Context(), dir)
		got <- locked{held, err}
	}()
	<-asked // by the node, which has found the directory locked
	leave()
	l := <-got
	if l.err != nil {
		t.Fatalf("with a command that ended: %v", l.err)
	}
	l.held.Release()
}

func TestASecondNodeIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	occupied(t, dir, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), lockPatience)
	defer cancel()
	if _, err := lockPatiently(ctx, dir); !errors.Is(err, local.ErrHeld) {
		t.Fatalf("beside a node that serves: %v", err)
	}
	if ctx.Err() != nil {
		t.Fatal("it waited for a node that stays")
	}
}

func TestPatienceEnds(t *testing.T) {
	dir := t.TempDir()
	asked, _ := occupied(t, dir, Options{Quiet: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := lockPatiently(ctx, dir); !errors.Is(err, local.ErrHeld) {
		t.Fatalf("beside a command that does not end: %v", err)
	}
}
