//go:build unix

package drill

import "syscall"

// pause stops a process without ending it.
func pause(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }

// resume lets it go on.
func resume(pid int) error { return syscall.Kill(pid, syscall.SIGCONT) }
