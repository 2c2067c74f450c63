package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/schema/text"
	"shangu/sync/bundle"
	"shangu/sync/disk"
)

// packTTL is how long a school pack lets a machine in: it may travel over two
// passes, and lie about.
const packTTL = 180 * 24 * time.Hour

func packCommand() *cobra.Command {
	var school string
	var ttl time.Duration
	c := &cobra.Command{Use: "pack OUT", Short: "hub.cmd_pack", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return through(cmd, func(ctx context.Context, d *door) error {
			b, err := d.pack(ctx, node.PackRequest{School: school, TTL: ttl})
			if err != nil {
				return err
			}
			p, err := bundle.ReadPack(b)
			if err != nil {
				return err
			}
			path, _ := bundle.Place(args[0], bundle.PackName(school))
			err = bundle.Put(disk.OS, path, func(w io.Writer) error {
				_, err := w.Write(b)
				return err
			})
			if err != nil {
				return err
			}
			facts := map[string]any{"school": p.School, "name": p.Name, "file": path, "expires": node.Stamp(p.Expires), "hubs": p.Hubs}
			return cli.Print(cmd, facts, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.packed", "school", p.School, "name", p.Name, "file", path, "expires", node.Stamp(p.Expires)))
			})
		})
	}}
	c.Flags().StringVar(&school, "school", "", "hub.flag_school")
	c.Flags().DurationVar(&ttl, "ttl", packTTL, "hub.flag_ttl")
	c.MarkFlagRequired("school")
	return c
}

func bundleCommand() *cobra.Command {
	return group("bundle", "hub.cmd_bundle", importBundlesCommand())
}

// imported is what became of one file.
type imported struct {
	File string `json:"file"`
	node.Bundle
	Problem string `json:"problem,omitempty"` // why the reply is not on the stick, or the file could not be read or served
}

// importedAll is what `bundle import` prints.
type importedAll struct {
	Files   []imported `json:"files"`
	Schools int        `json:"schools"`
	Applied uint64     `json:"applied"`
	Replies int        `json:"replies"`
	Refused int        `json:"refused"`
}

func importBundlesCommand() *cobra.Command {
	var reply string
	c := &cobra.Command{Use: "import FILE-or-DIR...", Short: "hub.cmd_bundle_import", Long: "hub.long_bundle_import", Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		files, err := bundles(args)
		if err != nil {
			return err
		}
		if !folder(reply) {
			return text.New("bundle.no_dir", "dir", reply)
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			out := d.importAll(ctx, files, reply)
			err := cli.Print(cmd, out, func(w io.Writer) {
				for _, f := range out.Files {
					sayImported(w, f)
				}
				fmt.Fprintln(w, text.New("hub.bundles_done", "files", len(out.Files), "schools", out.Schools, "applied", out.Applied,
					"replies", out.Replies, "refused", out.Refused))
			})
			if err == nil && out.Refused > 0 {
				err = text.New("hub.bundles_refused", "n", out.Refused, "all", len(out.Files))
			}
			return err
		})
	}}
	c.Flags().StringVar(&reply, "reply", "", "hub.flag_reply")
	return c
}

// bundles lists the files to import: those named, and in folders those that are
// named as bundles are. A courier's stick holds all sorts of things.
func bundles(args []string) (files []string, err error) {
	for _, a := range args {
		st, err := os.Stat(a)
		if err != nil {
			return nil, text.Wrap(err, "hub.bundle_unreadable", "file", a, "cause", err)
		}
		if !st.IsDir() {
			files = append(files, a)
			continue
		}
		names, err := disk.OS.List(a)
		if err != nil {
			return nil, text.Wrap(err, "hub.bundle_unreadable", "file", a, "cause", err)
		}
		for _, f := range bundle.Pick(names, bundle.Up) {
			files = append(files, filepath.Join(a, f))
		}
	}
	if len(files) == 0 {
		return nil, text.New("hub.no_bundles", "where", args[0])
	}
	return files, nil
}

// folder reports whether replies can go to dir. A folder on a stick is made; the
// stick itself has to be there.
func folder(dir string) bool {
	if dir == "" {
		return true
	}
	if st, err := os.Stat(dir); err == nil {
		return st.IsDir()
	}
	return os.Mkdir(dir, 0o700) == nil
}

// importAll imports one file after the other and goes on after a bad one. A file
// that begins where another has yet to lead is tried again at the end.
func (d *door) importAll(ctx context.Context, files []string, reply string) importedAll {
	out := importedAll{Files: make([]imported, len(files))}
	for i, f := range files {
		out.Files[i] = d.importOne(ctx, f, reply)
	}
	for again := true; again && ctx.Err() == nil; {
		again = false
		for i, f := range files {
			if !out.Files[i].Again {
				continue
			}
			if r := d.importOne(ctx, f, reply); !r.Again && r.Problem == "" {
				out.Files[i], again = r, true
			}
		}
	}
	schools, replies := map[string]bool{}, map[string]bool{}
	for _, f := range out.Files {
		out.Applied += f.Applied
		if f.Refused != "" || f.Problem != "" {
			out.Refused++
			continue
		}
		schools[f.School] = true
		if f.Reply != "" {
			replies[f.Device] = true
		}
	}
	out.Schools, out.Replies = len(schools), len(replies)
	return out
}

func (d *door) importOne(ctx context.Context, name, reply string) (out imported) {
	out.File = name
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var st os.FileInfo
		if st, err = f.Stat(); err == nil && !st.Mode().IsRegular() {
			err = errors.New(st.Mode().Type().String())
		}
	}
	if err != nil {
		out.Problem = text.Wrap(err, "hub.bundle_unreadable", "file", name, "cause", err).Error()
		return out
	}
	err = d.ask(ctx, http.MethodPost, "/v1/bundle", f, func(resp *http.Response) error {
		if err := json.Unmarshal([]byte(resp.Header.Get(node.BundleHeader)), &out.Bundle); err != nil {
			return err
		}
		if out.Refused != "" {
			out.Refused = text.Parse(out.Refused).Error()
		}
		if out.Reply == "" || reply == "" {
			out.Reply = ""
			return nil
		}
		path, _ := bundle.Place(reply, out.Reply)
		err := bundle.Put(disk.OS, path, func(w io.Writer) error {
			n, err := io.Copy(w, resp.Body)
			if err == nil && n != resp.ContentLength {
				err = io.ErrUnexpectedEOF
			}
			return err
		})
		if err == nil {
			err = bundle.Sweep(disk.OS, filepath.Dir(path), out.Reply)
		}
		out.Reply = path
		return err
	})
	if err != nil {
		out.Problem, out.Reply = node.Say(err).Error(), ""
	}
	return out
}

func sayImported(w io.Writer, f imported) {
	switch {
	case f.Problem != "":
		fmt.Fprintln(w, text.New("hub.bundle_problem", "file", f.File, "problem", f.Problem))
	case f.Refused != "":
		fmt.Fprintln(w, text.New("hub.bundle_refused", "file", f.File, "reason", f.Refused))
	case f.Again:
		fmt.Fprintln(w, text.New("hub.bundle_again", "file", f.File, "school", f.School))
	default:
		fmt.Fprintln(w, text.New("hub.bundle_taken", "file", f.File, "school", f.School, "applied", f.Applied, "known", f.Known,
			"conflicts", f.Conflicts, "quarantined", f.Quarantined))
	}
	if f.Enrolled {
		fmt.Fprintln(w, text.New("hub.bundle_enrolled", "device", f.Device, "school", f.School))
	}
}

// pack asks for a school pack.
func (d *door) pack(ctx context.Context, q node.PackRequest) (pack []byte, err error) {
	err = d.postFor(ctx, "/v1/pack", nil, q, func(r io.Reader) error {
		pack, err = io.ReadAll(io.LimitReader(r, bundle.MaxPackFile+1))
		return err
	})
	return pack, err
}
