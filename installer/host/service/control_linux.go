package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	kardianos "github.com/kardianos/service"

	"shangu/schema/text"
)

// Supported returns nil if services can be installed on this machine by this
// user, else what stands against it.
func Supported() error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return text.New("host.no_systemd")
	}
	if os.Geteuid() != 0 {
		return text.New("host.not_root")
	}
	return nil
}

// Check refuses a service that Install would refuse.
func Check(s Spec) error {
	if err := Supported(); err != nil {
		return err
	}
	if err := s.Validate(); err != nil {
		return err
	}
	if hidden(s.Dir) {
		return text.New("host.dir_hidden", "dir", s.Dir)
	}
	return nil
}

// Install makes the account, hands it the data directory, writes the unit and
// enables it. A service of that name that is there already is replaced; its
// data stays.
func Install(ctx context.Context, s Spec) error {
	if err := Check(s); err != nil {
		return err
	}
	unit, err := s.Unit()
	if err != nil {
		return err
	}
	if err := makeAccount(ctx, s.User, s.Dir); err != nil {
		return err
	}
	if err := MakeDir(s.Dir); err != nil {
		return err
	}
	old, err := Query(ctx, s.Name)
	if err != nil {
		return err
	}
	if old.Installed {
		if err := Uninstall(ctx, s.Name); err != nil {
			return err
		}
	}
	k, err := known(s.Name, kardianos.KeyValue{"SystemdScript": unit}, s)
	if err != nil {
		return err
	}
	if err := k.Install(); err != nil {
		return fmt.Errorf("install %s: %w", s.Name, err)
	}
	return nil
}

// hidden reports whether the unit's confinement would hide a directory.
func hidden(dir string) bool {
	for _, p := range []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp"} {
		if dir == p || strings.HasPrefix(dir, p+"/") {
			return true
		}
	}
	return false
}

// MakeDir makes the data directory, if there is none, and private; those above
// it must let the service's account through.
func MakeDir(dir string) error {
	err := os.MkdirAll(filepath.Dir(dir), 0o755)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.Chmod(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	return nil
}

func makeAccount(ctx context.Context, name, home string) error {
	if name == "" {
		return nil
	}
	if _, err := user.Lookup(name); err == nil {
		return nil
	} else if _, unknown := errors.AsType[user.UnknownUserError](err); !unknown {
		return fmt.Errorf("look up account %s: %w", name, err)
	}
	_, err := command(ctx, "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", "/usr/sbin/nologin", name)
	return err
}

// Uninstall stops the service and removes it from systemd. Data, binary and
// account stay.
func Uninstall(ctx context.Context, name string) error {
	if err := Supported(); err != nil {
		return err
	}
	st, err := Query(ctx, name)
	if err != nil {
		return err
	}
	if !st.Installed {
		return text.Wrap(ErrNotInstalled, "host.not_installed", "name", name)
	}
	if err := Stop(ctx, name); err != nil {
		return err
	}
	k, err := known(name, nil, Spec{})
	if err != nil {
		return err
	}
	if err := k.Uninstall(); err != nil {
		return fmt.Errorf("uninstall %s: %w", name, err)
	}
	// A unit that failed once is remembered by name until it is reset.
	if st.State == "failed" {
		_, err = command(ctx, "systemctl", "reset-failed", name+".service")
	}
	return err
}

// Start starts the service and waits until it is ready.
func Start(ctx context.Context, name string) error { return act(ctx, "start", name) }

// Stop stops the service and waits until it is gone.
func Stop(ctx context.Context, name string) error { return act(ctx, "stop", name) }

func act(ctx context.Context, verb, name string) error {
	if err := Supported(); err != nil {
		return err
	}
	if st, err := Query(ctx, name); err != nil {
		return err
	} else if !st.Installed {
		return text.Wrap(ErrNotInstalled, "host.not_installed", "name", name)
	}
	_, err := command(ctx, "systemctl", verb, name+".service")
	return err
}

// Query asks systemd about a service. It needs no rights.
func Query(ctx context.Context, name string) (Status, error) {
	st := Status{Name: name}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return st, text.New("host.no_systemd")
	}
	out, err := command(ctx, "systemctl", "show", name+".service",
		"--property=LoadState,ActiveState,UnitFileState,MainPID,NRestarts,ExecStart,ReadWritePaths")
	if err != nil {
		return st, err
	}
	p := map[string]string{}
	for l := range strings.Lines(out) {
		k, v, _ := strings.Cut(strings.TrimRight(l, "\n"), "=")
		p[k] = v
	}
	st.Installed = p["LoadState"] != "" && p["LoadState"] != "not-found"
	if !st.Installed {
		return st, nil
	}
	st.State = p["ActiveState"]
	st.Running = st.State == "active"
	st.Enabled = p["UnitFileState"] == "enabled"
	st.PID, _ = strconv.Atoi(p["MainPID"])
	st.Restarts, _ = strconv.Atoi(p["NRestarts"])
	st.Dir = p["ReadWritePaths"]
	if _, rest, ok := strings.Cut(p["ExecStart"], "path="); ok {
		st.Program, _, _ = strings.Cut(rest, " ;")
	}
	return st, nil
}

// known makes kardianos' handle of a service. Run is ours, so its Interface
// stays empty.
func known(name string, options kardianos.KeyValue, s Spec) (kardianos.Service, error) {
	k, err := kardianos.New(nil, &kardianos.Config{
		Name: name, DisplayName: s.Title, Description: s.About,
		Executable: s.Program, Arguments: s.Args, UserName: s.User, Option: options,
	})
	if err != nil {
		return nil, fmt.Errorf("reach service manager: %w", err)
	}
	return k, nil
}

// command runs a program of the system and returns its output. Its complaint
// becomes the error.
func command(ctx context.Context, name string, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", text.Wrap(err, "host.command", "command", strings.Join(cmd.Args, " "), "says", strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}
