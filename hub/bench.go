package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/bench"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func benchCommand() *cobra.Command {
	var o bench.Options
	c := &cobra.Command{Use: "bench", Short: "hub.cmd_bench", Args: cobra.NoArgs}
	c.Flags().IntSliceVar(&o.Schools, "schools", []int{1, 16, 64, 256}, "hub.flag_bench_schools")
	c.Flags().DurationVar(&o.For, "for", 10*time.Second, "hub.flag_bench_for")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "hub.flag_bench_seed")
	c.Flags().StringVar(&o.Profile, "profile", "", "hub.flag_bench_profile")
	c.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if o.Program, err = os.Executable(); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if o.Profile != "" {
			if err := os.MkdirAll(o.Profile, 0o700); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
		}
		tmp, err := os.MkdirTemp("", "hub-bench-")
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		defer os.RemoveAll(tmp)
		o.Dir = filepath.Join(tmp, "nodes")
		o.Note = func(s string) { fmt.Fprintln(cmd.ErrOrStderr(), s) }
		r, err := bench.Measure(cmd.Context(), o)
		if err != nil {
			return err
		}
		return cli.Print(cmd, r, func(w io.Writer) {
			whole := func(x float64) int64 { return int64(x + 0.5) }
			fmt.Fprintln(w, text.New("hub.bench_raft", "commands", whole(r.Raft.Commands)))
			for _, run := range r.Runs {
				fmt.Fprintln(w, text.New("hub.bench_run", "schools", run.Schools, "pushes", whole(run.PerSecond),
					"documents", whole(run.Documents), "p50", whole(run.P50), "p99", whole(run.P99), "failures", run.Failures))
			}
		})
	}
	c.AddCommand(heartsCommand())
	return c
}

// heartsCommand is a part of a storm that has a process of its own, and is of
// no use to anybody else.
func heartsCommand() *cobra.Command {
	return &cobra.Command{Use: "hearts", Short: "hub.cmd_bench_hearts", Args: cobra.NoArgs, Hidden: true, RunE: func(cmd *cobra.Command, _ []string) error {
		return bench.Hearts(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
	}}
}
