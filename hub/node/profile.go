package node

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"runtime/pprof"
	"time"
)

// maxProfile is how long a profile of the processor may be taken.
const maxProfile = 5 * time.Minute

// profile answers with what `go tool pprof` reads: where the processor time of
// the time asked for goes, or, when that is zero, what memory was asked for
// since the node started.
func (n *Node) profile(w http.ResponseWriter, r *http.Request) {
	b, err := takeProfile(r.Context(), r.FormValue("for"))
	if err != nil {
		refuse(w, fmt.Errorf("profile: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(b)
}

func takeProfile(ctx context.Context, length string) ([]byte, error) {
	d, err := time.ParseDuration(length)
	if err != nil {
		return nil, err
	}
	if d < 0 || d > maxProfile {
		return nil, fmt.Errorf("%v is not between 0 and %v", d, maxProfile)
	}
	var b bytes.Buffer
	if d == 0 {
		runtime.GC() // it counts up to the last collection
		err := pprof.Lookup("allocs").WriteTo(&b, 0)
		return b.Bytes(), err
	}
	if err := pprof.StartCPUProfile(&b); err != nil {
		return nil, err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	pprof.StopCPUProfile()
	return b.Bytes(), err
}
