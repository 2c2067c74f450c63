// Package cli is the door of the three binaries: the root command with the
// flags that all commands share, help and errors in the reader's language, and
// exit codes.
//
//	func main() { os.Exit(cli.Main(root())) }
//
//	func root() *cobra.Command {
//		root := cli.New("agent", "agent.cmd_root")
//		root.AddCommand(&cobra.Command{
//			Use: "status", Short: "agent.cmd_status", Args: cobra.NoArgs,
//			RunE: func(cmd *cobra.Command, _ []string) error {
//				return cli.Print(cmd, facts, func(w io.Writer) { ... })
//			},
//		})
//		return root
//	}
//
// Short, Long, Example and the usages of flags are ids of schema/text; Main
// puts the words in their place. Facts go to cmd.OutOrStdout, progress to
// cmd.ErrOrStderr. A command returns its error; Main says it in one line on
// stderr and chooses the exit code: 0 done, 1 failed, 2 used wrongly, or the one
// that an error of its own names (service.FinalCode). The context of a command
// ends on SIGINT and SIGTERM.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"shangu/schema/text"
)

// Exit codes of every command.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// ErrSaid is returned by a command that failed and has already told why.
var ErrSaid = errors.New("failed, as already said")

// New makes a binary's root command with the flags --dir, --json and --lang.
// short is an id of schema/text.
func New(name, short string) *cobra.Command {
	root := &cobra.Command{
		Use: name, Short: short, Version: Version(),
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().String("dir", DefaultDir(name), "host.flag_dir")
	root.PersistentFlags().Bool("json", false, "host.flag_json")
	root.PersistentFlags().String("lang", "", "host.flag_lang")
	return root
}

// DefaultDir is where a binary keeps its data when --dir does not say: the
// place that the installer gives to the service.
func DefaultDir(name string) string {
	if runtime.GOOS == "windows" {
		base := os.Getenv("ProgramData")
		if base == "" {
			base = `C:\ProgramData`
		}
		return filepath.Join(base, "Shangu", name)
	}
	return filepath.Join("/var/lib/shangu", name)
}

// Dir returns --dir as an absolute path.
func Dir(cmd *cobra.Command) (string, error) {
	dir, err := cmd.Flags().GetString("dir")
	if err != nil {
		return "", fmt.Errorf("read --dir: %w", err)
	}
	if dir == "" {
		return "", Usage("host.no_dir")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", dir, err)
	}
	return abs, nil
}

// JSON reports whether --json was given.
func JSON(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("json")
	return err == nil && on
}

// Print writes a command's facts to stdout: v as indented JSON with --json,
// else whatever words writes.
func Print(cmd *cobra.Command, v any, words func(io.Writer)) error {
	if !JSON(cmd) {
		words(cmd.OutOrStdout())
		return nil
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print facts: %w", err)
	}
	return nil
}

// usage marks an error as wrong use: exit 2.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// Usage makes an error that says the command was used wrongly: exit 2. id and
// kv are those of text.New.
func Usage(id string, kv ...any) error { return usage{text.New(id, kv...)} }

// Version is the version of this build: the module's, with the commit if the
// build knows it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, revision, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+"
		}
	}
	// The version that go stamps from version control has the commit in it.
	if v == "" || v == "(devel)" {
		v = strings.TrimSuffix("devel-"+revision+dirty, "-")
	}
	return v
}

// Main runs the command that the process was started with, says an error in
// one line on stderr and returns the exit code.
func Main(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once, as it would without us.
	context.AfterFunc(ctx, stop)
	root.SetArgs(os.Args[1:])
	return Run(ctx, root, os.Args[1:])
}

// Run is Main with the arguments and context given, for tests and for a
// command that is run inside another program.
func Run(ctx context.Context, root *cobra.Command, args []string) int {
	lang, err := chooseLang(args, os.Getenv)
	text.SetDefault(lang)
	if err != nil {
		fmt.Fprintln(root.ErrOrStderr(), Line(err, lang))
		return ExitUsage
	}
	dress(root, lang)
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	if err == nil {
		return ExitDone
	}
	if !errors.Is(err, ErrSaid) {
		fmt.Fprintln(root.ErrOrStderr(), Line(err, lang))
	}
	if _, wrong := errors.AsType[usage](err); wrong {
		return ExitUsage
	}
	var own interface{ ExitCode() int }
	if errors.As(err, &own) {
		return own.ExitCode()
	}
	return ExitFailed
}

// Line puts an error into one line of a language.
func Line(err error, lang text.Lang) string {
	return strings.Join(strings.FieldsFunc(text.In(err, lang), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// chooseLang finds the language before the flags are parsed, so that help and
// complaints about flags speak it too.
func chooseLang(args []string, getenv func(string) string) (text.Lang, error) {
	lang := text.FromEnvironment(getenv)
	for i, a := range args {
		if a == "--" {
			break
		}
		tag, given := strings.CutPrefix(a, "--lang=")
		if a == "--lang" && i+1 < len(args) {
			tag, given = args[i+1], true
		}
		if !given {
			continue
		}
		l, ok := text.ParseLang(tag)
		if !ok {
			return lang, Usage("host.usage_lang", "lang", tag)
		}
		lang = l
	}
	return lang, nil
}
