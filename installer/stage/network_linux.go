package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Network is a network of its own on this machine, without a cable yet. It is gone
// when it is closed and nothing runs in it any more.
type Network struct{ f *os.File }

// NewNetwork makes a network; only root can.
func NewNetwork() (*Network, error) {
	n := &Network{}
	err := onThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make network: %w", err)
		}
		n.f, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return n, err
}

// onThread runs f on a thread of its own, which ends with it: it may go to
// another network.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// Close lets go of the network.
func (n *Network) Close() error { return n.f.Close() }

// Path is the network's name for nsenter and ip.
func (n *Network) Path() string {
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.FormatUint(uint64(n.f.Fd()), 10)
}

// Enter runs f within the network. Connections that it opens stay there.
func (n *Network) Enter(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.f.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network: %w", err)
		}
		return f()
	})
}

// Program writes a file into dir by which a program starts within the network.
func (n *Network) Program(dir, program string) (file string, err error) {
	file = filepath.Join(dir, filepath.Base(program)+".sh")
	script := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=%s %s \"$@\"\n", n.Path(), program)
	return file, os.WriteFile(file, []byte(script), 0o700)
}
