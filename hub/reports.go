package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"shangu/hub/node"
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
	return group("report", "hub.cmd_report", summaryCommand())
}

func summaryCommand() *cobra.Command {
	return &cobra.Command{Use: "summary", Short: "hub.cmd_report_summary", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			var rows []node.Row
			if err := d.get(ctx, "/v1/summary", nil, &rows); err != nil {
				return err
			}
			return cli.Print(cmd, rows, func(w io.Writer) {
				for _, r := range rows {
					fmt.Fprintln(w, text.New("hub.summary_row", "school", r.School, "name", r.Name, "pupils", r.Pupils, "sheets", r.Sheets,
						"marks", r.Marks, "visits", r.Visits, "trainings", r.Trainings, "seen", r.LastSeen, "pending", r.Pending,
						"conflicts", r.Conflicts, "quarantined", r.Quarantined))
				}
			})
		})
	}}
}
