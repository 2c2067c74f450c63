package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	kardianos "github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"shangu/schema/text"
)

// account is what the service runs as: it needs the data directory and the
// network, and nothing that the system's own account could do.
const account = `NT AUTHORITY\LocalService`

// The system, administrators and the service's account; nobody else, and
// nothing inherited: %ProgramData% lets all users read by default.
const dataAccess = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;LS)"

// recovery is what Windows does when the service fails for the first, the
// second and each further time within a day.
var recovery = []mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: 2 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 10 * time.Second},
	{Type: mgr.ServiceRestart, Delay: time.Minute},
}

// How long a day without failures is, in seconds, after which Windows counts
// from the start.
const recoveryReset = 24 * 60 * 60

// Supported returns nil if services can be installed on this machine by this
// user, else what stands against it.
func Supported() error {
	m, err := mgr.Connect()
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return text.New("host.not_admin")
	}
	if err != nil {
		return fmt.Errorf("reach service manager: %w", err)
	}
	m.Disconnect()
	return nil
}

// Check refuses a service that Install would refuse.
func Check(s Spec) error { return errors.Join(s.Validate(), Supported()) }

// Install hands the data directory to the service's account and registers the
// service, to start with the machine and to be restarted when it fails. A
// service of that name that is there already is changed, and goes on running as
// it was until it is started again; its data stays.
func Install(ctx context.Context, s Spec) error {
	if err := Check(s); err != nil {
		return err
	}
	if err := MakeDir(s.Dir); err != nil {
		return err
	}
	old, err := Query(ctx, s.Name)
	if err != nil {
		return err
	}
	args := append(slices.Clone(s.Args), Arg)
	if old.Installed {
		err = open(s.Name, func(h *mgr.Service) error { return change(h, s, args) })
	} else {
		err = register(s, args)
	}
	if err != nil {
		return fmt.Errorf("install %s: %w", s.Name, err)
	}
	return open(s.Name, func(h *mgr.Service) error {
		if err := h.SetRecoveryActions(recovery, recoveryReset); err != nil {
			return fmt.Errorf("set recovery of %s: %w", s.Name, err)
		}
		// Without it Windows restarts after a crash, but not after exit code 1.
		// Wine has no such setting, nor recovery at all.
		if err := h.SetRecoveryActionsOnNonCrashFailures(true); err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			return fmt.Errorf("set recovery of %s: %w", s.Name, err)
		}
		return nil
	})
}

// register makes a service that is not there.
func register(s Spec, args []string) error {
	k, err := kardianos.New(nil, &kardianos.Config{
		Name: s.Name, DisplayName: s.Title, Description: s.About,
		Executable: s.Program, Arguments: args, UserName: account,
		Option: kardianos.KeyValue{kardianos.StartType: kardianos.ServiceStartAutomatic},
	})
	if err != nil {
		return err
	}
	return k.Install()
}

// change makes another of a service that is there, in one step: between removing
// it and making it anew nobody would know where its data is.
func change(h *mgr.Service, s Spec, args []string) error {
	var words [4]*uint16
	for i, w := range []string{windows.ComposeCommandLine(append([]string{s.Program}, args...)), account, s.Title, s.About} {
		var err error
		if words[i], err = windows.UTF16PtrFromString(w); err != nil {
			return err
		}
	}
	const same = windows.SERVICE_NO_CHANGE
	err := windows.ChangeServiceConfig(h.Handle, same, mgr.StartAutomatic, same, words[0], nil, nil, nil, words[1], nil, words[2])
	if err != nil {
		return err
	}
	about := windows.SERVICE_DESCRIPTION{Description: words[3]}
	return windows.ChangeServiceConfig2(h.Handle, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&about)))
}

// MakeDir makes the data directory, if there is none, and private.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := grant(dir); err != nil {
		return fmt.Errorf("grant data directory: %w", err)
	}
	return nil
}

func grant(dir string) error {
	sd, err := windows.SecurityDescriptorFromString(dataAccess)
	if err != nil {
		return err
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
}

// Uninstall stops the service and removes it from the service manager. Data
// and binary stay.
func Uninstall(ctx context.Context, name string) error {
	if err := Stop(ctx, name); err != nil {
		return err
	}
	k, err := kardianos.New(nil, &kardianos.Config{Name: name})
	if err != nil {
		return fmt.Errorf("reach service manager: %w", err)
	}
	if err := k.Uninstall(); err != nil {
		return fmt.Errorf("uninstall %s: %w", name, err)
	}
	return nil
}

// Start starts the service and waits until it is ready.
func Start(ctx context.Context, name string) error {
	return open(name, func(h *mgr.Service) error {
		if err := h.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return fmt.Errorf("start %s: %w", name, err)
		}
		return await(ctx, h, name, svc.Running)
	})
}

// Stop stops the service and waits until it is gone.
func Stop(ctx context.Context, name string) error {
	return open(name, func(h *mgr.Service) error {
		if err := askToStop(ctx, h); err != nil {
			return fmt.Errorf("stop %s: %w", name, err)
		}
		return await(ctx, h, name, svc.Stopped)
	})
}

// askToStop sends the stop control. A service that is still starting, or is
// stopping already, takes none: it is asked again until it does or has ended.
func askToStop(ctx context.Context, h *mgr.Service) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := h.Control(svc.Stop)
		switch {
		case err == nil || errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE):
			return nil
		case !errors.Is(err, windows.ERROR_INVALID_SERVICE_CONTROL) && !errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL):
			return err
		}
		if st, e := h.Query(); e == nil && st.State == svc.Stopped {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// await asks until the service is in the state, has stopped instead, or ctx is done.
func await(ctx context.Context, h *mgr.Service, name string, want svc.State) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := h.Query()
		switch {
		case err != nil:
			return fmt.Errorf("query %s: %w", name, err)
		case st.State == want:
			return nil
		case st.State == svc.Stopped:
			return text.New("host.service_ended", "name", name, "code", st.ServiceSpecificExitCode)
		}
		select {
		case <-ctx.Done():
			return text.Wrap(ctx.Err(), "host.service_slow", "name", name)
		case <-tick.C:
		}
	}
}

// Query asks the service manager about a service.
func Query(_ context.Context, name string) (Status, error) {
	st := Status{Name: name}
	err := open(name, func(h *mgr.Service) error {
		q, err := h.Query()
		if err != nil {
			return fmt.Errorf("query %s: %w", name, err)
		}
		start, line, err := config(h)
		if err != nil {
			return fmt.Errorf("query %s: %w", name, err)
		}
		st.Installed = true
		st.Running = q.State == svc.Running
		st.State = states[q.State]
		st.Enabled = start == mgr.StartAutomatic
		st.PID = int(q.ProcessId)
		if args, err := windows.DecomposeCommandLine(line); err == nil && len(args) > 0 {
			st.Program = args[0]
			for i, a := range args[:len(args)-1] {
				if a == "--dir" {
					st.Dir = args[i+1]
				}
			}
		}
		return nil
	})
	if errors.Is(err, ErrNotInstalled) {
		err = nil
	}
	return st, err
}

// config reads how a service starts and its command line. mgr's own Config asks
// for much more, some of which Wine does not have.
func config(h *mgr.Service) (start uint32, line string, err error) {
	size := uint32(1024)
	for {
		b := make([]byte, size)
		c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&b[0]))
		err := windows.QueryServiceConfig(h.Handle, c, size, &size)
		if err == nil {
			return c.StartType, windows.UTF16PtrToString(c.BinaryPathName), nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || size <= uint32(len(b)) {
			return 0, "", err
		}
	}
}

var states = map[svc.State]string{
	svc.Stopped: "stopped", svc.StartPending: "starting", svc.StopPending: "stopping", svc.Running: "running",
	svc.ContinuePending: "continuing", svc.PausePending: "pausing", svc.Paused: "paused",
}

// open calls f with a handle of the service.
func open(name string, f func(*mgr.Service) error) error {
	m, err := mgr.Connect()
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return text.New("host.not_admin")
	}
	if err != nil {
		return fmt.Errorf("reach service manager: %w", err)
	}
	defer m.Disconnect()
	h, err := m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return text.Wrap(ErrNotInstalled, "host.not_installed", "name", name)
	}
	if err != nil {
		return fmt.Errorf("open service %s: %w", name, err)
	}
	defer h.Close()
	return f(h)
}
