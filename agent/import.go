package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/schema/table"
	"shangu/schema/text"
)

func importCommand() *cobra.Command {
	var dry bool
	var year int
	who := user()
	cmd := &cobra.Command{Use: "import KIND FILE", Short: "agent.cmd_import", Args: kindAndFile}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "agent.flag_dry_run")
	cmd.Flags().IntVar(&year, "year", 0, "agent.flag_year")
	cmd.Flags().StringVar(&who, "account", who, "agent.flag_account")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kind, err := intake.ParseKind(args[0])
		if err != nil {
			return err
		}
		// The service may not see the file, so its bytes go through the door.
		data, err := intake.ReadFile(args[1])
		if m := text.Of(err); m != nil {
			ps := &table.Problems{}
			ps.Add(table.Problem{Message: m})
			return sayProblems(cmd, ps)
		}
		if err != nil {
			return err
		}
		return knock(cmd, true, func(ctx context.Context, d door) error {
			got, err := d.Import(ctx, service.Import{
				Kind: kind, Name: filepath.Base(args[1]), Data: data, DryRun: dry, Year: year, Account: who,
			})
			if ps, ok := errors.AsType[*table.Problems](err); ok {
				return sayProblems(cmd, ps)
			}
			if err != nil {
				return err
			}
			for _, n := range got.Notes {
				fmt.Fprintln(cmd.ErrOrStderr(), n.In(text.Default()))
			}
			id := "agent.import_done"
			if dry {
				id = "agent.import_would"
			}
			return cli.Print(cmd, got, func(w io.Writer) {
				fmt.Fprintln(w, text.New(id, "rows", got.Rows, "new", got.New, "changed", got.Changed, "same", got.Same))
			})
		})
	}
	return cmd
}

// kindAndFile is the arguments of import and export.
func kindAndFile(cmd *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(2)(cmd, args); err != nil {
		return err
	}
	_, err := intake.ParseKind(args[0])
	return err
}

// sayProblems tells what is wrong with a file: in words on stderr, and as JSON
// on stdout if asked for.
func sayProblems(cmd *cobra.Command, ps *table.Problems) error {
	fmt.Fprintln(cmd.ErrOrStderr(), ps.In(text.Default()))
	if err := cli.Print(cmd, ps, func(io.Writer) {}); err != nil {
		return err
	}
	return cli.ErrSaid
}
