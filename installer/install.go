package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
	"shangu/installer/host/service"
	"shangu/installer/host/vault"
	"shangu/schema/text"
	"shangu/sync/disk"
)

// How long a service may take to be ready, and to be gone.
const startTimeout = 5 * time.Minute

// installed is what install prints.
type installed struct {
	Name    string `json:"name"`
	Service string `json:"service"`
	Program string `json:"program"`
	Dir     string `json:"dir"`
	Running bool   `json:"running"`
}

// plan is what the flags of install ask for.
type plan struct {
	program string // binary to install; "" is the one beside the installer
	initial string // hub: name of a new district
	hub     string // agent: addresses of the hub
	token   string
	pack    string
	stopped bool // leave it stopped
}

func installCommand() *cobra.Command {
	var p plan
	cmd := &cobra.Command{
		Use: "install agent|hub [-- FLAGS OF agent run OR hub serve]", Short: "installer.cmd_install",
		Long: "installer.long_install", Example: "installer.example_install",
		Args: func(cmd *cobra.Command, args []string) error {
			n := len(args)
			if d := cmd.ArgsLenAtDash(); d >= 0 {
				n = d
			}
			if n != 1 {
				return cli.Usage("installer.usage_one_part")
			}
			_, err := findPart(args[0])
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error { return install(cmd, p, args[0], args[1:]) },
	}
	f := cmd.Flags()
	f.StringVar(&p.program, "program", "", "installer.flag_program")
	f.StringVar(&p.initial, "init", "", "installer.flag_init")
	f.StringVar(&p.hub, "hub", "", "installer.flag_hub")
	f.StringVar(&p.token, "token", "", "installer.flag_token")
	f.StringVar(&p.pack, "pack", "", "installer.flag_pack")
	f.BoolVar(&p.stopped, "no-start", false, "installer.flag_no_start")
	return cmd
}

// validate refuses flags that do not go together.
func (p plan) validate(name string, args []string) error {
	switch {
	case name == "hub" && (p.hub != "" || p.token != "" || p.pack != ""):
		return cli.Usage("installer.usage_agent_flags")
	case name == "agent" && p.initial != "":
		return cli.Usage("installer.usage_hub_flags")
	case (p.hub == "") != (p.token == ""):
		return cli.Usage("installer.usage_hub_token")
	}
	for _, a := range args {
		if a == "--dir" || strings.HasPrefix(a, "--dir=") {
			return cli.Usage("installer.usage_dir")
		}
	}
	if name == "hub" {
		for _, need := range []string{"--id", "--listen", "--raft"} {
			if !hasFlag(args, need) {
				return cli.Usage("installer.usage_hub_needs", "flag", need)
			}
		}
	}
	return nil
}

func hasFlag(args []string, name string) bool {
	for _, a := range args {
		if a == name || strings.HasPrefix(a, name+"=") {
			return true
		}
	}
	return false
}

func install(cmd *cobra.Command, p plan, name string, args []string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), startTimeout)
	defer cancel()
	it, err := findPart(name)
	if err != nil {
		return err
	}
	if err := p.validate(name, args); err != nil {
		return err
	}
	if err := service.Supported(); err != nil {
		return err
	}
	old, err := service.Query(ctx, it.service)
	if err != nil {
		return err
	}
	dir, err := it.dir(cmd, old)
	if err != nil {
		return err
	}
	program := filepath.Join(programDir(), exe(name))
	openUmask()
	spec := it.spec(program, dir, args)
	if err := service.Check(spec); err != nil {
		return err
	}
	binary, err := p.read(name)
	if err != nil {
		return err
	}
	if old.Installed {
		// Windows does not replace a program that runs, and what the service
		// holds open, enroll and init could not use.
		say(cmd, text.New("installer.replacing", "name", it.service))
		if err := service.Stop(ctx, it.service); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return fmt.Errorf("make program directory: %w", err)
	}
	if err := replaceProgram(program, binary); err != nil {
		return fmt.Errorf("copy program: %w", err)
	}
	say(cmd, text.New("installer.copied", "path", program))
	kept, err := it.provision(dir)
	if err != nil {
		return err
	}
	spec.Credential, spec.KeyFile = kept.Credential, kept.File
	if err := service.Install(ctx, spec); err != nil {
		return err
	}
	if err := vault.Forget(dir, kept); err != nil {
		return err
	}
	say(cmd, text.New("installer.registered", "name", it.service))
	out := cmd.OutOrStdout()
	if cli.JSON(cmd) {
		out = cmd.ErrOrStderr()
	}
	if p.initial != "" && it.hasData(dir) {
		say(cmd, text.New("installer.founded", "dir", dir))
		p.initial = ""
	}
	if err := p.prepare(ctx, out, program, dir); err != nil {
		return err
	}
	if !p.stopped {
		say(cmd, text.New("installer.starting", "name", it.service))
		if err := service.Start(ctx, it.service); err != nil {
			return text.Wrap(err, "installer.start_failed", "name", it.service, "log", it.log(dir))
		}
	}
	facts := installed{name, it.service, program, dir, !p.stopped}
	return cli.Print(cmd, facts, func(w io.Writer) {
		fmt.Fprintln(w, text.New("installer.installed", "name", it.service, "program", program, "dir", dir))
	})
}

// read reads the binary to install, before anything is changed.
func (p plan) read(name string) ([]byte, error) {
	from := p.program
	if from == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find installer: %w", err)
		}
		from = filepath.Join(filepath.Dir(self), exe(name))
	}
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil, text.Wrap(err, "installer.no_program", "path", from)
	}
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	return b, nil
}

// replaceProgram puts a program in its place in one step, after what an install
// that was broken off left of its own.
func replaceProgram(path string, binary []byte) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp*"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		return err
	}
	return disk.WriteFile(path, binary, 0o755)
}

// prepare founds the district or keeps the enrolment before the first start.
// What the binary prints, such as the operator's password, goes to out: it is
// printed once.
func (p plan) prepare(ctx context.Context, out io.Writer, program, dir string) error {
	var args []string
	switch {
	case p.initial != "":
		args = []string{"init", "--dir", dir, "--name", p.initial}
	case p.token != "":
		args = []string{"enroll", "--dir", dir, "--hub", p.hub, "--token", p.token}
	case p.pack != "":
		args = []string{"enroll", "--dir", dir, "--pack", p.pack}
	default:
		return nil
	}
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append(args, "--lang", text.Default().String())...)
	cmd.Stdout, cmd.Stderr = out, &complaint
	if err := cmd.Run(); err != nil {
		return text.Wrap(err, "installer.prepare_failed", "command", args[0], "says", strings.TrimSpace(complaint.String()))
	}
	return nil
}

func say(cmd *cobra.Command, m *text.Message) { fmt.Fprintln(cmd.ErrOrStderr(), m) }

func uninstallCommand() *cobra.Command {
	return &cobra.Command{
		Use: "uninstall agent|hub", Short: "installer.cmd_uninstall", Args: onePart,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), startTimeout)
			defer cancel()
			it, err := findPart(args[0])
			if err != nil {
				return err
			}
			st, err := service.Query(ctx, it.service)
			if err != nil {
				return err
			}
			if err := service.Uninstall(ctx, it.service); err != nil {
				return err
			}
			// Only what install put there: a program of another place stays.
			if st.Program == filepath.Join(programDir(), exe(it.name)) {
				if err := os.Remove(st.Program); err != nil && !errors.Is(err, os.ErrNotExist) {
					return fmt.Errorf("remove program: %w", err)
				}
			}
			facts := installed{it.name, it.service, st.Program, st.Dir, false}
			return cli.Print(cmd, facts, func(w io.Writer) {
				fmt.Fprintln(w, text.New("installer.uninstalled", "name", it.service, "dir", st.Dir))
			})
		},
	}
}

func onePart(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return cli.Usage("installer.usage_one_part")
	}
	_, err := findPart(args[0])
	return err
}
