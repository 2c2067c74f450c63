// Package session is one conversation between a school's agent and the hub:
// heartbeat, push, receipt, pull, digest. It knows no transport: requests and
// responses are bytes that somebody carries (see sync/link), so the same code
// runs over HTTPS, in a simulator and from a stick.
//
// The agent drives: Run sends requests until nothing is pending and nothing is
// unseen. The hub answers each request by Serve. Every request stands alone; a
// response that was lost is made up for by the next request.
package session

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
)

// Caller is the authenticated sender of a request.
type Caller struct {
	Device [16]byte
	School string // school code that the device is enrolled for
}

// Push is one pack on its way into the hub's log.
type Push struct {
	Caller Caller
	Chain  change.ChainID
	Epoch  [16]byte // set when the hub does not know the chain yet, else zero
	Clock  change.Clock
	Pack   []byte // nil: a heartbeat alone, which fits when Confirmed is the chain's tip

	Confirmed uint64 // the seq that the agent holds a receipt for
	Pending   uint64 // entries that the agent had waiting, those in Pack among them
}

// Verdict is what became of an entry that was not simply applied.
type Verdict struct {
	Seq     uint64
	Outcome change.Outcome
	Reason  string // for Quarantined: message id and arguments (schema/text)
}

// Ack is the hub's committed answer to a push.
type Ack struct {
	Tip      frame.Tip    // end of the chain at the hub after the push
	Fits     bool         // the pack continued the chain; false: nothing was applied
	Near     frame.Tip    // if !Fits: the greatest checkpoint at or before the pack's start
	Verdicts []Verdict    // entries after the agent's confirmed seq that were not simply applied
	Clock    change.Clock // the clock that the hub corrected times with
	Applied  uint64       // raft index at which it was committed
	Place    Place        // of the pack that ends at Tip; set when a receipt is due
}

// Place is where the hub's audit trail has a pack. It comes from the hub's log,
// so that the hub can make a receipt again, word for word.
type Place struct {
	N    uint64  // number of the audit record, from 1; 0: the chain has none
	Time int64   // hub's unix seconds at which the pack was taken in
	Head [8]byte // first bytes of the trail's hash up to this record and with it
}

// Delta is what changed for one school after a cursor.
type Delta struct {
	Docs   []*change.Doc // scope as the hub knows it: school code or schema.DistrictScope
	Gone   []DocKey      // documents that the school no longer sees
	Cursor uint64        // to be sent next time
	More   bool          // the budget ran out; ask again
	Root   digest.Sum    // over all that the school sees, valid when !More; an agent learns its first 8 bytes
}

// DocKey names a document.
type DocKey struct {
	Scope string
	Kind  schema.Kind
	ID    string
}

// Hub is what Serve needs of a hub node. hub/cluster implements it on the
// leader; the simulator in memory.
type Hub interface {
	// Ingest commits a push through the log and returns what became of it.
	// It fails with ErrBusy, ErrNoLeader, ErrDiskFull, ErrRevoked or
	// ErrUnknownChain, or with frame.ErrFormat or ErrLimit for bytes that are
	// no pack.
	Ingest(ctx context.Context, p Push) (Ack, error)
	// Chain returns the whole id of a chain of the caller's device, of which
	// start is the first 8 bytes or more. It fails with ErrUnknownChain when
	// there is no such chain.
	Chain(ctx context.Context, c Caller, start []byte) (change.ChainID, error)
	// Pull returns what a school has not seen, about budget bytes at most.
	// Documents that only chain wrote since the cursor are left out.
	Pull(ctx context.Context, c Caller, chain change.ChainID, cursor uint64, budget int) (Delta, error)
	// Buckets returns the digests of all that a school sees.
	Buckets(ctx context.Context, c Caller) (digest.Set, error)
	// Bucket returns the documents of one bucket, for repair.
	Bucket(ctx context.Context, c Caller, b digest.Bucket) ([]*change.Doc, error)
}

// Store is what Run needs of an agent's store. agent/store implements it.
type Store interface {
	// Heartbeat reads the agent's clocks and state.
	Heartbeat() Heartbeat
	// Chain returns the present chain and the epoch it stems from.
	Chain() (change.ChainID, [16]byte)
	// Confirmed returns the tip that the hub has given a receipt for.
	Confirmed() frame.Tip
	// Cursor returns the position up to which the hub's feed was taken.
	Cursor() uint64
	// Pack packs pending entries after the confirmed tip in chain order, at
	// most about budget bytes; nil when nothing is pending.
	Pack(budget int) (pack []byte, last uint64, err error)
	// TipAt returns the own chain's tip at seq; ok is false when the journal
	// does not reach there.
	TipAt(seq uint64) (frame.Tip, bool)
	// Confirm records that the hub holds the chain up to r.Tip, with verdicts
	// for what was not simply applied.
	Confirm(r Receipt, verdicts []Verdict, clock change.Clock) error
	// Rewind makes the entries after tip pending again: the hub was restored
	// from a backup.
	Rewind(tip frame.Tip) error
	// Rechain starts a new epoch and moves the entries after parted to it:
	// this store is a copy, or came from an old image.
	Rechain(parted uint64) error
	// Absorb takes a delta from the hub.
	Absorb(d Delta) error
	// Root digests what the hub has confirmed, without pending entries.
	Root() digest.Sum
	// Buckets returns the digests behind Root.
	Buckets() (digest.Set, error)
	// Compared notes which buckets differ from the hub's, none when all that
	// the hub has confirmed agrees.
	Compared(differ []digest.Bucket) error
	// Replace makes the confirmed documents of a bucket exactly docs. What the
	// hub gave receipts for and does not have is pending afterwards.
	Replace(b digest.Bucket, docs []*change.Doc) error
}

// Receiptless is a Store that may have lost receipts. Where it lacks the one for
// what is confirmed, Confirm is called with that again.
type Receiptless interface {
	LacksReceipt() bool
}

func lacks(s Store) bool {
	r, ok := s.(Receiptless)
	return ok && r.LacksReceipt()
}

// Heartbeat is what an agent says of itself in each request.
type Heartbeat struct {
	At       int64  // wall clock, unix seconds
	Boot     uint32 // counts the starts of the agent in this chain
	Up       int64  // seconds since that start
	Pending  uint64 // entries waiting
	Failure  string // last failure: a message id, "" if none
	DiskFree uint64 // MiB
	Version  string
}

// Receipt is the hub's signed word that it holds a chain up to Tip: committed
// by a quorum and fsynced there. Whoever keeps one keeps a hash over the hub's
// audit trail with it: a trail that was cut or written anew no longer fits.
type Receipt struct {
	Chain change.ChainID
	Tip   frame.Tip
	Place
	Sig []byte
}

// District is what a hub node signs receipts with.
type District struct {
	Cluster [16]byte
	Key     ed25519.PrivateKey
}

// message is what a receipt's signature covers. The tip's hash is in it but is
// not sent: the agent knows it.
func (r *Receipt) message(cluster [16]byte) []byte {
	b := append([]byte("shangu receipt v1"), cluster[:]...)
	b = append(b, r.Chain[:]...)
	for _, n := range []uint64{r.Tip.Seq, r.N, uint64(r.Time)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, r.Head[:]...)
	return append(b, r.Tip.Hash[:]...)
}

// Sign signs a receipt with the district's receipt key.
func (r *Receipt) Sign(key ed25519.PrivateKey, cluster [16]byte) {
	r.Sig = ed25519.Sign(key, r.message(cluster))
}

// Verify reports whether the district's receipt key signed r.
func (r *Receipt) Verify(key ed25519.PublicKey, cluster [16]byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, r.message(cluster), r.Sig)
}

// Errors of a session. Those that a hub returns travel as codes.
var (
	ErrBusy     = errors.New("session: the hub is busy, try again later")
	ErrNoLeader = errors.New("session: the hub has no leader at the moment")
	ErrDiskFull = errors.New("session: the hub's disk is full")
	ErrRevoked  = errors.New("session: this device was revoked")
	ErrRefused  = errors.New("session: the hub refused the request")
	// ErrUnknownChain asks the agent to introduce its chain by its epoch.
	ErrUnknownChain = errors.New("session: the hub does not know this chain")
	ErrProtocol     = errors.New("session: the answer is not one of ours")
)

// Transport carries one request to a hub and brings the response.
type Transport interface {
	Exchange(ctx context.Context, request []byte) (response []byte, err error)
}
