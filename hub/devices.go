package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/hub/state"
	"shangu/installer/host/cli"
	"shangu/schema/text"
	"shangu/sync/identity"
)

func tokenCommand() *cobra.Command {
	var school string
	var ttl time.Duration
	c := &cobra.Command{Use: "token", Short: "hub.cmd_token", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return issue(cmd, node.TokenRequest{Role: identity.RoleSchool, School: school, TTL: ttl}, "hub.token_made")
	}}
	c.Flags().StringVar(&school, "school", "", "hub.flag_school")
	c.Flags().DurationVar(&ttl, "ttl", 720*time.Hour, "hub.flag_ttl")
	c.MarkFlagRequired("school")
	return c
}

func deviceCommand() *cobra.Command {
	return group("device", "hub.cmd_device", listDevicesCommand(), revokeCommand(), pinCommand())
}

// device is a device in JSON.
type device struct {
	ID       string `json:"id"`
	School   string `json:"school"`
	Enrolled string `json:"enrolled"`          // RFC 3339
	Revoked  string `json:"revoked,omitempty"` // RFC 3339
	By       string `json:"revoked_by,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func listDevicesCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "hub.cmd_device_list", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			var found []state.Device
			if err := d.get(ctx, "/v1/devices", nil, &found); err != nil {
				return err
			}
			out := make([]device, len(found))
			for i, f := range found {
				out[i] = device{ID: identity.FormatDevice(f.ID), School: f.School, Enrolled: node.Stamp(f.Enrolled),
					Revoked: node.Stamp(f.Revoked), By: f.RevokedBy, Reason: f.Reason}
			}
			return cli.Print(cmd, out, func(w io.Writer) {
				for _, o := range out {
					id := "hub.device"
					if o.Revoked != "" {
						id = "hub.device_revoked"
					}
					fmt.Fprintln(w, text.New(id, "id", o.ID, "school", o.School, "enrolled", o.Enrolled, "revoked", o.Revoked, "reason", o.Reason))
				}
			})
		})
	}}
}

func revokeCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "revoke ID", Short: "hub.cmd_device_revoke", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		id, err := identity.ParseDevice(args[0])
		if err != nil {
			return cli.Usage("hub.bad_device", "id", args[0])
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			res, err := d.propose(ctx, state.EncodeRevoke(state.Revoke{Device: id, Now: time.Now().Unix(), Account: account(), Reason: reason}))
			if err == nil {
				err = state.DecodeDone(res)
			}
			if err != nil {
				return node.Say(err)
			}
			return cli.Print(cmd, map[string]string{"id": args[0]}, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.revoked", "id", args[0]))
			})
		})
	}}
	c.Flags().StringVar(&reason, "reason", "", "hub.flag_reason")
	return c
}
