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

	"shangu/schema/text"
	"shangu/sync/disk"
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
// enables it. A service of that name that is there already is replaced, and goes
// on running as it was until it is started again; its data stays. The unit is the
// old one or the new one, whenever this is broken off.
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
	if err := disk.WriteFile(unitFile(s.Name), []byte(unit), 0o644); err != nil {
		return fmt.Errorf("install %s: %w", s.Name, err)
	}
	if err := reload(ctx); err != nil {
		return err
	}
	_, err = command(ctx, "systemctl", "enable", s.Name+".service")
	return err
}

// unitFile is where a service's unit lies.
func unitFile(name string) string { return "/etc/systemd/system/" + name + ".service" }

// reload has systemd read its units again.
func reload(ctx context.Context) error {
	_, err := command(ctx, "systemctl", "daemon-reload")
	return err
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
	// Whoever was broken off here may have left systemd with a unit that is gone.
	if err := reload(ctx); err != nil {
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
	if _, err := command(ctx, "systemctl", "disable", name+".service"); err != nil {
		return err
	}
	if err := os.Remove(unitFile(name)); err != nil {
		return fmt.Errorf("uninstall %s: %w", name, err)
	}
	if err := reload(ctx); err != nil {
		return err
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
	if dir, err := strconv.Unquote(st.Dir); err == nil { // a path with a space is in quotes
		st.Dir = dir
	}
	if _, rest, ok := strings.Cut(p["ExecStart"], "path="); ok {
		st.Program, _, _ = strings.Cut(rest, " ;")
	}
	return st, nil
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
