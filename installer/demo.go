package main

import (
	"os"

	"github.com/spf13/cobra"

	"shangu/installer/demo"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func demoCommand() *cobra.Command {
	var exit bool
	cmd := &cobra.Command{
		Use: "demo", Short: "installer.cmd_demo", Long: "installer.long_demo", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := demo.Options{Out: cmd.OutOrStdout(), In: os.Stdin, Exit: exit, Version: cli.Version(), Langs: []text.Lang{text.ZH, text.EN}}
			if cmd.Flags().Changed("lang") {
				o.Langs = []text.Lang{text.Default()}
			}
			if cmd.Flags().Changed("dir") {
				dir, err := cli.Dir(cmd)
				if err != nil {
					return err
				}
				o.Dir = dir
			}
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&exit, "exit", false, "installer.flag_exit")
	return cmd
}
