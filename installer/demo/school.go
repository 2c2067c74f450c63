package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	people "shangu/agent/account"
	"shangu/agent/intake"
	"shangu/agent/service"
	"shangu/agent/web"
	"shangu/installer/host/local"
	"shangu/installer/host/logs"
)

// account is who the demo's records are written down as.
const account = "clerk"

// school is an agent with its link to the hub.
type school struct {
	row
	agent *service.Agent
	link  *Switch
	page  net.Listener
	held  *local.Held
	log   *logs.Log
	// recorded counts the entries that its clerk made.
	recorded uint64
}

func openSchool(dir string, r row, hubAddr string, port int, version string) (s *school, err error) {
	s = &school{row: r}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.log, err = logs.Open(logs.Options{Path: filepath.Join(dir, service.LogFile)}); err != nil {
		return s, err
	}
	if s.held, err = local.Lock(dir); err != nil {
		return s, err
	}
	if s.link, err = NewSwitch(hubAddr); err != nil {
		return s, err
	}
	for _, p := range []int{port, 0} {
		if s.page, err = web.Listen("127.0.0.1:" + strconv.Itoa(p)); err == nil {
			break
		}
	}
	if err != nil {
		return s, err
	}
	if s.agent, err = service.Open(service.Options{Dir: dir, Version: version, Log: s.log.Logger, Now: clock()}); err != nil {
		return s, err
	}
	return s, s.meet()
}

// The clerk who looks at the demo's pages.
const (
	clerkName = "王老师"
	clerkPIN  = "2580"
)

// meet makes the clerk's account; a demo that begins again has it.
func (s *school) meet() error {
	all, err := s.agent.Accounts(context.Background())
	if err != nil || len(all) > 0 {
		return err
	}
	_, err = s.agent.AddAccount(context.Background(), clerkName, people.Admin, clerkPIN)
	return err
}

// run is the agent's service until ctx ends: its page, its door and its
// sessions with the hub, which it holds by itself whenever there is a link.
func (s *school) run(ctx context.Context) error {
	return s.agent.Run(ctx, service.Work{Page: s.page, Recent: s.log.Recent, Ready: func() {}})
}

// close ends what run does not.
func (s *school) close() error {
	var errs []error
	if s.agent != nil {
		errs = append(errs, s.agent.Close())
	}
	if s.link != nil {
		errs = append(errs, s.link.Close())
	}
	if s.page != nil {
		if err := s.page.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.held != nil {
		s.held.Release()
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	return errors.Join(errs...)
}

// take imports a table as a clerk would, and returns how many entries it made.
func (s *school) take(ctx context.Context, kind intake.Kind, name string, data []byte) (int, error) {
	got, err := s.agent.Import(ctx, service.Import{Kind: kind, Name: name, Data: data, Account: account})
	if err != nil {
		return 0, fmt.Errorf("%s: import %s: %w", s.name, name, err)
	}
	s.recorded += uint64(got.Entries)
	return got.Entries, nil
}

// term takes the whole term but for the story's day.
func (s *school) term(ctx context.Context, a attendance) (err error) {
	for _, f := range []struct {
		kind intake.Kind
		name string
		data []byte
	}{
		{intake.Roster, "roster.xlsx", nil}, {intake.Teachers, "teachers.xlsx", nil},
		{intake.Attendance, "attendance.csv", a.before},
		{intake.Visits, "visits.csv", nil}, {intake.Training, "training.csv", nil},
	} {
		if f.data == nil {
			if f.data, err = schoolFile(s.code, f.name); err != nil {
				return fmt.Errorf("read sample: %w", err)
			}
		}
		if _, err := s.take(ctx, f.kind, f.name, f.data); err != nil {
			return err
		}
	}
	return nil
}
