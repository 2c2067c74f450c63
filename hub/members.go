package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/identity"
)

func nodeCommand() *cobra.Command {
	return group("node", "hub.cmd_node", inviteCommand(), listNodesCommand(),
		memberCommand("remove", "hub.cmd_node_remove", "hub.node_removed"),
		memberCommand("promote", "hub.cmd_node_promote", "hub.node_promoted"))
}

func inviteCommand() *cobra.Command {
	var ttl time.Duration
	c := &cobra.Command{Use: "invite", Short: "hub.cmd_node_invite", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return issue(cmd, node.TokenRequest{Role: identity.RoleNode, TTL: ttl}, "hub.invited")
	}}
	c.Flags().DurationVar(&ttl, "ttl", 24*time.Hour, "hub.flag_ttl")
	return c
}

// issue has a one-time token made and prints it.
func issue(cmd *cobra.Command, q node.TokenRequest, id string) error {
	if q.TTL <= 0 {
		return cli.Usage("hub.bad_ttl")
	}
	return through(cmd, func(ctx context.Context, d *door) error {
		var t node.TokenAnswer
		if err := d.post(ctx, "/v1/token", nil, q, &t); err != nil {
			return err
		}
		return cli.Print(cmd, t, func(w io.Writer) {
			fmt.Fprintln(w, t.Token)
			fmt.Fprintln(cmd.ErrOrStderr(), text.New(id, "school", t.School, "expires", t.Expires.In(schema.Zone).Format("2006-01-02 15:04")))
		})
	})
}

func listNodesCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "hub.cmd_node_list", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return glance(cmd, func(ctx context.Context, d *door) error {
			var s node.Status
			if err := d.get(ctx, "/v1/status", nil, &s); err != nil {
				return err
			}
			return cli.Print(cmd, s.Nodes, func(w io.Writer) { sayNodes(w, s) })
		})
	}}
}

func memberCommand(verb, short, done string) *cobra.Command {
	return &cobra.Command{Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			var none any
			if err := d.post(ctx, "/v1/node/"+verb, url.Values{"id": args}, nil, &none); err != nil {
				return err
			}
			return cli.Print(cmd, map[string]string{"id": args[0]}, func(w io.Writer) {
				fmt.Fprintln(w, text.New(done, "id", args[0]))
			})
		})
	}}
}
