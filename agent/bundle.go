package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/agent/stick"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func bundleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bundle", Short: "agent.cmd_bundle", Long: "agent.long_bundle", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return cli.Usage("agent.which_bundle") }}
	cmd.AddCommand(exportBundleCommand(), importBundleCommand())
	return cmd
}

func exportBundleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "export DIR-or-FILE", Short: "agent.cmd_bundle_export", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			var made service.Bundled
			err := d.ExportBundle(ctx, func(b service.Bundled, r io.Reader) error {
				made = b
				var err error
				made.File, err = stick.Put(args[0], b.Name, b.Bytes, r)
				return err
			})
			if err != nil {
				return err
			}
			return cli.Print(cmd, made, func(w io.Writer) {
				fmt.Fprintln(w, text.New("agent.bundle_exported", "file", made.File, "entries", made.Entries, "bytes", made.Bytes))
				if made.Enrols {
					fmt.Fprintln(w, text.New("agent.bundle_enrols"))
				}
				if made.Left > 0 {
					fmt.Fprintln(w, text.New("agent.bundle_left", "n", made.Left))
				}
			})
		})
	}
	return cmd
}

func importBundleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "import FILE-or-DIR", Short: "agent.cmd_bundle_import", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			files, err := replies(ctx, d, args[0])
			if err != nil {
				return err
			}
			var all []service.Returned
			for _, f := range files {
				r, err := importReply(ctx, d, f)
				if err != nil {
					return err
				}
				all = append(all, r)
			}
			last := all[len(all)-1]
			for _, r := range all[:len(all)-1] {
				last.Pushed, last.Pulled, last.Repaired = last.Pushed+r.Pushed, last.Pulled+r.Pulled, last.Repaired+r.Repaired
				last.Enrolled = last.Enrolled || r.Enrolled
			}
			return cli.Print(cmd, last, func(w io.Writer) { sayReturned(w, last) })
		})
	}
	return cmd
}

func sayReturned(w io.Writer, r service.Returned) {
	if r.Enrolled {
		fmt.Fprintln(w, text.New("agent.bundle_let_in"))
	}
	fmt.Fprintln(w, text.New("agent.bundle_imported", "time", r.HubTime, "pushed", r.Pushed, "pulled", r.Pulled, "pending", r.Pending))
	for id, say := range map[string]bool{
		"agent.bundle_again": r.Again, "agent.bundle_more": r.More || r.Differ > 0,
		"agent.bundle_stale": r.Stale > 0 && !r.Again && r.Pushed == 0 && r.Pulled == 0,
	} {
		if say {
			fmt.Fprintln(w, text.New(id))
		}
	}
}

// replies finds the replies for this machine in a folder, oldest first; a file
// is taken as it is.
func replies(ctx context.Context, d door, arg string) ([]string, error) {
	s, err := d.Status(ctx)
	if err != nil {
		return nil, err
	}
	own, ok := s.Replies()
	if !ok {
		return nil, text.New("agent.bad_answer")
	}
	return stick.Replies(arg, own)
}

func importReply(ctx context.Context, d door, name string) (r service.Returned, err error) {
	f, err := intake.Open(name)
	if err != nil {
		return r, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return r, text.Wrap(err, "intake.unreadable", "file", name, "cause", err)
	}
	return d.ImportBundle(ctx, f, st.Size())
}
