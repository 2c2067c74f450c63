// Command hub is the district's side: one node of a cluster that takes what
// schools recorded, keeps it, and shows what others recorded.
//
//	hub init                     a new district (init.go)
//	hub serve                    a node in the foreground (serve.go)
//	hub status                   how the cluster fares (status.go)
//	hub node ...                 its members (members.go)
//	hub district load DIR        schools, agreements, calendar (district.go)
//	hub token, hub device ...    who may come in (devices.go)
//	hub digest, hub report ...   what the hub holds (reports.go)
//	hub quarantine ...           entries that broke a rule (quarantine.go)
//	hub audit, hub receipt       who changed what, and what a code covers (audit.go, receipt.go)
//	hub bundle, hub pack         schools that come by stick (bundle.go)
//	hub backup, hub restore      (backup.go)
//	hub recover                  after the loss of a majority (recover.go)
//	hub bench                    what this machine can take (bench.go)
//
// Commands act through the node that runs in --dir; door.go is how they reach it.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
)

func main() { os.Exit(cli.Main(root())) }

func root() *cobra.Command {
	root := cli.New("hub", "hub.cmd_root")
	root.AddCommand(initCommand(), serveCommand(), statusCommand(), nodeCommand(), districtCommand(),
		tokenCommand(), deviceCommand(), digestCommand(), reportCommand(), quarantineCommand(), auditCommand(), receiptCommand(), bundleCommand(), packCommand(),
		backupCommand(), restoreCommand(), recoverCommand(), benchCommand(), keyCommand())
	return root
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return cli.Usage("hub.which_command", "command", cmd.CommandPath())
	}}
	c.AddCommand(commands...)
	return c
}
