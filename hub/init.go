package main

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func initCommand() *cobra.Command {
	var name string
	c := &cobra.Command{Use: "init", Short: "hub.cmd_init", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		return node.Init(dir, name, node.Vault, rand.Reader, func(f node.Founding) error {
			return cli.Print(cmd, f, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.init_done", "dir", dir, "operator", f.Operator, "password", f.Password))
			})
		})
	}}
	c.Flags().StringVar(&name, "name", "", "hub.flag_name")
	return c
}
