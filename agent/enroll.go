package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func enrollCommand() *cobra.Command {
	var hubs []string
	var token, pack string
	cmd := &cobra.Command{Use: "enroll", Short: "agent.cmd_enroll", Args: cobra.NoArgs}
	cmd.Flags().StringSliceVar(&hubs, "hub", nil, "agent.flag_hub")
	cmd.Flags().StringVar(&token, "token", "", "agent.flag_token")
	cmd.Flags().StringVar(&pack, "pack", "", "agent.flag_pack")
	cmd.MarkFlagsMutuallyExclusive("pack", "hub")
	cmd.MarkFlagsMutuallyExclusive("pack", "token")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		enrol := func(ctx context.Context, d door) (service.Enrolled, error) { return d.Enrol(ctx, hubs, token) }
		if pack != "" {
			b, err := intake.ReadFile(pack)
			if err != nil {
				return err
			}
			enrol = func(ctx context.Context, d door) (service.Enrolled, error) { return d.EnrolPack(ctx, b) }
		} else if len(hubs) == 0 {
			return cli.Usage("agent.no_hub_given")
		}
		return knock(cmd, true, func(ctx context.Context, d door) error {
			e, err := enrol(ctx, d)
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
