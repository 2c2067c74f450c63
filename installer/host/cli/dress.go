package cli

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"shangu/schema/text"
)

// messageID is what an id of schema/text looks like; no sentence does.
var messageID = regexp.MustCompile(`^[a-z][a-z0-9]*\.[a-z0-9_.]+$`)

func words(s string, lang text.Lang) string {
	if !messageID.MatchString(s) {
		return s
	}
	return text.New(s).In(lang)
}

// dress puts words in place of ids throughout a tree of commands, and turns
// cobra's complaints into ours.
func dress(root *cobra.Command, lang text.Lang) {
	root.InitDefaultHelpCmd()
	root.InitDefaultVersionFlag()
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err) })
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { help(cmd.OutOrStdout(), cmd) })
	root.SetUsageFunc(func(cmd *cobra.Command) error { help(cmd.ErrOrStderr(), cmd); return nil })
	if f := root.Flags().Lookup("version"); f != nil {
		f.Usage = "host.flag_version"
	}
	cobra.MousetrapHelpText = text.New("host.mousetrap", "name", root.Name()).In(lang)
	each(root, func(cmd *cobra.Command) {
		if cmd.Name() == "help" && cmd.Parent() == root {
			cmd.Short, cmd.Long = "host.cmd_help", ""
		}
		cmd.InitDefaultHelpFlag()
		if f := cmd.Flags().Lookup("help"); f != nil {
			f.Usage = "host.flag_help"
		}
		cmd.Short, cmd.Long, cmd.Example = words(cmd.Short, lang), words(cmd.Long, lang), words(cmd.Example, lang)
		say := func(f *pflag.Flag) { f.Usage = words(f.Usage, lang) }
		cmd.LocalFlags().VisitAll(say)
		cmd.PersistentFlags().VisitAll(say)
		guard(cmd)
	})
}

func each(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, c := range cmd.Commands() {
		each(c, f)
	}
}

// guard makes every complaint about arguments a usage error in our words. A
// command that only holds others complains too, where cobra would print help
// and call it success.
func guard(cmd *cobra.Command) {
	if cmd.Name() == "help" {
		return
	}
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		var missing []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if r := f.Annotations[cobra.BashCompOneRequiredFlag]; len(r) > 0 && r[0] == "true" && !f.Changed {
				missing = append(missing, "--"+f.Name)
			}
		})
		if len(missing) > 0 {
			return Usage("host.usage_required", "flags", strings.Join(missing, " "), "command", cmd.CommandPath())
		}
		if err := cmd.ValidateFlagGroups(); err != nil {
			return usage{text.Wrap(err, "host.usage_other", "command", cmd.CommandPath())}
		}
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			if text.Of(err) != nil {
				return usage{err}
			}
			return Usage("host.usage_args", "use", useLine(cmd))
		}
		return nil
	}
	if cmd.Runnable() {
		return
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return Usage("host.usage_unknown_command", "name", args[0], "command", cmd.CommandPath())
		}
		help(cmd.ErrOrStderr(), cmd)
		return usage{ErrSaid}
	}
}

func flagError(cmd *cobra.Command, err error) error {
	path := cmd.CommandPath()
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return Usage("host.usage_unknown_flag", "flag", dashes(e.GetSpecifiedName()), "command", path)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return Usage("host.usage_no_value", "flag", dashes(e.GetSpecifiedName()), "command", path)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return Usage("host.usage_value", "flag", "--"+e.GetFlag().Name, "value", e.GetValue(), "command", path)
	}
	return usage{text.Wrap(err, "host.usage_other", "command", path)}
}

func dashes(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func useLine(cmd *cobra.Command) string {
	if cmd.HasParent() {
		return cmd.Parent().CommandPath() + " " + cmd.Use
	}
	return cmd.Use
}

// help writes a command's help. It is code and not a template: text/template
// keeps the linker from leaving out what is not used.
func help(w io.Writer, cmd *cobra.Command) {
	head := func(id string) { fmt.Fprintf(w, "\n%s\n", text.New(id)) }
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	fmt.Fprintln(w, strings.TrimSpace(about))
	head("host.help_usage")
	switch {
	case cmd.HasAvailableSubCommands():
		fmt.Fprintf(w, "  %s COMMAND ...\n", cmd.CommandPath())
	default:
		fmt.Fprintf(w, "  %s\n", useLine(cmd))
	}
	if cmd.Example != "" {
		head("host.help_examples")
		fmt.Fprintln(w, cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		head("host.help_commands")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() || c.Name() == "help" {
				fmt.Fprintf(w, "  %-*s  %s\n", cmd.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	if !cmd.HasParent() {
		head("host.help_exits")
		fmt.Fprintln(w, text.New("host.exits"))
	}
	if cmd.HasAvailableLocalFlags() {
		head("host.help_flags")
		fmt.Fprintln(w, strings.TrimRight(cmd.LocalFlags().FlagUsages(), "\n"))
	}
	if cmd.HasAvailableInheritedFlags() {
		head("host.help_all_flags")
		fmt.Fprintln(w, strings.TrimRight(cmd.InheritedFlags().FlagUsages(), "\n"))
	}
}

// Check reports commands and flags of a tree that have no words in one of the
// languages. Each binary's tests call it on its root.
func Check(root *cobra.Command) error {
	var errs []error
	check := func(what, s string) {
		for _, lang := range []text.Lang{text.ZH, text.EN} {
			if !messageID.MatchString(s) || words(s, lang) == s {
				errs = append(errs, fmt.Errorf("%s: %q is no message in %v", what, s, lang))
				return
			}
		}
	}
	each(root, func(cmd *cobra.Command) {
		check(cmd.CommandPath(), cmd.Short)
		for _, s := range []string{cmd.Long, cmd.Example} {
			if s != "" {
				check(cmd.CommandPath(), s)
			}
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { check(cmd.CommandPath()+" --"+f.Name, f.Usage) })
		cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { check(cmd.CommandPath()+" --"+f.Name, f.Usage) })
	})
	return errors.Join(errs...)
}
