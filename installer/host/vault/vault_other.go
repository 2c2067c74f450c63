//go:build !linux && !windows

package vault

import "shangu/sync/seal"

var (
	primary holder = ownerFile{}
	holders        = []holder{ownerFile{}}
)

// systemd is not on this system; Set asks for it where its file is there.
type systemd = ownerFile

// Provision leaves the key where Open put it.
func Provision(string, seal.Key) (string, error) { return "", nil }
