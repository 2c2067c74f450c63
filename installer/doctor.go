package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/installer/host/service"
	"shangu/installer/host/vault"
	"shangu/schema/text"
	"shangu/sync/disk"
)

// Free space, in bytes, below which the doctor is worried and alarmed: a term
// of a school takes a few megabytes, a hub's snapshots and logs more.
const (
	spaceTight = 1 << 30
	spaceNone  = 200 << 20
)

// How many restarts since the last start by hand are more than a mishap.
const manyRestarts = 3

// finding is one thing that the doctor looked at.
type finding struct {
	Part  string `json:"part"`
	Check string `json:"check"`
	State string `json:"state"` // ok, warning or bad
	Says  string `json:"says"`
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor [agent|hub]", Short: "installer.cmd_doctor", Long: "installer.long_doctor", Args: someParts,
		RunE: func(cmd *cobra.Command, args []string) error {
			found := []finding{}
			for _, p := range chosen(args) {
				fs, err := examine(cmd, p, time.Now())
				if err != nil {
					return err
				}
				found = append(found, fs...)
			}
			bad := 0
			for _, f := range found {
				if f.State == "bad" {
					bad++
				}
			}
			err := cli.Print(cmd, found, func(w io.Writer) {
				for _, f := range found {
					fmt.Fprintf(w, "%s %s: %s\n", map[string]string{"ok": "✓", "warning": "!", "bad": "✗"}[f.State], f.Part, f.Says)
				}
			})
			if err == nil && bad > 0 {
				err = text.New("installer.doctor_bad", "count", bad)
			}
			return err
		},
	}
}

// examine looks at one part. A part that is not installed is no illness.
func examine(cmd *cobra.Command, p part, now time.Time) ([]finding, error) {
	st, err := service.Query(cmd.Context(), p.service)
	if err != nil {
		return nil, err
	}
	var found []finding
	note := func(check, state string, m *text.Message) {
		found = append(found, finding{p.name, check, state, m.Error()})
	}
	if !st.Installed {
		note("service", "ok", statusLine(st))
		return found, nil
	}
	dir, err := p.dir(cmd, st)
	if err != nil {
		return nil, err
	}
	switch {
	case !st.Running:
		note("service", "bad", statusLine(st))
	case st.Restarts > manyRestarts:
		note("service", "warning", text.New("installer.many_restarts", "name", st.Name, "restarts", st.Restarts, "log", p.log(dir)))
	default:
		note("service", "ok", statusLine(st))
	}
	if !st.Enabled {
		note("enabled", "warning", text.New("installer.not_enabled", "name", st.Name))
	}
	checkProgram(cmd.Context(), st.Program, note)
	checkDir(dir, note)
	p.checkKey(dir, note)
	if st.Running {
		if _, ok := local.Client(dir); ok {
			note("answers", "ok", text.New("installer.answers", "dir", dir))
		} else {
			note("answers", "bad", text.New("installer.no_answer", "dir", dir))
		}
	}
	if built, ok := buildTime(); ok && now.Before(built) {
		note("clock", "bad", text.New("installer.clock", "now", now.Format(time.DateTime), "built", built.Format(time.DateTime)))
	}
	return found, nil
}

func checkProgram(ctx context.Context, program string, note func(check, state string, m *text.Message)) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		note("program", "bad", text.New("installer.program_broken", "path", program, "why", err))
		return
	}
	note("program", "ok", text.New("installer.program", "version", string(out[:max(0, len(out)-1)])))
}

func checkDir(dir string, note func(check, state string, m *text.Message)) {
	info, err := os.Stat(dir)
	if err != nil {
		note("dir", "bad", text.New("installer.dir_broken", "dir", dir, "why", err))
		return
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		note("dir", "warning", text.New("installer.dir_open", "dir", dir, "mode", fs.FileMode(info.Mode().Perm())))
	}
	free, err := disk.Free(dir)
	if err != nil {
		note("disk", "bad", text.New("installer.dir_broken", "dir", dir, "why", err))
		return
	}
	state, id := "ok", "installer.disk"
	switch {
	case free < spaceNone:
		state, id = "bad", "installer.disk_none"
	case free < spaceTight:
		state, id = "warning", "installer.disk_tight"
	}
	note("disk", state, text.New(id, "dir", dir, "mib", free>>20))
}

// checkKey looks whether the service gets the key that its data is sealed under.
func (p part) checkKey(dir string, note func(check, state string, m *text.Message)) {
	err := local.Permitted(dir)
	if err == nil {
		err = vault.Check(dir, p.probe)
	}
	said := text.Of(err)
	switch {
	case err == nil:
		note("key", "ok", text.New("installer.key"))
	case said == nil:
		note("key", "bad", text.New("installer.dir_broken", "dir", dir, "why", err))
	case said.ID() == "host.denied" || said.ID() == "vault.need_root": // it is not known
		note("key", "warning", said)
	default:
		note("key", "bad", said)
	}
}

// buildTime is the time of the commit that this build was made from.
func buildTime() (time.Time, bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}, false
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, err := time.Parse(time.RFC3339, s.Value)
			return t, err == nil
		}
	}
	return time.Time{}, false
}
