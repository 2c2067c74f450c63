//go:build !linux && !windows

package service

import (
	"context"

	"shangu/schema/text"
)

// Supported returns nil if services can be installed on this machine by this
// user, else what stands against it. Elsewhere than on Linux and Windows agent
// and hub run in the foreground alone.
func Supported() error { return text.New("host.no_systemd") }

// Check is for Linux and Windows.
func Check(Spec) error { return Supported() }

// MakeDir is for Linux and Windows.
func MakeDir(string) error { return Supported() }

// Install is for Linux and Windows.
func Install(context.Context, Spec) error { return Supported() }

// Uninstall is for Linux and Windows.
func Uninstall(context.Context, string) error { return Supported() }

// Start is for Linux and Windows.
func Start(context.Context, string) error { return Supported() }

// Stop is for Linux and Windows.
func Stop(context.Context, string) error { return Supported() }

// Query is for Linux and Windows.
func Query(_ context.Context, name string) (Status, error) { return Status{Name: name}, Supported() }
