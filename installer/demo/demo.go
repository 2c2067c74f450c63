// Package demo is the whole product on one machine and in one process: a hub
// of one node, two schools with a part of the yunling data, and a link to each
// that is cut and mended while marks are made. Nothing is simulated but the
// link: the packages are those of agent and hub, the data goes over TLS on
// loopback and onto the disk.
//
// It may import agent and hub, which nothing else but tests does.
package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"shangu/schema/text"
)

// Options say how the demo runs.
type Options struct {
	Dir     string    // where the data goes; "" for a temporary directory, removed at the end
	Out     io.Writer // where the story is told
	In      io.Reader // lines with a school's number cut and mend its link; may be nil
	Langs   []text.Lang
	Exit    bool // end after the story
	Version string
}

// Demo is a running one.
type Demo struct {
	o       Options
	tell    *teller
	dir     string
	hub     *hub
	schools []*school
	failed  chan error
	work    sync.WaitGroup
}

// Run runs the demo: the story, and then hub and schools until ctx ends. It
// returns nil only if everything arrived.
func Run(ctx context.Context, o Options) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &Demo{o: o, tell: &teller{out: o.Out, langs: o.Langs, began: time.Now()}, dir: o.Dir, failed: make(chan error, 8)}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "shangu-demo-"); err != nil {
			return fmt.Errorf("run demo: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	}
	defer func() { cancel(); err = errors.Join(err, d.close()) }()
	if err := d.open(ctx); err != nil {
		return err
	}
	if err := d.story(ctx); err != nil {
		return err
	}
	if o.Exit {
		return nil
	}
	d.tell.say("demo.pages", "hub", d.hub.url, "operator", d.hub.founding.Operator, "password", d.hub.founding.Password)
	for i, s := range d.schools {
		d.tell.say("demo.page", "number", i+1, "school", s.name, "page", "http://"+s.page.Addr().String()+"/", "account", clerkName, "pin", clerkPIN)
	}
	d.tell.say("demo.keys")
	go d.listen(ctx)
	select {
	case <-ctx.Done():
		d.tell.say("demo.ends")
		return nil
	case err := <-d.failed:
		return err
	}
}

// open starts the hub and the schools, each with a link that is cut.
func (d *Demo) open(ctx context.Context) (err error) {
	d.tell.say("demo.begins", "dir", d.dir)
	if d.hub, err = openHub(ctx, filepath.Join(d.dir, "hub"), d.o.Version); err != nil {
		return err
	}
	d.work.Go(func() {
		select {
		case err := <-d.hub.node.Failed():
			d.failed <- err
		case <-ctx.Done():
		}
	})
	loaded, err := d.hub.load(ctx)
	if err != nil {
		return err
	}
	d.tell.say("demo.hub", "schools", loaded.Schools.Rows, "agreements", loaded.Agreements.Rows, "days", loaded.Days.Rows)
	rows, err := expected()
	if err != nil {
		return err
	}
	for i, row := range rows {
		s, err := openSchool(filepath.Join(d.dir, row.code), row, d.hub.addr, firstPage+i, d.o.Version)
		if err != nil {
			return err
		}
		d.schools = append(d.schools, s)
		d.work.Go(func() {
			if err := s.run(ctx); err != nil {
				d.failed <- err
			}
		})
		token, err := d.hub.token(ctx, row.code)
		if err != nil {
			return err
		}
		if _, err := s.agent.Enrol(ctx, []string{"https://" + s.link.Addr()}, token); err != nil {
			return err
		}
	}
	return nil
}

// close ends schools and hub; the context that they run in is over.
func (d *Demo) close() error {
	d.work.Wait()
	var errs []error
	for _, s := range d.schools {
		errs = append(errs, s.close())
	}
	if d.hub != nil {
		errs = append(errs, d.hub.close())
	}
	return errors.Join(errs...)
}

// listen cuts and mends links as told: a line with a school's number.
func (d *Demo) listen(ctx context.Context) {
	if d.o.In == nil {
		return
	}
	lines := bufio.NewScanner(d.o.In)
	for lines.Scan() && ctx.Err() == nil {
		n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil || n < 1 || n > len(d.schools) {
			d.tell.say("demo.keys")
			continue
		}
		s := d.schools[n-1]
		if s.link.IsCut() {
			s.link.Mend()
			d.tell.say("demo.mended", "school", s.name)
			continue
		}
		s.link.Cut()
		d.tell.say("demo.cut", "school", s.name)
	}
}
