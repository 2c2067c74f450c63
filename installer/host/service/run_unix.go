//go:build unix

package service

import (
	"context"
	"net"
	"os"
	"sync"
)

// Run does the work of a service until ctx is done. Under systemd it says when
// it is ready and when it begins to stop.
func Run(ctx context.Context, _ string, _ []string, work Work) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return work(ctx, func() {})
	}
	// Processes that the work starts are not the service.
	os.Unsetenv("NOTIFY_SOCKET")
	defer context.AfterFunc(ctx, func() { notify(socket, "STOPPING=1") })()
	return work(ctx, sync.OnceFunc(func() { notify(socket, "READY=1") }))
}

// notify sends a word to systemd, sd_notify(3). If it does not get there,
// systemd ends the start after its timeout and says so; nothing better could
// be done about it here.
func notify(socket, word string) {
	if socket[0] == '@' {
		socket = "\x00" + socket[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	c.Write([]byte(word))
}
