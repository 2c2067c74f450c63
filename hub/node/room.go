package node

import (
	"errors"
	"fmt"

	"shangu/hub/cluster"
	"shangu/schema/text"
	"shangu/sync/disk"
)

// leastRoom is what the state cannot open without, in bytes. Badger says no more
// of a full disk than of a damaged one, so it is not tried.
const leastRoom = 64 << 20

// ErrNoRoom: the disk is so full that the node cannot open. With room it can.
var ErrNoRoom = errors.New("hub: too little room to open")

// makeRoom gives held-back room free when there is too little to open a node on
// the disk of dir.
func makeRoom(dir string, ballast *disk.Ballast) error {
	free, err := disk.Free(dir)
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	if free >= cluster.OpenRoom {
		return nil
	}
	n, err := ballast.Release(int64(cluster.OpenRoom - free))
	if err != nil {
		return err
	}
	if free += uint64(n); free < leastRoom {
		return text.Wrap(ErrNoRoom, "hub.no_room", "dir", dir, "free", free>>20, "need", leastRoom>>20)
	}
	return nil
}
