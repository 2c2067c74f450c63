package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema"
	"shangu/schema/text"
)

func auditCommand() *cobra.Command {
	return group("audit", "audit.cmd", verifyAuditCommand(), showAuditCommand(), exportAuditCommand())
}

func verifyAuditCommand() *cobra.Command {
	return &cobra.Command{Use: "verify", Short: "audit.cmd_verify", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			var p node.Proof
			if err := d.get(ctx, "/v1/audit/verify", nil, &p); err != nil {
				return err
			}
			for i, f := range p.Problems {
				p.Problems[i].Why = text.Parse(f.Why).Error()
			}
			err := cli.Print(cmd, p, func(w io.Writer) {
				for _, f := range p.Problems {
					fmt.Fprintln(w, f.Why)
				}
				if len(p.Problems) == 0 {
					fmt.Fprintln(w, text.New("audit.whole", "count", p.Count, "head", p.Head, "packs", p.Packs, "entries", p.Entries, "chains", p.Chains))
					fmt.Fprintln(w, text.New("audit.digested", "docs", p.Docs, "scopes", p.Scopes))
				}
			})
			if err == nil && len(p.Problems) > 0 {
				err = text.New("audit.broken", "n", len(p.Problems), "first", p.Problems[0].Why)
			}
			return err
		})
	}}
}

func showAuditCommand() *cobra.Command {
	q := map[string]*string{"school": new(string), "device": new(string), "doc": new(string), "from": new(string), "to": new(string)}
	c := &cobra.Command{Use: "show", Short: "audit.cmd_show", Long: "audit.long_show", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			values := url.Values{}
			for name, v := range q {
				values.Set(name, *v)
			}
			lines := []node.Audited{}
			err := d.exchange(ctx, http.MethodGet, "/v1/audit/show", values, nil, func(r io.Reader) error {
				for dec := json.NewDecoder(r); ; {
					var a node.Audited
					if err := dec.Decode(&a); errors.Is(err, io.EOF) {
						return nil
					} else if err != nil {
						return err
					}
					a.What = text.Parse(a.What).Error()
					lines = append(lines, a)
				}
			})
			if err != nil {
				return err
			}
			return cli.Print(cmd, lines, func(w io.Writer) {
				for _, a := range lines {
					sayAudited(w, a)
				}
			})
		})
	}}
	c.Flags().StringVar(q["school"], "school", "", "audit.flag_school")
	c.Flags().StringVar(q["device"], "device", "", "audit.flag_device")
	c.Flags().StringVar(q["doc"], "doc", "", "audit.flag_doc")
	c.Flags().StringVar(q["from"], "from", "", "audit.flag_from")
	c.Flags().StringVar(q["to"], "to", "", "audit.flag_to")
	return c
}

func sayAudited(w io.Writer, a node.Audited) {
	if a.Doc == "" {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", a.N, schema.Clock(a.Time), a.Account, a.What)
		return
	}
	fmt.Fprintf(w, "%d\t%s\t%s\t%s %s %s\t%s\n", a.N, schema.Clock(a.Saved), a.Account, a.Scope, a.Kind, a.Doc, a.Device)
	for _, f := range a.Fields {
		if f.Old != "" {
			fmt.Fprintf(w, "\t%s: %s -> %s\n", f.Name, f.Old, f.New)
			continue
		}
		fmt.Fprintf(w, "\t%s: %s\n", f.Name, f.New)
	}
}

func exportAuditCommand() *cobra.Command {
	return &cobra.Command{Use: "export FILE", Short: "audit.cmd_export", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) (err error) {
		return through(cmd, func(ctx context.Context, d *door) error {
			err := cli.Save(args[0], func(f io.Writer) error {
				return d.exchange(ctx, http.MethodGet, "/v1/audit/export", nil, nil, func(r io.Reader) error {
					_, err := io.Copy(f, r)
					return err
				})
			}, nil)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), text.New("audit.exported", "file", args[0]))
			return nil
		})
	}}
}
