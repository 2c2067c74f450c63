package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func syncCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{Use: "sync", Short: "agent.cmd_sync", Args: cobra.NoArgs}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "agent.flag_timeout")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			if err := d.Sync(ctx, timeout); err != nil {
				return err
			}
			s, err := d.Status(ctx)
			if err != nil {
				return err
			}
			if s.Pending > 0 {
				// Saved while the session went on.
				return text.New("agent.still_pending", "n", s.Pending)
			}
			return cli.Print(cmd, inWords(s), func(w io.Writer) { fmt.Fprintln(w, text.New("agent.synced")) })
		})
	}
	return cmd
}

// inWords puts words in place of the codes in a status.
func inWords(s service.Status) service.Status {
	for i, n := range s.Notices {
		s.Notices[i].Text = text.Parse(n.Text).Error()
	}
	if s.LastError != "" {
		s.LastError = text.Parse(s.LastError).Error()
	}
	return s
}
