package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/hub/state"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func quarantineCommand() *cobra.Command {
	return group("quarantine", "hub.cmd_quarantine", listQuarantineCommand(), showQuarantineCommand(),
		settleCommand("fix", state.Fix), settleCommand("drop", state.Drop))
}

// account is who commands on this machine act for.
func account() string {
	if u, err := user.Current(); err == nil {
		return "hub:" + u.Username
	}
	return "hub"
}

func listQuarantineCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{Use: "list", Short: "hub.cmd_quarantine_list", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			q := url.Values{}
			if all {
				q.Set("all", "1")
			}
			var found []node.Quarantined
			if err := d.get(ctx, "/v1/quarantine", q, &found); err != nil {
				return err
			}
			return cli.Print(cmd, found, func(w io.Writer) {
				for _, f := range found {
					sayQuarantined(w, f)
				}
			})
		})
	}}
	c.Flags().BoolVar(&all, "all", false, "hub.flag_all")
	return c
}

func sayQuarantined(w io.Writer, q node.Quarantined) {
	fmt.Fprintln(w, text.New("hub.quarantined", "ref", q.Ref, "kind", q.Kind, "doc", q.Doc, "reason", q.Reason, "state", q.State))
}

// find splits SCHOOL/ID, which list prints.
func find(ref string) (url.Values, error) {
	school, id, ok := strings.Cut(ref, "/")
	if !ok {
		return nil, cli.Usage("hub.bad_ref", "ref", ref)
	}
	return url.Values{"school": {school}, "id": {id}}, nil
}

func showQuarantineCommand() *cobra.Command {
	return &cobra.Command{Use: "show SCHOOL/ID", Short: "hub.cmd_quarantine_show", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		q, err := find(args[0])
		if err != nil {
			return err
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			var f node.Quarantined
			if err := d.get(ctx, "/v1/quarantine/show", q, &f); err != nil {
				return err
			}
			return cli.Print(cmd, f, func(w io.Writer) {
				sayQuarantined(w, f)
				for _, field := range f.Fields {
					fmt.Fprintf(w, "  %s\t%s\n", field.Name, field.Value)
				}
			})
		})
	}}
}

// settleCommand closes a quarantined entry: fix writes it as it is, or with
// corrected fields, by the district's hand; drop leaves it unwritten.
func settleCommand(verb string, do state.Settlement) *cobra.Command {
	var note, doc string
	var set []string
	c := &cobra.Command{Use: verb + " SCHOOL/ID", Short: "hub.cmd_quarantine_" + verb, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		q, err := find(args[0])
		if err != nil {
			return err
		}
		if do == state.Drop && strings.TrimSpace(note) == "" {
			return cli.Usage("hub.drop_needs_note")
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			s := state.Settle{School: q.Get("school"), ID: q.Get("id"), Do: do, Account: account(), Note: note, Now: time.Now().Unix(), DocID: doc}
			if len(set) > 0 {
				var f node.Quarantined
				if err := d.get(ctx, "/v1/quarantine/show", q, &f); err != nil {
					return err
				}
				if s.Fields, err = f.Correct(set); err != nil {
					return err
				}
			}
			res, err := d.propose(ctx, state.EncodeSettle(s))
			if err != nil {
				return err
			}
			r, err := state.DecodeAuthor(res)
			if err != nil {
				return sayRefused(err, r)
			}
			return cli.Print(cmd, map[string]any{"ref": args[0], "done": verb, "applied": r.Applied}, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.settled_"+verb, "ref", args[0]))
			})
		})
	}}
	c.Flags().StringVar(&note, "note", "", "hub.flag_note")
	if do == state.Fix {
		c.Flags().StringVar(&doc, "doc", "", "hub.flag_doc")
		c.Flags().StringArrayVar(&set, "set", nil, "hub.flag_set")
	}
	return c
}

// sayRefused tells which rule an operator's change breaks.
func sayRefused(err error, r state.AuthorResult) error {
	if r.Reason != "" {
		return text.Wrap(err, "hub.change_refused", "number", r.Refused+1, "reason", text.Parse(r.Reason))
	}
	return node.Say(err)
}
