package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"shangu/installer/drill"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func drillCommand() *cobra.Command {
	var o drill.Options
	var list bool
	cmd := &cobra.Command{
		Use: "drill [NAME...]", Short: "drill.cmd", Long: "drill.long",
		RunE: func(cmd *cobra.Command, names []string) error {
			drills, err := drillsNamed(names)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if list {
				for _, d := range drills {
					fmt.Fprintf(out, "%-10s %s: %s\n", d.Name, d.Fault(), d.Made())
				}
				return nil
			}
			here, err := os.Getwd()
			if err != nil {
				return err
			}
			o.Source = drill.Source(here)
			if o.Bin == "" {
				o.Bin = beside()
			}
			if o.Seed == 0 {
				o.Seed = uint64(time.Now().UnixNano())
			}
			progress := cmd.ErrOrStderr()
			o.Log = slog.New(slog.NewTextHandler(progress, nil))
			fmt.Fprintln(progress, text.New("drill.seed", "seed", o.Seed))
			failed := 0
			o.Each = func(r drill.Row) {
				mark := "ok"
				switch {
				case r.Skipped != "":
					mark = "--"
				case r.Failed():
					mark = "!!"
					failed++
				}
				fmt.Fprintf(progress, "%s %s  %s\n", mark, r.Name, r.Took.Round(time.Second/10))
				for _, what := range r.Lost {
					fmt.Fprintln(progress, what)
				}
				if r.Err != nil {
					fmt.Fprintln(progress, r.Err)
				}
			}
			rows, err := drill.Run(cmd.Context(), drills, o)
			if err != nil {
				return err
			}
			if err := drill.Table(out, rows, text.Default()); err != nil {
				return err
			}
			if failed > 0 {
				return text.New("drill.some_failed", "n", failed, "all", len(rows))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "drill.flag_list")
	f.BoolVar(&o.Long, "long", false, "drill.flag_long")
	f.IntVar(&o.N, "n", 0, "drill.flag_n")
	f.Uint64Var(&o.Seed, "seed", 0, "drill.flag_seed")
	f.StringVar(&o.Bin, "bin", "", "drill.flag_bin")
	return cmd
}

// drillsNamed are the named drills, or all.
func drillsNamed(names []string) ([]drill.Drill, error) {
	if len(names) == 0 {
		return drill.All(), nil
	}
	var out []drill.Drill
names:
	for _, n := range names {
		for _, d := range drill.All() {
			if d.Name == n {
				out = append(out, d)
				continue names
			}
		}
		return nil, cli.Usage("drill.unknown", "name", n)
	}
	return out, nil
}

// beside is the folder of this program if agent and hub stand there too.
func beside() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	dir := filepath.Dir(self)
	for _, p := range parts {
		if _, err := os.Stat(filepath.Join(dir, exe(p.name))); err != nil {
			return ""
		}
	}
	return dir
}
