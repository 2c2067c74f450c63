package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shangu/agent/service"
	"shangu/agent/web/front"
	"shangu/installer/host/cli"
	"shangu/schema"
	"shangu/schema/text"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "agent.cmd_status", Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			s, err := d.Status(ctx)
			if err != nil {
				return err
			}
			s = inWords(s)
			return cli.Print(cmd, s, func(w io.Writer) { writeStatus(w, s) })
		})
	}
	return cmd
}

func writeStatus(w io.Writer, s service.Status) {
	line := func(id string, v any) { fmt.Fprintf(w, "%s: %v\n", text.New(id), v) }
	school := s.School
	if school == "" {
		school = text.New("agent.page_no_school").Error()
	}
	last := text.New("agent.page_never").Error()
	if s.LastSync != "" {
		last = schema.Clock(s.LastSync)
	}
	for _, n := range s.Notices {
		fmt.Fprintf(w, "%s: %s\n", n.Level.Word(), n.Text)
	}
	line("agent.status_school", school)
	line("agent.page_pending", s.Pending)
	line("agent.page_safe", s.Safe)
	line("agent.page_conflicts", s.Conflicts)
	line("agent.page_quarantined", s.Quarantined)
	line("agent.page_docs", s.Docs)
	line("agent.page_last_sync", last)
	if s.LastError != "" {
		line("agent.page_last_error", s.LastError)
	}
	if len(s.Hubs) > 0 {
		line("agent.page_hubs", strings.Join(s.Hubs, " "))
	}
	line("agent.page_disk", front.Size(s.DiskFree))
	line("agent.page_device", s.Device)
	line("agent.status_epoch", s.Epoch)
	line("agent.page_version", s.Version)
}
