package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

// last is what the last session came to.
type last struct {
	At     int64   `json:"at"`     // unix seconds of the last session that settled everything, by the hub's clock
	Error  string  `json:"error"`  // why the last one failed, as schema/text codes it; "" if it did not
	Offset int64   `json:"offset"` // seconds by which this machine's clock is behind the hub's
	Stick  carried `json:"stick,omitzero"`
}

// carried is how sticks went since the last session over a link, in unix seconds.
type carried struct {
	Made   int64  `json:"made"`   // when the last bundle was exported, 0 if never
	Taken  int64  `json:"taken"`  // when the last reply was imported, 0 if never
	Told   int64  `json:"told"`   // when the hub wrote that reply
	Pushed uint64 `json:"pushed"` // entries that became safe by it
}

// errNotEnrolled: there is no token to make first contact with.
var errNotEnrolled = text.New("agent.not_enrolled")

// Session holds one session with the hub, enrolling first if need be. It
// returns nil only when nothing is pending, else an error with words for the
// clerk. Sessions wait for each other.
func (a *Agent) Session(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r, err := a.talk(ctx)
	if errors.Is(err, errNotEnrolled) {
		return err // there is no hub yet to have failed at
	}
	if ctx.Err() != nil && err != nil {
		// Cut short by whoever asked for it: no news about the hub.
		return context.Cause(ctx)
	}
	a.note(r, err)
	return err
}

// talk holds a session. A device that was revoked and has a fresh token comes
// back as another.
func (a *Agent) talk(ctx context.Context) (session.Report, error) {
	r, err := a.talkOnce(ctx)
	a.mu.Lock()
	fresh := a.enrolment.Token != a.enrolment.Used
	a.mu.Unlock()
	if !fresh || !errors.Is(err, session.ErrRevoked) {
		return r, err
	}
	if err := a.renew(); err != nil {
		return r, err
	}
	return a.talkOnce(ctx)
}

func (a *Agent) talkOnce(ctx context.Context) (session.Report, error) {
	l, cr, err := a.connect(ctx)
	if err != nil {
		return session.Report{}, err
	}
	r, err := session.Run(ctx, a.store, l, session.Options{Cluster: cr.Cluster, Key: cr.ReceiptKey(), Budget: l.Budget, Thrift: l.Thrift})
	if r.HubTime != 0 {
		l.Trust(time.Unix(r.HubTime, 0))
	}
	if rest := l.Rest(); rest != nil {
		a.o.Log.Warn("link state was not kept", "err", rest.Error())
	}
	return r, err
}

// connect returns the way to the hub, making first contact if there was none.
// Credentials that cannot be used are got anew: the hub lets the same machine
// in again with the token that it came with.
func (a *Agent) connect(ctx context.Context) (*link.Link, *link.Credentials, error) {
	a.mu.Lock()
	e, l := a.enrolment, a.link
	a.mu.Unlock()
	if len(e.Hubs) == 0 {
		return nil, nil, errNotEnrolled
	}
	if a.lineErr != nil {
		return nil, nil, a.lineErr
	}
	config := a.linkConfig(e.Hubs)
	cr := a.loadCredentials()
	var err error
	if cr != nil && cr.School == e.School && l == nil {
		if l, err = link.Open(config, cr); err != nil && !errors.Is(err, link.ErrCredentials) {
			return nil, nil, err
		}
	}
	if cr == nil || cr.School != e.School || l == nil {
		if cr, err = a.meet(ctx, config, e); err != nil {
			return nil, nil, err
		}
		if l, err = link.Open(config, cr); err != nil {
			return nil, nil, err
		}
	}
	if err := a.store.SetHome(cr.School); err != nil {
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// If enrolment changed meanwhile, this session is the last over l.
	if slices.Equal(a.enrolment.Hubs, e.Hubs) {
		a.link = l
	}
	return l, cr, nil
}

// meet makes first contact: it uses the token and keeps what the hub grants.
func (a *Agent) meet(ctx context.Context, config link.Config, e enrolment) (*link.Credentials, error) {
	token, err := identity.ParseTokenFor(identity.RoleSchool, e.Token)
	if err != nil {
		return nil, err
	}
	cr, err := link.Enrol(ctx, config, token)
	if err != nil {
		return nil, err
	}
	if err := a.spend(e.Token); err != nil {
		return nil, err
	}
	if err := cr.Save(a.path(credentialsFile), a.files); err != nil {
		return nil, err
	}
	a.keepRecovery(cr)
	a.o.Log.Info("enrolled", "school", cr.School)
	return cr, nil
}

// spend notes the token by which the present key was let in.
func (a *Agent) spend(token string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.enrolment
	if e.Used == token {
		return nil
	}
	e.Used = token
	if err := writeJSON(a.enrolmentFiles(), a.path(enrolmentFile), e); err != nil {
		return err
	}
	a.enrolment = e
	return nil
}

func (a *Agent) linkConfig(hubs []string) link.Config {
	return link.Config{
		Hubs: hubs, Key: a.key, State: a.path(linkFile), Files: a.files,
		Built: a.o.Built, Now: a.o.Now, Dial: a.o.Dial, Log: a.o.Log,
		Monthly: a.line.Monthly, Hybrid: a.line.Hybrid,
	}
}

// note keeps what a session came to.
func (a *Agent) note(r session.Report, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.last
	if r.HubTime != 0 {
		a.clock.hear(time.Unix(r.HubTime, 0))
		n.Offset = r.Offset
	}
	n.Error = ""
	if err != nil {
		n.Error = explain(err).Code()
		a.store.SetFailure(explain(err).ID())
		a.o.Log.Warn("session failed", "err", err.Error(), "requests", r.Requests, "pushed", r.Pushed, "pulled", r.Pulled)
	} else {
		n.At, n.Stick = r.HubTime, carried{}
		a.store.SetFailure("")
		a.o.Log.Info("session", "requests", r.Requests, "pushed", r.Pushed, "pulled", r.Pulled,
			"repaired", r.Repaired, "rewound", r.Rewound, "rechain", r.Rechain)
	}
	a.keepLast(n)
}

// keepLast keeps a note on the last session. The caller holds mu.
func (a *Agent) keepLast(n last) {
	if n == a.last {
		return
	}
	a.last = n
	if err := a.writeJSON(lastFile, n); err != nil {
		a.o.Log.Warn("the note on the last session was not kept", "err", err.Error())
	}
}

// Waits between the sessions of Sync while the hub asks for patience.
const (
	firstPatience = 250 * time.Millisecond
	mostPatience  = 4 * time.Second
)

// Sync holds sessions until nothing is pending. A hub that is busy or choosing
// a leader is asked again until timeout; any other failure ends it at once.
// The error has words.
func (a *Agent) Sync(ctx context.Context, timeout time.Duration) error {
	return patient(ctx, timeout, a.Session)
}

func patient(ctx context.Context, timeout time.Duration, hold func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var failure error
	for wait := firstPatience; ; wait = min(2*wait, mostPatience) {
		err := hold(ctx)
		if err == nil {
			return nil
		}
		pause := wait
		if ctx.Err() == nil {
			failure = err
			if !errors.Is(err, session.ErrBusy) && !errors.Is(err, session.ErrNoLeader) {
				return explain(err)
			}
			if retry, ok := errors.AsType[*session.RetryError](err); ok {
				pause = max(pause, retry.After)
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if failure != nil {
				return explain(failure)
			}
			return text.Wrap(context.Cause(ctx), "agent.sync_timeout", "timeout", timeout)
		}
	}
}

// explain gives a session's failure words for the clerk.
func explain(err error) *text.Message {
	// The hub cannot know what to do here about it.
	if errors.Is(err, session.ErrRevoked) {
		return text.Wrap(err, idRevoked)
	}
	if m := text.Of(err); m != nil {
		return m
	}
	for _, k := range []struct {
		err error
		id  string
	}{
		{session.ErrBusy, "agent.hub_busy"}, {session.ErrNoLeader, "agent.hub_no_leader"},
		{session.ErrDiskFull, "agent.hub_disk_full"},
		{session.ErrProtocol, "agent.protocol"},
	} {
		if errors.Is(err, k.err) {
			return text.Wrap(err, k.id)
		}
	}
	if errors.Is(err, session.ErrRefused) {
		return text.Wrap(err, "agent.refused", "detail", err)
	}
	return text.Wrap(err, "agent.sync_failed")
}

// idRevoked is the message of a session that failed because the district has
// revoked this device.
const idRevoked = "agent.revoked"

// revoked reports whether the hub said so in the last session.
func (l last) revoked() bool {
	m := l.LastError()
	return m != nil && m.ID() == idRevoked
}

// LastError is why the last session failed, nil if it did not.
func (l last) LastError() *text.Message {
	if l.Error == "" {
		return nil
	}
	return text.Parse(l.Error)
}
