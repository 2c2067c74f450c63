package term

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// hub is the district's cluster of three processes.
type hub struct {
	b      *bench
	dirs   []string
	listen []string
}

type hubStatus struct {
	Leader string
	Nodes  []struct{ ID string }
	Ready  bool
}

func (h *hub) name(n int) string { return "hub" + strconv.Itoa(n) }

func (h *hub) status(n int) (v hubStatus, err error) {
	return v, h.b.ask(&v, "hub", "status", "--dir", h.dirs[n])
}

// startHub founds a district and adds nodes until there are three.
func startHub(b *bench) *hub {
	h := &hub{b: b}
	for n := range nodes {
		h.dirs = append(h.dirs, filepath.Join(b.work, h.name(n)))
		h.listen = append(h.listen, freePort(b.t))
	}
	b.must("hub", "init", "--dir", h.dirs[0], "--name", "云岭区")
	for n := range nodes {
		args := []string{"hub", "serve", "--dir", h.dirs[n], "--id", "n" + strconv.Itoa(n), "--listen", h.listen[n], "--raft", freePort(b.t)}
		if n > 0 {
			var invite struct{ Token string }
			if err := b.ask(&invite, "hub", "node", "invite", "--dir", h.dirs[0]); err != nil {
				b.t.Fatal(err)
			}
			args = append(args, "--join", "https://"+h.listen[0], "--join-token", invite.Token)
		}
		if err := b.start(h.name(n), args...); err != nil {
			b.t.Fatal(err)
		}
		b.until(h.name(n)+" to be ready", 30*time.Second, func() error {
			s, err := h.status(n)
			if err == nil && (!s.Ready || len(s.Nodes) != n+1) {
				err = fmt.Errorf("%+v", s)
			}
			return err
		})
	}
	b.must("hub", "district", "load", filepath.Join("testdata", "yunling", "district"), "--dir", h.dirs[0])
	return h
}

// enrolTokens asks for a token for each school, on a node that need not lead.
func (h *hub) enrolTokens(schools []*school) (tokens []string) {
	for _, s := range schools {
		var v struct{ Token string }
		if err := h.b.ask(&v, "hub", "token", "--school", s.code, "--dir", h.dirs[nodes-1]); err != nil {
			h.b.t.Fatal(err)
		}
		tokens = append(tokens, v.Token)
	}
	return tokens
}

// leader waits for a leader and returns its number.
func (h *hub) leader() (leader int) {
	h.b.until("a leader", 30*time.Second, func() error {
		for n := range nodes {
			s, err := h.status(n)
			if err != nil || s.Leader == "" {
				continue
			}
			leader, err = strconv.Atoi(strings.TrimPrefix(s.Leader, "n"))
			return err
		}
		return fmt.Errorf("no node knows one")
	})
	return leader
}

// compare holds each node's counts against what was imported.
func (h *hub) compare(schools []*school) {
	for n := range nodes {
		h.b.until(h.name(n)+" to hold what was recorded", 30*time.Second, func() error {
			var rows []map[string]any
			ask := h.b.ask(&rows, "hub", "report", "summary", "--dir", h.dirs[n])
			if ask != nil {
				return ask
			}
			byCode := map[string]map[string]any{}
			for _, row := range rows {
				byCode[fmt.Sprint(row["school"])] = row
			}
			for _, s := range schools {
				row := byCode[s.code]
				for k, want := range s.want {
					if got, _ := row[k].(float64); int(got) != want {
						return fmt.Errorf("%s %s: %v, recorded were %d", s.code, k, row[k], want)
					}
				}
				for _, k := range []string{"conflicts", "quarantined", "pending"} {
					if got, _ := row[k].(float64); got != 0 {
						return fmt.Errorf("%s %s: %v", s.code, k, row[k])
					}
				}
			}
			return nil
		})
	}
}
