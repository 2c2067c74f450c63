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

func quarantineCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{Use: "quarantine", Short: "agent.cmd_quarantine", Long: "agent.long_quarantine", Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			found, err := d.Quarantine(ctx, all)
			if err != nil {
				return err
			}
			for i := range found {
				found[i] = found[i].Words()
			}
			return cli.Print(cmd, found, func(w io.Writer) { writeQuarantine(w, found) })
		})
	}
	cmd.Flags().BoolVar(&all, "all", false, "agent.flag_quarantine_all")
	return cmd
}

func writeQuarantine(w io.Writer, found []service.Quarantined) {
	if len(found) == 0 {
		fmt.Fprintln(w, text.New("agent.quarantine_none"))
	}
	for _, q := range found {
		fmt.Fprintln(w, text.New("agent.quarantine_"+q.State, "kind", q.Kind, "doc", q.Doc, "reason", q.Reason, "by", q.By, "note", q.Note, "account", q.Account))
		for _, f := range q.Fields {
			fmt.Fprintf(w, "  %s\n", f)
		}
	}
}
