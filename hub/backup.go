package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"shangu/hub/node"
	"shangu/installer/host/cli"
	"shangu/installer/host/vault"
	"shangu/schema/text"
)

func backupCommand() *cobra.Command {
	var phrase string
	cmd := &cobra.Command{Use: "backup FILE", Short: "hub.cmd_backup", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		p, err := vault.PassphraseFile(phrase)
		if err != nil {
			return err
		}
		return through(cmd, func(ctx context.Context, d *door) error {
			h, err := backup(ctx, d, args[0], p)
			if err != nil {
				return err
			}
			if p == nil {
				fmt.Fprintln(cmd.ErrOrStderr(), text.New("hub.backup_plain"))
			}
			return cli.Print(cmd, h, func(w io.Writer) {
				fmt.Fprintln(w, text.New("hub.backed_up", "file", args[0], "index", h.Index))
			})
		})
	}}
	cmd.Flags().StringVar(&phrase, "passphrase-file", "", "hub.flag_backup_passphrase")
	return cmd
}

// backup writes a backup beside path, reads it back as a restore would, and
// only then gives it the name.
func backup(ctx context.Context, d *door, path string, p *vault.Passphrase) (h node.BackupHead, err error) {
	err = cli.Save(path, func(f io.Writer) error {
		return d.exchange(ctx, http.MethodGet, "/v1/backup", nil, nil, func(r io.Reader) error {
			if p == nil {
				_, err := io.Copy(f, r)
				return err
			}
			w, err := age.Encrypt(f, p)
			if err == nil {
				_, err = io.Copy(w, r)
			}
			if err == nil {
				err = w.Close()
			}
			return err
		})
	}, func(part string) (err error) {
		h, err = node.VerifyBackup(part, part+".check", p.Identities()...)
		return err
	})
	return h, err
}

func restoreCommand() *cobra.Command {
	var phrase string
	cmd := &cobra.Command{Use: "restore FILE", Short: "hub.cmd_restore", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		p, err := vault.PassphraseFile(phrase)
		if err != nil {
			return err
		}
		h, err := node.Restore(args[0], dir, node.Vault, time.Now(), p.Identities()...)
		if err != nil {
			return err
		}
		return cli.Print(cmd, h, func(w io.Writer) {
			id := "hub.restored"
			if h.Name == "" {
				id = "hub.restored_nameless"
			}
			fmt.Fprintln(w, text.New(id, "dir", dir, "name", h.Name, "index", h.Index))
		})
	}}
	cmd.Flags().StringVar(&phrase, "passphrase-file", "", "hub.flag_restore_passphrase")
	return cmd
}
