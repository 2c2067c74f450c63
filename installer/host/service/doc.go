// Package service runs the work of agent and hub under whatever started it -
// a terminal, systemd, the Windows service manager - and installs it there.
//
// A binary's run command takes service.Args and hands its work to Run:
//
//	RunE: func(cmd *cobra.Command, args []string) error {
//		return service.Run(cmd.Context(), service.AgentName, args, func(ctx context.Context, ready func()) error {
//			// open, listen
//			ready()
//			<-ctx.Done()
//			// stop, close
//			return nil
//		})
//	}
//
// A service sees little of the machine: its data directory is the only place
// that it may write to, and home and temporary directories are hidden from it.
// So a command that reads or writes a person's file opens that file itself and
// sends the bytes through the local door, never the path.
//
// Installing again replaces a service in one step, so that it is the old or the
// new one whenever that is broken off; DESIGN.md says how.
package service

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"shangu/schema/text"
)

// Names of the two services.
const (
	AgentName = "shangu-agent"
	HubName   = "shangu-hub"
)

// Arg is the last argument of a run command that the Windows service manager
// started. It is given outright because what Windows offers to find it out (a
// parent in session 0) is not true everywhere a service can run.
const Arg = "service"

// Args is the cobra.PositionalArgs of a run command: nothing, or Arg.
func Args(_ *cobra.Command, args []string) error {
	if len(args) == 0 || len(args) == 1 && args[0] == Arg {
		return nil
	}
	return text.New("host.no_args")
}

// Work is what a service does: it returns when ctx is done and all is closed,
// or with the error that keeps it from going on. It calls ready once it can be
// used; the service manager lets whoever starts it wait for that.
type Work func(ctx context.Context, ready func()) error

// ErrNotInstalled means that the service manager knows no service of the name.
var ErrNotInstalled = errors.New("the service is not installed")

// Spec describes a service to install.
type Spec struct {
	Name    string   // AgentName or HubName
	Title   string   // shown in the list of services
	About   string   // a sentence
	Program string   // absolute path of the binary
	Args    []string // its arguments
	Dir     string   // absolute path of the data directory, all that it may write to
	User    string   // account to run as on Linux, made by Install
	// Credential and KeyFile say where the data's key is, vault.Kept; "" for none.
	Credential, KeyFile string
	// LowPorts lets it listen on ports below 1024 on Linux.
	LowPorts bool
}

// Validate refuses what a service manager could not be told faithfully.
func (s Spec) Validate() error {
	if s.Name == "" || filepath.Base(s.Name) != s.Name {
		return text.New("host.spec_name", "name", s.Name)
	}
	for _, p := range []string{s.Program, s.Dir} {
		if !filepath.IsAbs(p) {
			return text.New("host.spec_path", "path", p)
		}
	}
	for _, p := range []string{s.Credential, s.KeyFile} {
		if p != "" && !filepath.IsAbs(p) {
			return text.New("host.spec_path", "path", p)
		}
	}
	for _, v := range append([]string{s.Title, s.About, s.Program, s.Dir, s.User, s.Credential, s.KeyFile}, s.Args...) {
		for _, r := range v {
			if r < ' ' || r == 0x7f {
				return text.New("host.spec_control", "value", v)
			}
		}
	}
	return nil
}

// Status is what the service manager says about a service.
type Status struct {
	Name      string `json:"name"`
	Installed bool   `json:"installed"`
	Running   bool   `json:"running"`
	Enabled   bool   `json:"enabled"` // starts with the machine
	State     string `json:"state"`   // in the service manager's own word
	PID       int    `json:"pid,omitempty"`
	Restarts  int    `json:"restarts"` // since it was last started by hand or at boot; 0 on Windows
	Program   string `json:"program,omitempty"`
	Dir       string `json:"dir,omitempty"`
}
