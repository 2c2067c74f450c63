package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func recoverCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{Use: "recover", Short: "hub.cmd_recover", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		r, err := node.Recover(cmd.Context(), dir, node.Vault, dry, time.Now)
		if err != nil {
			return err
		}
		return cli.Print(cmd, r, func(w io.Writer) {
			fmt.Fprintln(w, text.New("hub.recover_found", "id", r.ID, "last", r.Last, "term", r.Term, "applied", r.Applied))
			for _, m := range r.Members {
				id := "hub.recover_silent"
				if m.Answers {
					id = "hub.recover_answers"
				}
				fmt.Fprintln(w, text.New(id, "id", m.ID, "api", m.API, "last", m.Last))
			}
			fmt.Fprintln(w, text.New("hub.recover_risk", "last", r.Last))
			if r.Done {
				fmt.Fprintln(w, text.New("hub.recovered", "id", r.ID, "copy", r.Copy))
			}
		})
	}}
	c.Flags().BoolVar(&dry, "dry-run", false, "hub.flag_dry_run")
	return c
}
