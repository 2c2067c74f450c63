package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

// pinCommand answers the challenge of somebody at a school who has forgotten a PIN.
func pinCommand() *cobra.Command {
	var q node.PINRequest
	c := &cobra.Command{Use: "pin", Short: "hub.cmd_device_pin", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		q.Device = strings.ToLower(q.Device)
		return through(cmd, func(ctx context.Context, d *door) error {
			var a node.PINAnswer
			if err := d.post(ctx, "/v1/device/pin", nil, q, &a); err != nil {
				return err
			}
			return cli.Print(cmd, a, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.pin_answer", "school", a.School, "device", a.Device, "role", role(a.Role), "answer", a.Answer))
			})
		})
	}}
	c.Flags().StringVar(&q.Device, "device", "", "hub.flag_pin_device")
	c.Flags().StringVar(&q.School, "school", "", "hub.flag_pin_school")
	c.Flags().StringVar(&q.Challenge, "challenge", "", "hub.flag_challenge")
	c.MarkFlagRequired("challenge")
	c.MarkFlagsOneRequired("device", "school")
	c.MarkFlagsMutuallyExclusive("device", "school")
	return c
}

// role names the sort of account that a challenge is for.
func role(n int) *text.Message {
	if n < 0 || n > 3 {
		return text.New("hub.role_other", "n", n)
	}
	return text.New(fmt.Sprintf("hub.role_%d", n))
}
