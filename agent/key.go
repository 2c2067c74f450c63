package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/installer/host/vault"
	"shangu/schema/text"
)

// keyCommand is for the day when the operating system has lost the key of the
// data: the district reads it from key.recovery, and set gives it back.
func keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "agent.cmd_key", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	set := &cobra.Command{Use: "set KEY", Short: "agent.cmd_key_set", Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		k, err := vault.FromArgs(args)
		if err != nil {
			return err
		}
		held, err := local.Lock(dir)
		if err != nil {
			return err
		}
		defer held.Release()
		if err := vault.Set(dir, service.KeyProbe, k); err != nil {
			return err
		}
		return cli.Print(cmd, map[string]string{"dir": dir}, func(w io.Writer) { fmt.Fprintln(w, text.New("vault.kept", "dir", dir)) })
	}}
	cmd.AddCommand(set)
	return cmd
}
