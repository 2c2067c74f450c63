package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func enrollCommand() *cobra.Command {
	var hubs []string
	var token string
	cmd := &cobra.Command{Use: "enroll", Short: "agent.cmd_enroll", Args: cobra.NoArgs}
	cmd.Flags().StringSliceVar(&hubs, "hub", nil, "agent.flag_hub")
	cmd.Flags().StringVar(&token, "token", "", "agent.flag_token")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(hubs) == 0 {
			return cli.Usage("agent.no_hub_given")
		}
		return knock(cmd, true, func(ctx context.Context, d door) error {
			e, err := d.Enrol(ctx, hubs, token)
			if err != nil {
				return err
			}
			return cli.Print(cmd, e, func(w io.Writer) {
				fmt.Fprintln(w, text.New("agent.enrolled", "school", e.School, "hubs", strings.Join(e.Hubs, " ")))
			})
		})
	}
	return cmd
}
