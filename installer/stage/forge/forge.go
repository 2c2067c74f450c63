// Package forge plays an altered build of the agent on a stage. It stands apart
// from the stage because it knows the agent, and the hub's bench must not.
package forge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"shangu/agent/service"
	"shangu/installer/host/vault"
	"shangu/installer/stage"
	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/journal"
)

// Entry writes an entry into the agent's journal as an altered build would,
// past every rule of this one, and returns its bytes and its place. The agent
// must not run. It finds the entry there when it starts, and pushes it as its
// own: the chain holds and so do the signatures.
func Entry(ctx context.Context, c *stage.School, e change.Entry) (raw []byte, ref change.Ref, err error) {
	st, err := c.Status(ctx)
	if err != nil {
		return nil, ref, err
	}
	device, err1 := hex.DecodeString(st.Device)
	epoch, err2 := hex.DecodeString(st.Epoch)
	if err := errors.Join(err1, err2); err != nil || len(device) != 16 || len(epoch) != 16 {
		return nil, ref, fmt.Errorf("forge entry: device %s, epoch %s: %w", st.Device, st.Epoch, err)
	}
	key, err := vault.Open(c.Dir, service.KeyProbe, rand.Reader)
	if err != nil {
		return nil, ref, fmt.Errorf("forge entry: %w", err)
	}
	ref.Chain = frame.ChainOf([16]byte(device), [16]byte(epoch))
	j, err := journal.Open(filepath.Join(c.Dir, "data", "journal", st.Epoch), ref.Chain, journal.Options{Key: key})
	if err != nil {
		return nil, ref, fmt.Errorf("forge entry: %w", err)
	}
	_, err = j.Append(func(first uint64) ([][]byte, error) {
		e.Seq, e.At, ref.Seq = first, time.Now().Unix(), first
		raw = frame.AppendEntry(nil, ref.Chain, &e)
		return [][]byte{raw}, nil
	})
	return raw, ref, errors.Join(err, j.Close())
}
