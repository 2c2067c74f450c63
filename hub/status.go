package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func statusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "hub.cmd_status", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return glance(cmd, func(ctx context.Context, d *door) error {
			var s node.Status
			if err := d.get(ctx, "/v1/status", nil, &s); err != nil {
				return err
			}
			return cli.Print(cmd, s, func(w io.Writer) { sayStatus(w, s) })
		})
	}}
}

func sayStatus(w io.Writer, s node.Status) {
	id := "hub.status_ready"
	if !s.Ready {
		id = "hub.status_not_ready"
	}
	fmt.Fprintln(w, text.New(id, "id", s.ID, "leader", s.Leader, "term", s.Term, "applied", s.Applied, "version", s.Version))
	if s.Rebuilt != "" {
		fmt.Fprintln(w, text.New("hub.status_rebuilt", "cause", s.Rebuilt))
	}
	sayNodes(w, s)
}

func sayNodes(w io.Writer, s node.Status) {
	for _, n := range s.Nodes {
		id := "hub.node_voter"
		if !n.Voter {
			id = "hub.node_follower"
		}
		if n.Lag < 0 {
			id = "hub.node_silent"
		}
		fmt.Fprintln(w, text.New(id, "id", n.ID, "addr", n.Addr, "lag", n.Lag))
		if n.Flaws > 0 {
			fmt.Fprintln(w, text.New("hub.node_flawed", "id", n.ID, "n", n.Flaws))
		}
	}
}
