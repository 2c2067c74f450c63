package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/installer/host/keycmd"
	"shangu/installer/host/vault"
	"shangu/schema/text"
)

// keyFacts is what the key commands print.
type keyFacts struct {
	Key string `json:"key"`
	vault.Recovery
}

// keyCommand shows and takes the key that this node's data is sealed under, and
// opens the recovery copies of schools.
func keyCommand() *cobra.Command {
	show := &cobra.Command{Use: "show", Short: "hub.cmd_key_show", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		k, err := vault.Find(dir)
		if err != nil {
			return err
		}
		return printKey(cmd, keyFacts{Key: vault.Format(k)})
	}}
	open := &cobra.Command{Use: "open FILE", Short: "hub.cmd_key_open", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		b, err := os.ReadFile(args[0])
		if err != nil {
			return text.Wrap(err, "vault.bad_recovery")
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			var r vault.Recovery
			if err := d.post(ctx, "/v1/key/open", nil, b[:min(len(b), vault.MaxRecovery)], &r); err != nil {
				return err
			}
			return printKey(cmd, keyFacts{Key: r.Key, Recovery: r})
		})
	}}
	return group("key", "hub.cmd_key", show, keycmd.Set("hub.cmd_key_set", node.SetKey), open)
}

func printKey(cmd *cobra.Command, k keyFacts) error {
	return cli.Print(cmd, k, func(w io.Writer) { fmt.Fprintln(w, k.Key) })
}
