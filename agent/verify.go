package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func verifyCommand() *cobra.Command {
	var repair bool
	cmd := &cobra.Command{Use: "verify", Short: "agent.cmd_verify", Args: cobra.NoArgs}
	cmd.Flags().BoolVar(&repair, "repair", false, "agent.flag_repair")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return knockWith(cmd, false, service.Options{Salvage: repair}, func(ctx context.Context, d door) error {
			v, err := d.Verify(ctx, repair)
			if err != nil {
				return err
			}
			n := len(v.Problems)
			err = cli.Print(cmd, v, func(w io.Writer) {
				for _, p := range v.Problems {
					fmt.Fprintln(w, p)
				}
				switch {
				case n == 0:
					fmt.Fprintln(w, text.New("agent.verify_good", "entries", v.Entries, "docs", v.Docs))
				case v.Repaired:
					fmt.Fprintln(w, text.New("agent.verify_repaired", "n", n))
				}
			})
			if err == nil && n > 0 && !v.Repaired {
				err = text.New("agent.verify_bad", "n", n)
			}
			return err
		})
	}
	return cmd
}
