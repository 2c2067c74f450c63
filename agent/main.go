// Command agent is the school's side: it keeps what the school records, on its
// own machine, and brings it to the district whenever there is a link.
//
//	run      the service in the foreground: page, local door, sessions
//	enroll   keep hub and token for the first contact
//	import   a table into the store
//	export   a table out of it
//	sync     one session now
//	bundle   a session by stick: what is to be carried, and replies
//	status   where things stand
//	date     today's date, and its confirmation
//	digest   digests by kind and month
//	quarantine  what the district could not take, and what became of it
//	receipt  the sheet of a day: what is safe, with its codes
//	verify   journal and store against each other
//	backup   all that the store cannot do without, into a file
//	account  who may use the pages, and their PINs
//	key      the key that the data is sealed under
//	restore  a data directory from such a file
//
// Each command has a file of its own. All but run and restore ask the service that runs on
// --dir, or open the data themselves when none does.
package main

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
)

// The agent lives on school computers that have little memory to spare. The
// environment's GOMEMLIMIT and GOGC go before.
const (
	memoryLimit = 40 << 20
	gcPercent   = 50
)

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(cli.Main(root()))
}

// built is when this program was made, as far as it knows.
func built() time.Time {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

func root() *cobra.Command {
	c := cli.New("agent", "agent.cmd_root")
	c.AddCommand(runCommand(), enrollCommand(), importCommand(), exportCommand(),
		syncCommand(), bundleCommand(), statusCommand(), dateCommand(), digestCommand(), quarantineCommand(), receiptCommand(), verifyCommand(), backupCommand(), accountCommand(), keyCommand(), restoreCommand())
	return c
}
