package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/schema"
	"shangu/schema/text"
)

func receiptCommand() *cobra.Command {
	var record string
	cmd := &cobra.Command{Use: "receipt DATE", Short: "agent.cmd_receipt", Long: "agent.long_receipt", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			s, err := d.Receipt(ctx, args[0], record)
			if err != nil {
				return err
			}
			for i := range s.Records {
				s.Records[i] = s.Records[i].Words()
			}
			return cli.Print(cmd, s, func(w io.Writer) { writeSheet(w, s) })
		})
	}
	cmd.Flags().StringVar(&record, "record", "", "agent.flag_receipt_record")
	return cmd
}

// writeSheet prints a sheet for the folder, as wide as a line of A4.
func writeSheet(w io.Writer, s service.DaySheet) {
	title := text.New("agent.receipt_title", "name", s.Name, "school", s.School, "date", s.Date)
	if s.School == "" {
		title = text.New("agent.receipt_title_none", "date", s.Date)
	}
	fmt.Fprintln(w, title)
	fmt.Fprintln(w)
	for _, r := range s.Records {
		fmt.Fprintf(w, "%s  %s\n", text.New("agent.receipt_"+r.State), r.What)
		line := text.New("agent.receipt_by", "by", r.By, "time", schema.Clock(r.Time)).Error()
		switch {
		case r.Code != "":
			fmt.Fprintf(w, "      %s  %s\n", r.Code, line)
		case r.State == "elsewhere":
			fmt.Fprintf(w, "      %s\n", text.New("agent.receipt_other"))
		default:
			fmt.Fprintf(w, "      %s\n", text.New("agent.receipt_no_code"))
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, text.New("agent.receipt_sum", "n", len(s.Records), "safe", s.Safe, "waiting", s.Waiting))
	if s.Code != "" {
		fmt.Fprintln(w, text.New("agent.receipt_day", "code", s.Code, "time", schema.Clock(s.Time)))
		fmt.Fprintln(w, text.New("agent.receipt_how"))
	}
}
