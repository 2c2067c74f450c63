package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/agent/intake"
	"shangu/installer/host/cli"
	"shangu/schema/table"
	"shangu/schema/text"
)

// exported is what export prints.
type exported struct {
	Kind  intake.Kind `json:"kind"`
	File  string      `json:"file"`
	Bytes int         `json:"bytes"`
}

func exportCommand() *cobra.Command {
	var version string
	cmd := &cobra.Command{Use: "export KIND FILE", Short: "agent.cmd_export", Args: kindAndFile}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kind, err := intake.ParseKind(args[0])
		if err != nil {
			return err
		}
		if table.FormatOf(args[1]) == 0 && !(kind == intake.Roster && intake.IsArchive(args[1])) {
			return cli.Usage("agent.ending", "file", args[1])
		}
		v := intake.OneVersion(version)
		switch {
		case v != "" && !intake.IsArchive(args[1]):
			return cli.Usage("agent.version_of_zip", "file", args[1])
		case v != "" && v != intake.One11 && v != intake.One12:
			return cli.Usage("agent.bad_version", "version", version)
		}
		return knock(cmd, false, func(ctx context.Context, d door) error {
			var b bytes.Buffer
			if err := d.Export(ctx, kind, args[1], v, &b); err != nil {
				return err
			}
			if err := cli.SaveBytes(args[1], b.Bytes()); err != nil {
				return err
			}
			return cli.Print(cmd, exported{kind, args[1], b.Len()}, func(w io.Writer) {
				fmt.Fprintln(w, text.New("agent.export_done", "file", args[1]))
			})
		})
	}
	cmd.Flags().StringVar(&version, "version", "", "agent.flag_one_version")
	return cmd
}
