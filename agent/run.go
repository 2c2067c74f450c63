package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"shangu/agent/service"
	"shangu/agent/web"
	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/installer/host/logs"
	hostservice "shangu/installer/host/service"
	"shangu/installer/host/vault"
	"shangu/schema/text"
	"shangu/sync/link"
)

// defaultListen is where the page is, as installed.
const defaultListen = "127.0.0.1:8720"

func runCommand() *cobra.Command {
	var listen string
	var line line
	var users []string
	cmd := &cobra.Command{Use: "run", Short: "agent.cmd_run", Args: hostservice.Args}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "agent.flag_listen")
	cmd.Flags().StringSliceVar(&users, "page-users", nil, "agent.flag_page_users")
	line.flags(cmd)
	level := logs.AddFlag(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := cli.Dir(cmd)
		if err != nil {
			return err
		}
		return hostservice.Run(cmd.Context(), hostservice.AgentName, args, func(ctx context.Context, ready func()) error {
			return run(ctx, dir, listen, users, line, level, ready)
		})
	}
	return cmd
}

// line is what may be said of the way to the hub.
type line struct {
	monthly link.Amount
	hybrid  bool
}

func (l *line) flags(cmd *cobra.Command) {
	cmd.Flags().Var(&l.monthly, "monthly-data", "agent.flag_monthly")
	cmd.Flags().BoolVar(&l.hybrid, "post-quantum", false, "agent.flag_hybrid")
}

func (l *line) options() *service.Line {
	return &service.Line{Monthly: int64(l.monthly), Hybrid: l.hybrid}
}

func run(ctx context.Context, dir, listen string, users []string, line line, level slog.Leveler, ready func()) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return text.Wrap(err, "agent.write_file", "file", dir)
	}
	// A command that has the data open for a moment is waited for.
	patience, cancel := context.WithTimeout(ctx, reachPatience)
	defer cancel()
	client, held, err := local.Reach(patience, dir)
	if err != nil {
		return err
	}
	if client != nil {
		return text.New("agent.already_runs", "dir", dir)
	}
	defer held.Release()
	if err := service.MakeRoom(dir); err != nil {
		return err
	}
	log, err := logs.Open(logs.Options{Path: filepath.Join(dir, service.LogFile), Level: level, Also: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	key, err := vault.Open(dir, service.KeyProbe, rand.Reader)
	if err != nil {
		log.Error("the data cannot be unlocked", "err", err.Error())
		return err
	}
	page, err := web.Listen(listen)
	if err != nil {
		return err
	}
	a, err := service.Open(service.Options{Dir: dir, Key: key, Version: cli.Version(), Built: built(), Log: log.Logger, Line: line.options()})
	if err != nil {
		return errors.Join(err, page.Close())
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.Run(ctx, service.Work{Page: page, Recent: log.Recent, Users: users, Ready: ready})
}
