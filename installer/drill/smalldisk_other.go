//go:build !linux

package drill

import "errors"

// smallDisk exists on Linux alone.
type smallDisk struct{}

func mountSmall(string, int) (*smallDisk, error) {
	return nil, errors.New("small disks are mounted on Linux only")
}

func (*smallDisk) fill() error    { return nil }
func (*smallDisk) clear() error   { return nil }
func (*smallDisk) unmount() error { return nil }
