package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
	"shangu/installer/host/service"
	"shangu/schema/text"
)

func statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status [agent|hub]", Short: "installer.cmd_status", Args: someParts,
		RunE: func(cmd *cobra.Command, args []string) error {
			all := []service.Status{}
			for _, p := range chosen(args) {
				st, err := service.Query(cmd.Context(), p.service)
				if err != nil {
					return err
				}
				all = append(all, st)
			}
			return cli.Print(cmd, all, func(w io.Writer) {
				for _, st := range all {
					fmt.Fprintln(w, statusLine(st))
				}
			})
		},
	}
}

func statusLine(st service.Status) *text.Message {
	switch {
	case !st.Installed:
		return text.New("installer.status_absent", "name", st.Name)
	case !st.Running:
		return text.New("installer.status_stopped", "name", st.Name, "state", st.State, "dir", st.Dir)
	default:
		return text.New("installer.status_running", "name", st.Name, "pid", st.PID, "restarts", st.Restarts, "dir", st.Dir)
	}
}

// someParts allows no argument, meaning both parts, or one.
func someParts(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return onePart(cmd, args)
}

// chosen are the parts that the arguments name, checked already.
func chosen(args []string) []part {
	if len(args) == 0 {
		return parts
	}
	var out []part
	for _, p := range parts {
		if p.name == args[0] {
			out = append(out, p)
		}
	}
	return out
}
