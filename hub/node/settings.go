package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"shangu/schema/text"
	"shangu/sync/seal"
)

// Settings is what a node remembers of how it was started, so that the next
// start and the commands beside it need not be told again.
type Settings struct {
	ID        string `json:"id"`        // its name in the cluster, for ever
	Listen    string `json:"listen"`    // HOST:PORT of the gate
	Raft      string `json:"raft"`      // HOST:PORT of the raft transport, as others reach it
	Advertise string `json:"advertise"` // HOST:PORT of the gate as others reach it
	Founder   bool   `json:"founder"`   // this node is to begin the cluster, and has not yet
	// Peers are the gates of the other nodes, HOST:PORT, as last known.
	Peers []string `json:"peers,omitempty"`
}

func (s *Settings) path(dir string) string { return filepath.Join(dir, "hub.json") }

// LoadSettings reads the settings in dir; zero ones if there are none.
func LoadSettings(dir string) (s Settings, err error) {
	b, err := settingsFiles.Read(s.path(dir))
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		s, err = parseSettings(b)
	}
	if err != nil {
		return s, fmt.Errorf("read settings %s: %w", s.path(dir), err)
	}
	return s, nil
}

func parseSettings(b []byte) (s Settings, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return s, d.Decode(&s)
}

// settingsFiles keep the settings in two copies: which node a directory is of
// nothing else tells.
var settingsFiles = seal.Twice{Files: seal.Files{}, Sound: func(b []byte) error {
	_, err := parseSettings(b)
	return err
}}

// Settled reports whether dir is a node's: its settings are there.
func Settled(dir string) bool {
	var s Settings
	_, err := os.Stat(s.path(dir))
	return err == nil
}

func (s *Settings) save(dir string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = settingsFiles.Write(s.path(dir), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	return nil
}

// merge takes what o sets over s. A node's id never changes: it is its name in
// the log.
func (s *Settings) merge(o Settings) error {
	if s.ID != "" && o.ID != "" && s.ID != o.ID {
		return text.New("hub.other_id", "id", s.ID, "given", o.ID)
	}
	for _, f := range []struct{ to, from *string }{
		{&s.ID, &o.ID}, {&s.Listen, &o.Listen}, {&s.Raft, &o.Raft}, {&s.Advertise, &o.Advertise},
	} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	if o.Listen != "" && o.Advertise == "" {
		s.Advertise = ""
	}
	return s.complete()
}

// complete checks the addresses and derives the advertised one.
func (s *Settings) complete() error {
	if s.ID == "" {
		return text.New("hub.no_id")
	}
	raftHost, _, err := net.SplitHostPort(s.Raft)
	if err != nil || unspecified(raftHost) {
		return text.New("hub.bad_raft", "addr", s.Raft)
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return text.New("hub.bad_listen", "addr", s.Listen)
	}
	if s.Advertise == "" {
		if unspecified(host) {
			host = raftHost
		}
		s.Advertise = net.JoinHostPort(host, port)
	}
	if host, _, err := net.SplitHostPort(s.Advertise); err != nil || unspecified(host) {
		return text.New("hub.bad_advertise", "addr", s.Advertise)
	}
	return nil
}

func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}
