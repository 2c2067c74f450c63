package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"shangu/agent/account"
	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/installer/host/vault"
	"shangu/schema/text"
)

// door is what commands ask: the running service, or the data itself.
type door interface {
	Status(context.Context) (service.Status, error)
	Digest(context.Context) (map[string]map[string]string, error)
	Quarantine(ctx context.Context, settled bool) ([]service.Quarantined, error)
	Receipt(ctx context.Context, date, id string) (service.DaySheet, error)
	Sync(ctx context.Context, timeout time.Duration) error
	Enrol(ctx context.Context, hubs []string, token string) (service.Enrolled, error)
	EnrolPack(ctx context.Context, pack []byte) (service.Enrolled, error)
	ExportBundle(ctx context.Context, take func(service.Bundled, io.Reader) error) error
	ImportBundle(ctx context.Context, src io.ReaderAt, size int64) (service.Returned, error)
	Import(context.Context, service.Import) (service.Imported, error)
	Export(ctx context.Context, kind intake.Kind, name string, v intake.OneVersion, w io.Writer) error
	Backup(ctx context.Context, w io.Writer, open bool) error
	DateQuestion(ctx context.Context) (service.DateQuestion, error)
	ConfirmDate(ctx context.Context, date string) (service.DateQuestion, error)
	Verify(ctx context.Context, repair bool) (service.Verified, error)
	Accounts(context.Context) ([]service.Account, error)
	AddAccount(ctx context.Context, name string, role account.Role, pin string) (service.Account, error)
	SetPIN(ctx context.Context, name, pin string) error
	ResetAccounts(context.Context) error
}

// reachPatience is how long a command waits for a service that is starting, or
// for another command to be done with the data.
const reachPatience = 20 * time.Second

// knock finds the door of a directory and does its work there. make says
// whether a directory without data gets some.
func knock(cmd *cobra.Command, make bool, work func(context.Context, door) error) error {
	return knockWith(cmd, make, service.Options{}, work)
}

// knockWith is knock with more to say to data that no service has open.
func knockWith(cmd *cobra.Command, make bool, o service.Options, work func(context.Context, door) error) (err error) {
	dir, err := cli.Dir(cmd)
	if err != nil {
		return err
	}
	if err := local.Permitted(dir); err != nil {
		return err
	}
	if !make && !service.Exists(dir) {
		return text.New("agent.no_data", "dir", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return text.Wrap(err, "agent.write_file", "file", dir)
	}
	patience, cancel := context.WithTimeout(cmd.Context(), reachPatience)
	defer cancel()
	client, held, err := local.Reach(patience, dir)
	if err != nil {
		return err
	}
	if client != nil {
		return work(cmd.Context(), service.NewClient(client))
	}
	defer held.Release()
	if err := service.MakeRoom(dir); err != nil {
		return err
	}
	o.Dir, o.Version, o.Built = dir, cli.Version(), built()
	if o.Key, err = vault.Open(dir, service.KeyProbe, rand.Reader); err != nil {
		return err
	}
	a, err := service.Open(o)
	if err != nil {
		return err
	}
	defer func() {
		if e := a.Close(); err == nil {
			err = e
		}
	}()
	return work(cmd.Context(), a)
}

// user is who a command saves as: the user of this machine.
func user() string {
	for _, name := range []string{"USER", "USERNAME", "LOGNAME"} {
		if u := os.Getenv(name); u != "" {
			return "local:" + filepath.Base(u)
		}
	}
	return "local"
}
