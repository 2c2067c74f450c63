package main

import (
	"github.com/spf13/cobra"

	"shangu/agent/service"
	"shangu/installer/host/keycmd"
	"shangu/installer/host/vault"
	"shangu/sync/seal"
)

// keyCommand is for the day when the operating system has lost the key of the
// data: the district reads it from key.recovery, and set gives it back.
func keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "agent.cmd_key", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(keycmd.Set("agent.cmd_key_set", func(dir string, k seal.Key) error { return vault.Set(dir, service.KeyProbe, k) }))
	return cmd
}
