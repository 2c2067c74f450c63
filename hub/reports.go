package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shangu/hub/report"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func digestCommand() *cobra.Command {
	var school string
	c := &cobra.Command{Use: "digest", Short: "hub.cmd_digest", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			var sums map[string]map[string]string
			if err := d.get(ctx, "/v1/digest", url.Values{"school": {school}}, &sums); err != nil {
				return err
			}
			return cli.Print(cmd, sums, func(w io.Writer) {
				for _, kind := range slices.Sorted(maps.Keys(sums)) {
					for _, month := range slices.Sorted(maps.Keys(sums[kind])) {
						fmt.Fprintln(w, kind, month, sums[kind][month])
					}
				}
			})
		})
	}}
	c.Flags().StringVar(&school, "school", "", "hub.flag_school")
	c.MarkFlagRequired("school")
	return c
}

func reportCommand() *cobra.Command {
	var out string
	c := &cobra.Command{Use: "report NAME", Short: "hub.cmd_report", Args: cobra.ExactArgs(1), ValidArgs: report.Names()}
	c.Flags().StringVar(&out, "out", "", "hub.flag_out")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(report.Names(), args[0]) {
			return cli.Usage("report.unknown", "name", args[0], "names", strings.Join(report.Names(), " "))
		}
		format := strings.TrimPrefix(strings.ToLower(filepath.Ext(out)), ".")
		if out == "" {
			if format = "csv"; cli.JSON(cmd) {
				format = "json"
			}
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			b, err := d.bytes(ctx, "/v1/report", url.Values{"name": args, "format": {format}})
			if err != nil {
				return err
			}
			if out == "" {
				_, err = cmd.OutOrStdout().Write(b)
				return err
			}
			if err := cli.SaveBytes(out, b); err != nil {
				return err
			}
			return cli.Print(cmd, map[string]string{"file": out}, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.report_done", "file", out))
			})
		})
	}
	return c
}
