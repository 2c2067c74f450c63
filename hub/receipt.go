package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema"
	"shangu/schema/text"
)

func receiptCommand() *cobra.Command {
	verify := &cobra.Command{Use: "verify CODE", Short: "receipt.cmd_verify", Long: "receipt.long_verify", Args: cobra.MinimumNArgs(1)}
	verify.RunE = func(cmd *cobra.Command, args []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			var c node.Covered
			// Blanks in a code make several arguments of it.
			if err := d.get(ctx, "/v1/receipt", url.Values{"code": {strings.Join(args, " ")}}, &c); err != nil {
				return err
			}
			return cli.Print(cmd, c, func(w io.Writer) { sayCovered(w, c) })
		})
	}
	return group("receipt", "receipt.cmd", verify)
}

func sayCovered(w io.Writer, c node.Covered) {
	fmt.Fprintln(w, text.New("receipt.given", "code", c.Code, "name", c.Name, "school", c.School, "device", c.Device, "time", schema.Clock(c.Time), "record", c.Record))
	switch {
	case c.Kind == "day":
		fmt.Fprintln(w, text.New("receipt.day", "date", c.Date, "sheets", c.Sheets, "marks", c.Marks, "visits", c.Visits, "trainings", c.Trainings))
	case c.FarBack:
		fmt.Fprintln(w, text.New("receipt.far_back"))
		return
	default:
		fmt.Fprintln(w, text.New("receipt.record", "kind", c.DocKind, "doc", c.Doc, "account", c.Account, "saved", schema.Clock(c.Saved)))
		for _, f := range c.Fields {
			fmt.Fprintf(w, "  %s\t%s\n", f.Name, f.New)
		}
	}
	switch {
	case c.Quarantined:
		fmt.Fprintln(w, text.New("receipt.quarantined"))
	case c.Changed == 0:
		fmt.Fprintln(w, text.New("receipt.unchanged"))
	default:
		fmt.Fprintln(w, text.New("receipt.changed", "n", c.Changed, "by", c.ChangedBy, "at", schema.Clock(c.ChangedAt)))
	}
}
