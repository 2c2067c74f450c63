package node

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"shangu/installer/host/local"
)

// lockPatience is how long a starting node waits for a command that has the
// directory open: as long as one may take to find its cluster, and some more.
const lockPatience = 30 * time.Second

// lockEvery is how often it looks.
const lockEvery = 50 * time.Millisecond

// roleWithin is how long the door of whoever has the directory may take to say
// what it is.
const roleWithin = time.Second

// Role is the answer of /v1/role: what the process is that has a directory open.
type Role struct {
	Serves bool `json:"serves"` // a node that stays; not a command that is done soon
}

// lockPatiently takes the lock of a directory for a node that is to serve. A
// command that has opened the directory for a moment is waited for, a node that
// serves it already is not.
func lockPatiently(ctx context.Context, dir string) (*local.Held, error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	t := time.NewTicker(lockEvery)
	defer t.Stop()
	for {
		held, err := local.Lock(dir)
		if !errors.Is(err, local.ErrHeld) || served(ctx, dir) {
			return held, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-t.C:
		}
	}
}

// served reports whether a node that stays answers at the directory's door. One
// that is only starting does not yet.
func served(ctx context.Context, dir string) bool {
	door, ok := local.Client(dir)
	if !ok {
		return false
	}
	defer door.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, roleWithin)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, local.Origin+"/v1/role", nil)
	if err != nil {
		return false
	}
	a, err := door.Do(q)
	if err != nil {
		return false // on its way out
	}
	defer a.Body.Close()
	var r Role
	return json.NewDecoder(a.Body).Decode(&r) == nil && r.Serves
}
