package local

import (
	"context"
	"net"
	"os"

	"golang.org/x/sys/windows"
)

// Full access for the system, administrators and the owner; nobody else, and
// nothing inherited: %ProgramData% lets all users read by default.
const private = "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)"

func listen(dir string) (net.Listener, error) { return listenLoopback(dir, writePrivate) }

func dial(ctx context.Context, dir string) (net.Conn, error) { return dialLoopback(ctx, dir) }

// writePrivate makes an empty file, narrows it and only then writes.
func writePrivate(path string, data []byte) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = restrict(fresh)
	if err == nil {
		_, err = f.Write(data)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
	}
	return err
}

func restrict(path string) error {
	sd, err := windows.SecurityDescriptorFromString(private)
	if err != nil {
		return err
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
}
