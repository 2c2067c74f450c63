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

func dateCommand() *cobra.Command {
	var confirm string
	cmd := &cobra.Command{Use: "date", Short: "agent.cmd_date", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&confirm, "confirm", "", "agent.flag_confirm")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			var q service.DateQuestion
			var err error
			if confirm != "" {
				q, err = d.ConfirmDate(ctx, confirm)
			} else {
				q, err = d.DateQuestion(ctx)
			}
			if err != nil {
				return err
			}
			if q.Why != "" {
				q.Why = text.Parse(q.Why).Error()
			}
			return cli.Print(cmd, q, func(w io.Writer) {
				if !q.Ask {
					fmt.Fprintln(w, text.New("agent.date_settled", "date", q.Proposal))
					return
				}
				fmt.Fprintln(w, q.Why)
				fmt.Fprintln(w, text.New("agent.date_ask", "date", q.Proposal))
			})
		})
	}
	return cmd
}
