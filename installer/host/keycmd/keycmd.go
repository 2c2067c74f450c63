// Package keycmd is the command `key set`, which agent and hub have alike: a
// person gives back the key of a data directory that the operating system lost.
//
// It imports installer/host/cli, local and vault, and knows nothing of what lies
// in the directory.
package keycmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/installer/host/vault"
	"shangu/schema/text"
	"shangu/sync/seal"
)

// Set makes the command. short is the id of its sentence in the help; keep checks
// the key against the directory's data and keeps it.
func Set(short string, keep func(dir string, k seal.Key) error) *cobra.Command {
	return &cobra.Command{Use: "set KEY", Short: short, Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
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
		if err := keep(dir, k); err != nil {
			return err
		}
		return cli.Print(cmd, map[string]string{"dir": dir}, func(w io.Writer) { fmt.Fprintln(w, text.New("vault.kept", "dir", dir)) })
	}}
}
