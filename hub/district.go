package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"shangu/hub/district"
	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema/table"
	"shangu/schema/text"
)

func districtCommand() *cobra.Command { return group("district", "hub.cmd_district", loadCommand()) }

func loadCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{Use: "load DIR", Short: "hub.cmd_district_load", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		files, err := district.Open(os.DirFS(args[0]))
		if err != nil {
			return err
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			var got node.Loaded
			err := d.post(ctx, "/v1/district", nil, node.LoadRequest{Files: files, Account: account(), DryRun: dry}, &got)
			if ps, ok := errors.AsType[*table.Problems](err); ok {
				return sayProblems(cmd, ps)
			}
			if err != nil {
				return err
			}
			for _, n := range got.Notes {
				p := n.Table()
				fmt.Fprintln(cmd.ErrOrStderr(), p.In(text.Default()))
			}
			return cli.Print(cmd, got, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.district_loaded", "schools", got.Schools.Rows, "agreements", got.Agreements.Rows,
					"days", got.Days.Rows, "entries", got.Entries))
			})
		})
	}}
	c.Flags().BoolVar(&dry, "dry-run", false, "hub.flag_dry_run")
	return c
}

// sayProblems tells what is wrong with the files: in words on stderr, and as
// JSON on stdout if asked for.
func sayProblems(cmd *cobra.Command, ps *table.Problems) error {
	fmt.Fprintln(cmd.ErrOrStderr(), ps.In(text.Default()))
	if err := cli.Print(cmd, ps, func(io.Writer) {}); err != nil {
		return err
	}
	return cli.ErrSaid
}
