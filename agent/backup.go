package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/installer/host/vault"
	"shangu/schema/text"
	"shangu/sync/seal"
)

// backedUp is what backup and restore print.
type backedUp struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	// Sealed: to a passphrase, or to the district and this machine.
	Sealed bool `json:"sealed"`
	service.Manifest
}

func backupCommand() *cobra.Command {
	var phrase string
	cmd := &cobra.Command{Use: "backup FILE", Short: "agent.cmd_backup", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&phrase, "passphrase-file", "", "agent.flag_backup_passphrase")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := vault.PassphraseFile(phrase)
		if err != nil {
			return err
		}
		return knock(cmd, false, func(ctx context.Context, d door) error {
			b, err := backup(args[0], func(w io.Writer) error {
				if p == nil {
					return d.Backup(ctx, w, false)
				}
				sealed, err := age.Encrypt(w, p)
				if err == nil {
					err = d.Backup(ctx, sealed, true)
				}
				if err == nil {
					err = sealed.Close()
				}
				return err
			}, p.Identities()...)
			if err != nil {
				return err
			}
			if !b.Sealed {
				fmt.Fprintln(cmd.ErrOrStderr(), text.New("agent.backup_plain"))
			}
			return cli.Print(cmd, b, func(w io.Writer) {
				fmt.Fprintln(w, text.New("agent.backup_done", "file", b.File, "pending", b.Pending, "safe", b.Safe))
			})
		})
	}
	return cmd
}

// backup writes a file beside its place, reads it back, and only then gives it
// its name: an older backup of that name is there until the new one is whole.
func backup(name string, write func(io.Writer) error, given ...age.Identity) (b backedUp, err error) {
	b.File = name
	return b, cli.Save(name, write, func(part string) error {
		f, err := os.Open(part)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		b.Bytes = st.Size()
		plain, sealed, err := service.Unseal(f, given...)
		if err != nil {
			return err
		}
		b.Sealed = sealed
		b.Manifest, err = service.CheckBackup(plain)
		return err
	})
}

func restoreCommand() *cobra.Command {
	var keyFile, phrase string
	cmd := &cobra.Command{Use: "restore FILE", Short: "agent.cmd_restore", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&keyFile, "key-file", "", "agent.flag_key_file")
	cmd.Flags().StringVar(&phrase, "passphrase-file", "", "agent.flag_restore_passphrase")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		if service.Exists(dir) {
			return text.New("agent.restore_over", "dir", dir)
		}
		f, err := intake.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return text.Wrap(err, "agent.write_file", "file", dir)
		}
		held, err := local.Lock(dir)
		if err != nil {
			return err
		}
		defer held.Release()
		p, err := vault.PassphraseFile(phrase)
		if err != nil {
			return err
		}
		given := p.Identities()
		if keyFile != "" {
			k, err := vault.ReadKey(keyFile)
			if err != nil {
				return text.Wrap(err, "vault.bad_text")
			}
			given = append(given, seal.Identity{Key: k})
		}
		plain, sealed, err := service.Unseal(f, given...)
		if err != nil {
			return err
		}
		keep := func(k seal.Key) (seal.Key, error) {
			if k.IsZero() {
				return vault.Open(dir, service.KeyProbe, rand.Reader)
			}
			return k, vault.Adopt(dir, service.KeyProbe, k)
		}
		m, err := service.Restore(service.Options{Dir: dir, Keep: keep, Version: cli.Version()}, plain)
		if err != nil {
			return err
		}
		return cli.Print(cmd, backedUp{args[0], st.Size(), sealed, m}, func(w io.Writer) {
			fmt.Fprintln(w, text.New("agent.restore_done", "dir", dir, "pending", m.Pending))
		})
	}
	return cmd
}
