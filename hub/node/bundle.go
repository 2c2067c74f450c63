package node

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"filippo.io/age"

	"shangu/hub/authority"
	"shangu/schema/text"
	"shangu/sync/bundle"
	"shangu/sync/disk"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// Bundle is what became of a file that a stick brought.
type Bundle struct {
	School      string `json:"school"`
	Device      string `json:"device"`
	Number      uint64 `json:"number"`  // of the export at the school
	Entries     uint64 `json:"entries"` // in the file
	Applied     uint64 `json:"applied"` // that the hub took
	Known       uint64 `json:"known"`   // that it had
	Conflicts   int    `json:"conflicts"`
	Quarantined int    `json:"quarantined"`
	Enrolled    bool   `json:"enrolled"`          // the machine was let in by it
	Again       bool   `json:"again"`             // the school must take the reply and export once more: hub or machine had fallen back
	All         bool   `json:"all"`               // the reply has all changes for the school
	Refused     string `json:"refused,omitempty"` // why nothing of it was taken, as schema/text codes it
	Reply       string `json:"reply,omitempty"`   // name of the reply, whose bytes follow
}

// BundleHeader carries a Bundle as JSON; the answer's body is the reply.
const BundleHeader = "Shangu-Bundle"

// spoolDir holds files that are looked at and replies that are made.
const spoolDir = "spool"

// replyBudget is how many bytes of changes one reply carries, about.
const replyBudget = 32 << 20

// importBundle takes one file and answers with what became of it and the reply.
func (n *Node) importBundle(w http.ResponseWriter, r *http.Request) {
	spool := filepath.Join(n.opts.Dir, spoolDir)
	err := os.MkdirAll(spool, 0o700)
	if err != nil {
		refuse(w, fmt.Errorf("import bundle: %w", err))
		return
	}
	work, err := os.MkdirTemp(spool, "bundle")
	if err != nil {
		refuse(w, fmt.Errorf("import bundle: %w", err))
		return
	}
	defer disk.OS.Remove(work)
	in, err := os.Create(filepath.Join(work, "in"))
	if err != nil {
		refuse(w, fmt.Errorf("import bundle: %w", err))
		return
	}
	defer in.Close()
	size, err := io.Copy(in, io.LimitReader(r.Body, bundle.MaxFile+1<<10))
	if err != nil {
		refuse(w, fmt.Errorf("import bundle: %w", err))
		return
	}
	reply, err := os.Create(filepath.Join(work, "reply"))
	if err != nil {
		refuse(w, fmt.Errorf("import bundle: %w", err))
		return
	}
	defer reply.Close()
	b, err := n.takeBundle(r.Context(), in, size, reply)
	if err != nil {
		refuse(w, err)
		return
	}
	facts, err := json.Marshal(b)
	if err != nil {
		refuse(w, err)
		return
	}
	size, err = reply.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = reply.Seek(0, io.SeekStart)
	}
	if err != nil {
		refuse(w, fmt.Errorf("import bundle: %w", err))
		return
	}
	w.Header().Set(BundleHeader, string(facts))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	io.Copy(w, reply) // the command counts
}

// takeBundle takes a file's entries into the cluster and writes the reply. A file
// that is refused is no error: it may be the only bad one on the stick.
func (n *Node) takeBundle(ctx context.Context, src io.ReaderAt, size int64, reply *os.File) (b Bundle, err error) {
	err = patiently(ctx, n.Cluster.Barrier, func(err error) bool { return err != nil })
	if err != nil {
		return b, err
	}
	var head *bundle.UpHead
	f, err := bundle.Open(src, size, bundle.Up, n.Secrets.Cluster, n.Secrets.Sealing, func(h []byte) (_ ed25519.PublicKey, err error) {
		if head, err = bundle.ReadUpHead(h); err != nil {
			return nil, err
		}
		return head.Key, nil
	})
	if err != nil {
		if text.Of(err) == nil {
			return b, err
		}
		b.Refused = text.Of(err).Code()
		n.opts.Log.Warn("bundle refused", "err", err.Error())
		return b, nil
	}
	c := &head.Carried
	b = Bundle{School: head.School, Device: identity.FormatDevice(c.Device), Number: f.Number, Entries: c.Last - c.Confirmed.Seq}
	now := n.opts.Now().Unix()
	down := &bundle.DownHead{School: head.School, Device: c.Device, Chain: c.Chain(), Time: now}
	b.Enrolled, err = n.letIn(ctx, head, down)
	if err != nil && !refusal(err) {
		return b, err
	}
	if err != nil {
		b.Refused = text.Of(err).Code()
		down.Refusal = b.Refused
		n.opts.Log.Warn("bundle refused", "school", head.School, "device", b.Device, "err", err.Error())
	}
	to, err := age.ParseX25519Recipient(head.Recipient)
	if err != nil {
		return b, fmt.Errorf("import bundle: %w", err)
	}
	if err := n.converse(ctx, f, head, down, to, reply, &b); err != nil {
		return b, err
	}
	if down.Refusal == "" {
		beat := c.Aged(now)
		beat.Pending -= min(beat.Pending, b.Entries) // what it had waiting besides
		n.heard(session.Caller{Device: c.Device, School: head.School}, now, beat)
	}
	b.Reply = bundle.NameOf(bundle.Down, head.School, c.Chain(), uint64(max(0, now))).String()
	n.opts.Log.Info("bundle taken", "school", b.School, "device", b.Device, "number", b.Number, "entries", b.Entries,
		"applied", b.Applied, "known", b.Known, "again", b.Again, "enrolled", b.Enrolled, "refused", b.Refused)
	return b, nil
}

// refusal tells a machine that is not let in from a cluster that cannot say.
func refusal(err error) bool {
	m := text.Of(err)
	return m != nil && m.ID() != "authority.too_many"
}

// letIn finds out who sent a bundle, and lets the machine in if the bundle asks
// for it. The error says why it is not taken.
func (n *Node) letIn(ctx context.Context, head *bundle.UpHead, down *bundle.DownHead) (enrolled bool, err error) {
	d, known, err := n.State.Device(head.Carried.Device)
	if err != nil {
		return false, err
	}
	var grant *identity.Grant
	switch {
	case known && d.Revoked != 0:
		return false, text.Wrap(session.ErrRevoked, "hub.bundle_revoked", "device", identity.FormatDevice(d.ID), "reason", d.Reason)
	case known && d.School != head.School:
		return false, text.New("hub.bundle_other_school", "school", d.School, "said", head.School)
	case !known && len(head.Enrol) == 0:
		return false, text.New("hub.bundle_unknown_device", "device", identity.FormatDevice(head.Carried.Device))
	case known && len(head.Enrol) == 0:
		return false, nil
	case known:
		// The reply that told so was lost, or is on its way.
		grant = n.Authority.Grant(d.School, d.Certificate)
	default:
		if grant, err = n.enrolCarried(ctx, head); err != nil {
			return false, err
		}
		enrolled = true
	}
	down.Grant, err = frame.Marshal(grant)
	return enrolled, err
}

func (n *Node) enrolCarried(ctx context.Context, head *bundle.UpHead) (*identity.Grant, error) {
	r, err := identity.DecodeRequest(head.Enrol)
	if err == nil {
		var key ed25519.PublicKey
		if key, err = authority.ParseRequest(r.CSR); err == nil && !key.Equal(head.Key) {
			err = errors.New("it is over another key")
		}
	}
	if err != nil {
		return nil, text.Wrap(err, "authority.bad_request")
	}
	c := &head.Carried
	// Who carries many schools' files is no one source of attempts: each is under
	// a key of its own.
	g, err := n.Authority.EnrolCarried(ctx, identity.FormatDevice(c.Device), r, time.Unix(c.Beat.At+c.Offset, 0))
	if err == nil && g.School != head.School {
		err = text.New("hub.bundle_other_school", "school", g.School, "said", head.School)
	}
	return g, err
}

// Patience with a cluster that is choosing a leader, or busy.
const (
	bundlePatience = time.Minute
	bundlePause    = 500 * time.Millisecond
)

// converse holds the session of a bundle and writes the reply, again from the
// beginning where the cluster could not serve it: what it had taken, it knows.
func (n *Node) converse(ctx context.Context, f *bundle.File, head *bundle.UpHead, down *bundle.DownHead, to age.Recipient, reply *os.File, b *Bundle) error {
	return patiently(ctx, func(ctx context.Context) error {
		return n.converseOnce(ctx, f, head, down, to, reply, b)
	}, func(err error) bool { return errors.Is(err, session.ErrBusy) || errors.Is(err, session.ErrNoLeader) })
}

// patiently does something again while it fails in a way that passes.
func patiently(ctx context.Context, do func(context.Context) error, passes func(error) bool) error {
	patience, cancel := context.WithTimeout(ctx, bundlePatience)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil || !passes(err) {
			return err
		}
		pause := time.NewTimer(bundlePause)
		select {
		case <-pause.C:
		case <-patience.Done():
			pause.Stop()
			return err
		}
	}
}

func (n *Node) converseOnce(ctx context.Context, f *bundle.File, head *bundle.UpHead, down *bundle.DownHead, to age.Recipient, reply *os.File, b *Bundle) error {
	f.Again()
	if _, err := reply.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("write reply: %w", err)
	}
	if err := reply.Truncate(0); err != nil {
		return fmt.Errorf("write reply: %w", err)
	}
	c := &head.Carried
	hand := &byHand{n, session.Caller{Device: c.Device, School: head.School}}
	label := bundle.Label{Kind: bundle.Down, Cluster: n.Secrets.Cluster, Number: f.Number}
	out := bufio.NewWriterSize(reply, 64<<10)
	err := bundle.Write(out, label, to, n.Secrets.Receipt, down, func(put func([]byte) error) error {
		if down.Refusal != "" {
			return nil
		}
		d, err := session.Deliver(ctx, c, f.Next, hand, n.opts.Now().Unix(), replyBudget, func(s *session.Said) error {
			item, err := frame.Marshal(s)
			if err == nil {
				err = put(item)
			}
			return err
		})
		b.Known = d.Known - min(d.Known, b.Applied) // what an earlier attempt took counts as taken
		b.Applied += d.Applied
		b.Conflicts, b.Quarantined = b.Conflicts+d.Conflicts, b.Quarantined+d.Quarantined
		b.Again = d.Fate == session.Behind || d.Fate == session.Parted
		b.All = d.Pulled
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	return err
}

// byHand brings a carried device's requests to the leader.
type byHand struct {
	n      *Node
	caller session.Caller
}

// Exchange implements session.Transport.
func (h *byHand) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	n := h.n
	if !n.Cluster.Leads() {
		leader, _ := n.Cluster.Leader()
		if leader.API == "" {
			return nil, session.ErrNoLeader
		}
		return n.peers.Carry(ctx, leader.API, h.caller, request)
	}
	now := n.opts.Now().Unix()
	a := session.Serve(ctx, n.Cluster, session.District{Cluster: n.Secrets.Cluster, Key: n.Secrets.Receipt}, h.caller, now, request)
	if a.Err != nil {
		return nil, a.Err
	}
	return a.Body, nil
}

// PackRequest asks for a school pack.
type PackRequest struct {
	School string        `json:"school"`
	TTL    time.Duration `json:"ttl"` // of its token, nanoseconds
}

// pack makes a school pack.
func (n *Node) pack(w http.ResponseWriter, r *http.Request) {
	var q PackRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&q); err != nil {
		refuse(w, fmt.Errorf("read request: %w", err))
		return
	}
	b, err := n.makePack(r.Context(), q)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(b)
}

func (n *Node) makePack(ctx context.Context, q PackRequest) ([]byte, error) {
	t, expires, err := n.Authority.Issue(ctx, identity.RoleSchool, q.School, q.TTL)
	if err != nil {
		return nil, err
	}
	p := &bundle.Pack{
		District: n.Secrets.Name, School: q.School, Token: t.String(), Expires: expires.Unix(), Made: n.opts.Now().Unix(),
		CA: n.Secrets.CA.Raw, Receipt: n.Secrets.Receipt.Public().(ed25519.PublicKey), Cluster: n.Secrets.Cluster[:],
		Recipient: n.Secrets.Recipient(),
	}
	schools, err := n.State.Schools()
	if err != nil {
		return nil, err
	}
	for _, s := range schools {
		if s.Code == q.School {
			p.Name = s.Name
		}
	}
	nodes, err := n.State.Nodes()
	if err != nil {
		return nil, err
	}
	for _, m := range nodes {
		p.Hubs = append(p.Hubs, "https://"+m.API)
	}
	return p.Marshal(n.Secrets.Vouch)
}
