//go:build unix

package main

import "golang.org/x/sys/unix"

// openUmask lets others pass through the directories that install makes: the
// service's account must reach its program and its data.
func openUmask() { unix.Umask(0o022) }
