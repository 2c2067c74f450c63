// Package local lets a command talk to the service that runs on the same
// machine, and keeps two processes from opening one store.
//
// The service calls Lock, opens its store and then Serve. A command calls
// Reach, which gives it either a client of the running service or the lock
// with which it may open the store itself:
//
//	client, held, err := local.Reach(ctx, dir)
//	switch {
//	case err != nil:
//		return err
//	case client != nil:
//		resp, err := client.Get(local.Origin + "/status")
//	default:
//		defer held.Release()
//		// open the store
//	}
//
// On unix the service listens on a socket in the data directory with
// permissions 0600; on Windows on a loopback port, where both sides prove that
// they know a key which lies in a file that only its owner, administrators and
// the system may read. No login is needed: who may read the data directory may
// command the service.
//
// The package imports schema/text alone and knows nothing of what is served.
package local

// Origin is the scheme and host of every request to a local service.
const Origin = "http://shangu"

// Names of the files that the package keeps in a data directory.
const (
	socketName  = "local.sock" // unix: the socket
	addressName = "local.addr" // loopback: address and key
)

// LockFile is the lock's. It stays when nothing runs.
const LockFile = "lock"
