package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/schema/text"
	"shangu/sync/bundle"
	"shangu/sync/disk"
	"shangu/sync/frame"
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
				return putBundle(args[0], &made, r)
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

// putBundle writes a bundle to a stick, and then takes away the older ones that
// it replaces.
func putBundle(arg string, b *service.Bundled, r io.Reader) error {
	path, folder := bundle.Place(arg, b.Name)
	b.File = path
	err := bundle.Put(disk.OS, path, func(w io.Writer) error {
		n, err := io.Copy(w, r)
		if err == nil && n != b.Bytes {
			err = text.New("agent.bad_answer")
		}
		return err
	})
	if err != nil || !folder {
		return err
	}
	if err := bundle.Sweep(disk.OS, filepath.Dir(path), b.Name); err != nil {
		return text.Wrap(err, "agent.bundle_not_swept", "file", path, "cause", err)
	}
	return nil
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
	if st, err := os.Stat(arg); err != nil || !st.IsDir() {
		return []string{arg}, nil
	}
	names, err := disk.OS.List(arg)
	if err != nil {
		return nil, text.Wrap(err, "intake.unreadable", "file", arg, "cause", err)
	}
	s, err := d.Status(ctx)
	if err != nil {
		return nil, err
	}
	device, err1 := hex.DecodeString(s.Device)
	epoch, err2 := hex.DecodeString(s.Epoch)
	if err1 != nil || err2 != nil || len(device) != 16 || len(epoch) != 16 {
		return nil, text.New("agent.bad_answer")
	}
	own := bundle.NameOf(bundle.Down, s.School, frame.ChainOf([16]byte(device), [16]byte(epoch)), 0)
	var out []string
	for _, f := range bundle.Pick(names, bundle.Down) {
		if n, _ := bundle.ParseName(f); n.School == own.School && n.Chain == own.Chain {
			out = append(out, filepath.Join(arg, f))
		}
	}
	if len(out) == 0 {
		return nil, text.New("agent.bundle_no_reply", "dir", arg)
	}
	return out, nil
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
