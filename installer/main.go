// Command installer puts the agent or the hub on a machine as a service, looks
// after it, and shows the whole product on one machine.
//
//	installer install agent|hub   as a system service (install.go)
//	installer uninstall agent|hub take it away again, data stays (install.go)
//	installer status              what is installed and running (status.go)
//	installer doctor              what is wrong with it, in plain words (doctor.go)
//	installer demo                a district on one machine (demo/)
//	installer drill               faults made on purpose, and what they lost (drill/)
package main

import (
	"os"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
)

func main() { os.Exit(cli.Main(root())) }

func root() *cobra.Command {
	root := cli.New("installer", "installer.cmd_root")
	// Each service has a data directory of its own, so none is the default of all.
	dir := root.PersistentFlags().Lookup("dir")
	dir.DefValue, dir.Usage = "", "installer.flag_dir"
	dir.Value.Set("")
	root.AddCommand(installCommand(), uninstallCommand(), statusCommand(), doctorCommand(), demoCommand(), drillCommand())
	return root
}
