package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
)

func digestCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "digest", Short: "agent.cmd_digest", Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			kinds, err := d.Digest(ctx)
			if err != nil {
				return err
			}
			return cli.Print(cmd, kinds, func(w io.Writer) {
				for _, k := range slices.Sorted(maps.Keys(kinds)) {
					for _, month := range slices.Sorted(maps.Keys(kinds[k])) {
						fmt.Fprintf(w, "%-12s %s %s\n", k, month, kinds[k][month])
					}
				}
			})
		})
	}
	return cmd
}
