package service

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"filippo.io/age"

	"shangu/schema/text"
	"shangu/sync/bundle"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

// Names in the data directory that have to do with sticks.
const (
	packFile  = "pack.json"   // what a school pack told of the district
	stickFile = "stick.json"  // what is remembered from one stick to the next
	spoolFile = "bundle.part" // a bundle that is being made
)

// sticky is what is remembered from one stick to the next.
type sticky struct {
	Number  uint64          `json:"number"`          // of the last export
	Trusted int64           `json:"trusted"`         // greatest hub's time that a reply or a pack told, unix seconds
	Wants   []digest.Bucket `json:"wants,omitempty"` // what differs from the hub: the next export asks for it
}

// Bundled says what is in a bundle.
type Bundled struct {
	File    string `json:"file"`
	School  string `json:"school"`
	Device  string `json:"device"`
	Number  uint64 `json:"number"`
	Entries uint64 `json:"entries"` // that the hub has given no receipt for
	Left    uint64 `json:"left"`    // entries that were too many for one file
	Bytes   int64  `json:"bytes"`
	Enrols  bool   `json:"enrols"` // it asks the hub to let this machine in
	Name    string `json:"name"`   // for a stick
}

// Returned says what came of a reply.
type Returned struct {
	School      string `json:"school"`
	Number      uint64 `json:"number"`   // of the export that it answers
	Pushed      uint64 `json:"pushed"`   // entries that became safe
	Pulled      int    `json:"pulled"`   // documents from the district
	Repaired    int    `json:"repaired"` // parts that differed and were replaced
	Differ      int    `json:"differ"`   // parts that still differ: the next trip repairs them
	Stale       int    `json:"stale"`    // answers passed over, being older than what is here
	More        bool   `json:"more"`     // the district has more than was carried
	Again       bool   `json:"again"`    // entries are to be carried again: hub or machine had fallen back
	Enrolled    bool   `json:"enrolled"` // this machine was let in
	Pending     uint64 `json:"pending"`
	Quarantined int    `json:"quarantined"`
	HubTime     string `json:"hub_time"` // RFC 3339
}

// district is what bundles need to know of it.
type district struct {
	cluster   [16]byte
	receipt   ed25519.PublicKey
	recipient string
}

// district is what the credentials tell, or a school pack before there are any;
// ok is false where nobody has told to whom bundles are sealed.
func (a *Agent) district(school string) (d district, cr *link.Credentials, ok bool) {
	var p bundle.Pack
	if err := a.readJSON(packFile, &p); err != nil {
		a.o.Log.Warn("the school pack cannot be read", "err", err.Error())
	}
	packed := p.School == school && school != "" && len(p.Cluster) == 16
	if cr = a.loadCredentials(); cr != nil && cr.School != school {
		cr = nil
	}
	switch {
	case cr != nil:
		d = district{cr.Cluster, cr.ReceiptKey(), cr.Recipient}
		if d.recipient == "" && packed && p.ClusterID() == cr.Cluster {
			d.recipient = p.Recipient
		}
	case packed:
		d = district{p.ClusterID(), p.Receipt, p.Recipient}
	}
	return d, cr, d.recipient != ""
}

// EnrolPack is Enrol with what a school pack says. From then on sticks can go
// to the hub without any contact before.
func (a *Agent) EnrolPack(ctx context.Context, pack []byte) (Enrolled, error) {
	p, err := bundle.ReadPack(pack)
	if err != nil {
		return Enrolled{}, err
	}
	e, err := a.Enrol(ctx, p.Hubs, p.Token)
	if err != nil {
		return e, err
	}
	p.Token = "" // the enrolment has it
	return e, a.writeJSON(packFile, p)
}

// take holds the turn, so that no session and no other stick is under way.
func (a *Agent) take(ctx context.Context) (release func(), err error) {
	select {
	case a.turn <- struct{}{}:
		return func() { <-a.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ExportBundle makes a bundle of all that the hub has given no receipt for and
// hands it to take, whole.
func (a *Agent) ExportBundle(ctx context.Context, take func(Bundled, io.Reader) error) error {
	release, err := a.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	a.mu.Lock()
	e, revoked := a.enrolment, a.last.revoked()
	a.mu.Unlock()
	if e.School == "" {
		return text.New("agent.bundle_not_enrolled")
	}
	if revoked && e.Token != e.Used {
		// The district let this machine in again, as another device.
		if err := a.renew(); err != nil {
			return err
		}
	}
	to, cr, ok := a.district(e.School)
	if !ok {
		return text.New("agent.bundle_no_recipient", "school", e.School)
	}
	recipient, err := age.ParseX25519Recipient(to.recipient)
	if err != nil {
		return fmt.Errorf("export bundle: %w", err)
	}
	own, err := identity.Sealing(a.key, identity.DeviceSealing)
	if err != nil {
		return err
	}
	head := &bundle.UpHead{School: e.School, Key: a.key.Public(), Recipient: own.Recipient().String(), Version: a.o.Version}
	if cr == nil {
		if head.Enrol, err = a.request(e.Token); err != nil {
			return err
		}
	}
	memory := a.remembered()
	memory.Number++
	a.remember(memory)

	spool := a.path(spoolFile)
	defer os.Remove(spool)
	label := bundle.Label{Kind: bundle.Up, Cluster: to.cluster, Number: memory.Number}
	for most := uint64(mostEntries); ; most /= 2 {
		b, err := a.spool(spool, label, recipient, head, memory, most)
		if errors.Is(err, bundle.ErrTooLarge) && most > 1 {
			continue
		}
		if err != nil {
			return err
		}
		f, err := os.Open(spool)
		if err != nil {
			return fmt.Errorf("export bundle: %w", err)
		}
		defer f.Close()
		b.Enrols = cr == nil
		if err := take(b, f); err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		n := a.last
		now, _ := a.clock.now()
		n.Stick.Made = now.Unix()
		a.keepLast(n)
		return nil
	}
}

// mostEntries is how many entries one bundle carries: some forty terms of a
// school.
const mostEntries = 100_000

// request is what lets this machine in, as it would go to POST /v1/enroll.
func (a *Agent) request(token string) ([]byte, error) {
	t, err := identity.ParseTokenFor(identity.RoleSchool, token)
	if err != nil {
		return nil, err
	}
	csr, err := a.key.CSR(rand.Reader)
	if err != nil {
		return nil, err
	}
	return frame.Marshal(&identity.Request{Secret: t.Secret, CSR: csr})
}

// packSize is a pack's size in a bundle, in bytes. It is one push at the hub.
const packSize = 128 << 10

// spool writes a bundle of at most so many entries into a file of its own.
func (a *Agent) spool(path string, l bundle.Label, to age.Recipient, head *bundle.UpHead, memory sticky, most uint64) (b Bundled, err error) {
	chain, epoch := a.store.Chain()
	out := a.store.Outbox(most)
	table, err := out.Table()
	if err != nil {
		return b, fmt.Errorf("export bundle: %w", err)
	}
	a.mu.Lock()
	last := a.last
	a.mu.Unlock()
	device := a.key.Device()
	head.Carried = session.Carried{
		Device: device, Epoch: epoch, Beat: a.store.Heartbeat(), Confirmed: out.At(), Last: out.End(), Table: table,
		Cursor: a.store.Cursor(), Offset: last.Offset, Trusted: max(memory.Trusted, last.At), Wants: memory.Wants,
	}
	b = Bundled{School: head.School, Device: identity.FormatDevice(device), Number: l.Number, Entries: out.End() - out.At().Seq,
		Name: bundle.NameOf(bundle.Up, head.School, chain, l.Number).String()}
	b.Left = head.Carried.Beat.Pending - min(head.Carried.Beat.Pending, b.Entries)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return b, fmt.Errorf("export bundle: %w", err)
	}
	err = bundle.Write(f, l, to, a.key.Private(), head, func(put func([]byte) error) error {
		for {
			pack, _, err := out.Pack(packSize)
			if err != nil || pack == nil {
				return err
			}
			if err := put(pack); err != nil {
				return err
			}
		}
	})
	if err == nil {
		b.Bytes, err = f.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return b, fmt.Errorf("export bundle: %w", err)
	}
	a.o.Log.Info("bundle made", "number", b.Number, "entries", b.Entries, "bytes", b.Bytes)
	return b, nil
}

// remembered reads what is known from earlier sticks. Damage costs no more than
// a trip.
func (a *Agent) remembered() (s sticky) {
	if err := a.readJSON(stickFile, &s); err != nil {
		a.o.Log.Warn("the note on sticks cannot be read", "err", err.Error())
		s = sticky{Number: uint64(max(0, a.o.Now().Unix()))}
	}
	var p bundle.Pack
	if a.readJSON(packFile, &p) == nil {
		s.Trusted = max(s.Trusted, p.Made)
	}
	return s
}

// remember keeps it. A disk that is full must not keep a school from its stick.
func (a *Agent) remember(s sticky) {
	if err := a.writeJSON(stickFile, s); err != nil {
		a.o.Log.Warn("the note on sticks was not kept", "err", err.Error())
	}
}

// ImportBundle takes a reply of size bytes that a stick brought back.
func (a *Agent) ImportBundle(ctx context.Context, src io.ReaderAt, size int64) (Returned, error) {
	release, err := a.take(ctx)
	if err != nil {
		return Returned{}, err
	}
	defer release()
	a.mu.Lock()
	e := a.enrolment
	a.mu.Unlock()
	from, cr, ok := a.district(e.School)
	if !ok && cr == nil {
		return Returned{}, text.New("agent.bundle_not_enrolled")
	}
	own, err := identity.Sealing(a.key, identity.DeviceSealing)
	if err != nil {
		return Returned{}, err
	}
	var head *bundle.DownHead
	f, err := bundle.Open(src, size, bundle.Down, from.cluster, own, func(b []byte) (_ ed25519.PublicKey, err error) {
		if head, err = bundle.ReadDownHead(b); err != nil {
			return nil, err
		}
		if head.Device != a.key.Device() || head.School != e.School {
			return nil, text.Wrap(bundle.ErrElsewhere, "bundle.elsewhere")
		}
		return from.receipt, nil
	})
	if errors.Is(err, bundle.ErrElsewhere) && text.Of(err).ID() == "bundle.elsewhere" {
		return Returned{}, text.Wrap(err, "agent.bundle_other_machine")
	}
	if err != nil {
		return Returned{}, err
	}
	out := Returned{School: head.School, Number: f.Number, HubTime: time.Unix(head.Time, 0).UTC().Format(time.RFC3339)}
	if len(head.Grant) > 0 && cr == nil {
		if err := a.letIn(e.Token, head.Grant); err != nil {
			return out, err
		}
		out.Enrolled = true
	}
	if head.Refusal != "" {
		return out, a.refused(head)
	}
	err = a.settle(f, head, from, &out)
	debug.FreeOSMemory()
	return out, err
}

// letIn keeps what the hub granted to a request that a stick brought there.
func (a *Agent) letIn(token string, grant []byte) error {
	t, err := identity.ParseTokenFor(identity.RoleSchool, token)
	if err != nil {
		return err
	}
	cr, err := link.Accept(grant, t, a.key)
	if err != nil {
		return err
	}
	if err := a.spend(token); err != nil {
		return err
	}
	if err := cr.Save(a.path(credentialsFile), a.files); err != nil {
		return err
	}
	a.mu.Lock()
	a.dropLink()
	a.mu.Unlock()
	a.o.Log.Info("enrolled by a stick", "school", cr.School)
	return a.store.SetHome(cr.School)
}

// refused notes that the hub took nothing, and says why.
func (a *Agent) refused(head *bundle.DownHead) error {
	why := text.Parse(head.Refusal)
	if why.ID() == "hub.bundle_revoked" {
		a.note(session.Report{}, session.ErrRevoked)
		return text.Wrap(session.ErrRevoked, idRevoked)
	}
	return text.New("agent.bundle_refused", "reason", why)
}

// settle takes the answers of a reply into the store.
func (a *Agent) settle(f *bundle.File, head *bundle.DownHead, from district, out *Returned) error {
	s, err := session.Settle(a.store, session.Options{Cluster: from.cluster, Key: from.receipt}, head.Chain, func() (*session.Said, error) {
		b, err := f.Next()
		if err != nil {
			return nil, err
		}
		said := new(session.Said)
		return said, frame.Unmarshal(b, said)
	})
	st := a.store.Status()
	out.Pushed, out.Pulled, out.Repaired, out.Differ = s.Pushed, s.Pulled, s.Repaired, len(s.Differ)
	out.Stale, out.More, out.Again = s.Stale, s.More, s.Rewound || s.Rechain
	out.Pending, out.Quarantined = st.Pending, st.Quarantined
	if err != nil {
		return explain(err)
	}
	memory := a.remembered()
	memory.Trusted = max(memory.Trusted, head.Time)
	if s.Compared {
		memory.Wants = s.Differ
	}
	a.remember(memory)
	a.noteReply(head.Time, s.Pushed)
	a.o.Log.Info("reply taken", "number", f.Number, "pushed", s.Pushed, "pulled", s.Pulled, "stale", s.Stale,
		"repaired", s.Repaired, "differ", len(s.Differ), "rewound", s.Rewound, "rechain", s.Rechain)
	return nil
}

// noteReply notes when the hub was heard of last, and that so many entries became
// safe by it. How long the reply was on its
// way nobody knows: a clock that is behind the reply's time is wrong, one that is
// ahead of it need not be.
func (a *Agent) noteReply(at int64, pushed uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.last
	n.At, n.Error = max(n.At, at), ""
	if behind := at - a.o.Now().Unix(); behind > n.Offset {
		n.Offset = behind
	}
	a.store.SetFailure("")
	now, _ := a.clock.now()
	n.Stick.Taken, n.Stick.Told, n.Stick.Pushed = now.Unix(), at, pushed
	a.keepLast(n)
}
