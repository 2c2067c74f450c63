// Package service is the running agent: a school's data directory opened, the
// sessions that bring it and the hub together, the page on this machine, and
// the local door by which commands talk to it.
//
// The same Agent serves a command that finds no service running: it opens the
// directory, does its work and closes it. The package ties together store,
// intake, web and sync/link; what is recorded and how it travels is theirs.
package service

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"shangu/agent/account"
	"shangu/agent/store"
	"shangu/installer/host/vault"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/seal"
	"shangu/sync/uptime"
)

// Names in an agent's data directory.
const (
	keyFile         = "device.key"
	enrolmentFile   = "enrolment.json"
	credentialsFile = "credentials.json"
	linkFile        = "link.json"
	lastFile        = "last.json"
	clockName       = "clock.json"
	limitsFile      = "limits.json"
	storeDir        = "data"
	LogFile         = "agent.log"
)

// Options are what an Agent needs from outside.
type Options struct {
	Dir string
	Key seal.Key // seals what lies in Dir, as installer/host/vault keeps it; the zero key leaves it plain
	// Keep, for Restore, has the operating system keep the key that a backup
	// brought, or make one where it brought none; nil: the backup's is used.
	Keep    func(seal.Key) (seal.Key, error)
	Version string
	Built   time.Time        // when the program was built; its clock is never believed to be earlier
	Log     *slog.Logger     // discards if nil
	Now     func() time.Time // time.Now if nil
	// Up is how long the computer has been up: uptime.Read if it and Now are nil.
	Up   func() (uptime.Reading, bool)
	Rand io.Reader // crypto/rand if nil
	// Salvage opens data whose journal is damaged, with what can be read of it.
	// Without it such data is not opened.
	Salvage bool
	// Line is how the line to the hub may be used. It is kept: nil, as of a
	// command, is what the service that ran here last was told.
	Line *Line
	// Dial opens connections to the hub; the net package's if nil.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Up == nil && o.Now == nil {
		o.Up = uptime.Read
	} else if o.Up == nil {
		o.Up = func() (uptime.Reading, bool) { return uptime.Reading{}, false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return o
}

// Agent is an open data directory.
type Agent struct {
	o     Options
	files seal.Files
	key   *identity.Key
	store *store.Store
	clock *clock
	turn  chan struct{} // held by the session that is under way
	saved func()        // says that something waits to be sent

	line    Line
	lineErr error // why no session may be held: nobody knows how much the line may carry

	mu        sync.Mutex
	enrolment enrolment
	link      *link.Link
	people    *account.Book // nil until they are asked for
	last      last
	clutter   []pile // what could be deleted, while the disk is low
}

// Exists reports whether a directory holds an agent's data.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, keyFile))
	return err == nil
}

// KeyProbe is the file by which the vault knows whether a directory has data.
const KeyProbe = keyFile

// keepRecovery writes the data key's recovery copy once the district is known.
func (a *Agent) keepRecovery(cr *link.Credentials) {
	if a.o.Key.IsZero() || cr == nil || vault.HasRecovery(a.o.Dir) {
		return
	}
	to, _, ok := a.district(cr.School) // a school pack may have told what the hub did not
	if !ok {
		a.o.Log.Warn("no recovery copy of the data key is kept: the district has not said to whom it is sealed")
		return
	}
	err := vault.SaveRecovery(a.o.Dir, to.recipient, vault.Recovery{
		Key: vault.Format(a.o.Key), School: cr.School, Device: identity.FormatDevice(a.key.Device())})
	if err != nil {
		a.o.Log.Warn("the data key's recovery copy was not written", "err", err.Error())
	}
}

// Open opens the data directory, or makes one. The caller holds its lock.
func Open(o Options) (*Agent, error) {
	o = o.withDefaults()
	a := &Agent{o: o, files: seal.Files{Key: o.Key}, turn: make(chan struct{}, 1), saved: func() {}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open agent: %w", err)
	}
	var err error
	if a.key, err = identity.OpenKey(a.path(keyFile), o.Rand, a.keyFiles()); err != nil {
		return nil, fmt.Errorf("open agent: %w", err)
	}
	// Records are kept without a district too: where nothing is left of the
	// enrolment, the page says that there is none.
	if err := readJSON(a.enrolmentFiles(), a.path(enrolmentFile), &a.enrolment); err != nil {
		o.Log.Warn("the enrolment cannot be read; the district must let this computer in again", "err", err.Error())
		a.enrolment = enrolment{}
	}
	a.openLine(o.Line)
	// What the last session came to is a convenience: damage costs no more.
	if err := a.readJSON(lastFile, &a.last); err != nil {
		o.Log.Warn("the note on the last session cannot be read", "err", err.Error())
		a.last = last{}
	}
	a.clock = openClock(a.path(clockName), o.Now, o.Up, o.Log)
	a.store, err = store.Open(a.path(storeDir), store.Options{
		Device: a.key.Device(), Version: o.Version, Now: o.Now, Told: a.now, Up: o.Up,
		Rand: o.Rand, Log: o.Log, Key: o.Key, Salvage: o.Salvage,
	})
	if err != nil {
		return nil, err
	}
	a.store.Tend()
	// No connection is opened yet, but what the month has carried is known.
	a.keepRecovery(a.loadCredentials())
	if cr := a.loadCredentials(); cr != nil && len(a.enrolment.Hubs) > 0 {
		if a.link, err = link.Open(a.linkConfig(a.enrolment.Hubs), cr); err != nil {
			o.Log.Warn("credentials cannot be used", "err", err.Error())
		}
	}
	return a, nil
}

// keyFiles and enrolmentFiles keep what the school could get back only with the
// district's help.
func (a *Agent) keyFiles() seal.Twice {
	return seal.Twice{Files: a.files, Sound: identity.CheckKey}
}

func (a *Agent) enrolmentFiles() seal.Twice {
	return seal.Twice{Files: a.files, Sound: func(b []byte) error { return json.Unmarshal(b, new(enrolment)) }}
}

// Close closes the directory. A session that is under way ends first, so its
// context should have ended.
func (a *Agent) Close() error {
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	if a.link != nil {
		err = a.link.Close()
		a.link = nil
	}
	return errors.Join(err, a.store.Close())
}

func (a *Agent) path(name string) string { return filepath.Join(a.o.Dir, name) }
