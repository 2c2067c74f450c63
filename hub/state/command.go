package state

import (
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/session"
)

// Command numbers: the first byte of a log entry. They are log format: a
// number is never reused, and a new one waits for the feature level.
const (
	cmdInit     = 1
	cmdIngest   = 2
	cmdAuthor   = 3
	cmdToken    = 4
	cmdEnrol    = 5
	cmdRevoke   = 6
	cmdNode     = 7
	cmdDropNode = 8
	cmdSettle   = 9
	cmdFeature  = 10
	cmdEvent    = 11
)

// Init names the cluster; it comes first in the log of a new district. The
// same cluster id again changes the name alone; another one is refused.
type Init struct {
	Cluster [16]byte
	Name    string
	Now     int64 // unix seconds
	Account string
}

func (c *Init) walk(w *wire) {
	w.fixed(c.Cluster[:])
	w.str(&c.Name)
	w.int64(&c.Now)
	w.str(&c.Account)
}

// EncodeInit builds the command; DecodeDone reads its result.
func EncodeInit(c Init) []byte { return encode([]byte{cmdInit}, &c) }

// Beat is what the leader heard of an agent in a heartbeat.
type Beat struct {
	Device   [16]byte
	School   string
	At       int64  // hub's unix seconds
	Pending  uint64 // entries waiting at the agent
	Offset   int64  // agent's clock minus the hub's, seconds
	Failure  string // last failure: a message id, "" if none
	DiskFree uint64 // MiB
	Version  string
}

func (b *Beat) walk(w *wire) {
	w.fixed(b.Device[:])
	w.str(&b.School)
	w.int64(&b.At)
	w.uint64(&b.Pending)
	w.int64(&b.Offset)
	w.str(&b.Failure)
	w.uint64(&b.DiskFree)
	w.str(&b.Version)
}

type ingest struct {
	now    int64
	pushes []session.Push
	beats  []Beat
}

func (c *ingest) walk(w *wire) {
	w.int64(&c.now)
	listOf(w, &c.pushes, func(w *wire, p *session.Push) { w.record((*push)(p)) })
	records(w, &c.beats)
}

type push session.Push

func (p *push) walk(w *wire) {
	w.fixed(p.Caller.Device[:])
	w.fixed(p.Chain[:])
	w.bytes(&p.Pack)
	w.int64(&p.Clock.Hub)
	w.int64(&p.Clock.At)
	w.uint32(&p.Clock.Boot)
	w.int64(&p.Clock.Up)
	w.fixed(p.Epoch[:])
	w.uint64(&p.Confirmed)
	w.uint64(&p.Pending)
}

// EncodeIngest puts many schools' packs, as they came, into one command. now
// is the leader's unix seconds. Either list may be empty: beats travel with
// packs, or alone now and then. DecodeIngest reads the result.
func EncodeIngest(now int64, pushes []session.Push, beats []Beat) []byte {
	return encode([]byte{cmdIngest}, &ingest{now, pushes, beats})
}

// Change is one document's change by the district.
type Change struct {
	Scope  string // schema.DistrictScope or a school code
	Kind   schema.Kind
	ID     string
	Fields []change.Field // sorted by key; Base counts unless Latest is set
	Latest bool           // the fields replace what is there when the command applies
}

func (c *Change) walk(w *wire) {
	w.str(&c.Scope)
	small(w, &c.Kind)
	w.str(&c.ID)
	w.bool(&c.Latest)
	walkFields(w, &c.Fields)
}

func walkFields(w *wire, fields *[]change.Field) {
	listOf(w, fields, func(w *wire, f *change.Field) { w.record((*field)(f)) })
}

type field change.Field

func (f *field) walk(w *wire) {
	small(w, &f.Key.Num)
	w.str(&f.Key.Sub)
	w.value(&f.Value)
	if w.dec == nil && f.Base.IsZero() {
		return
	}
	w.ref(&f.Base)
}

// Author is a set of changes by an operator: all of them apply or none. Fields
// that hold the value already are left out, so that loading a file twice
// changes nothing.
type Author struct {
	Account string
	Now     int64 // unix seconds
	Changes []Change
}

func (c *Author) walk(w *wire) { w.str(&c.Account); w.int64(&c.Now); records(w, &c.Changes) }

// EncodeAuthor builds the command; DecodeAuthor reads its result.
func EncodeAuthor(c Author) []byte { return encode([]byte{cmdAuthor}, &c) }

// TokenRole says what a token lets in.
type TokenRole uint8

// Token roles.
const (
	TokenSchool TokenRole = 1 // a school's device
	TokenNode   TokenRole = 2 // a node of the hub
)

// IssueToken makes a one-time token known by its hash.
type IssueToken struct {
	Hash    [32]byte // SHA-256 of the secret
	School  string   // "" for a node
	Role    TokenRole
	Now     int64
	Expires int64 // unix seconds
	Account string
}

func (c *IssueToken) walk(w *wire) {
	w.fixed(c.Hash[:])
	w.str(&c.School)
	small(w, &c.Role)
	w.int64(&c.Now)
	w.int64(&c.Expires)
	w.str(&c.Account)
}

// EncodeToken builds the command; DecodeDone reads its result.
func EncodeToken(c IssueToken) []byte { return encode([]byte{cmdToken}, &c) }

// Enrol spends a token. For a node's token Device is the id of the node's key,
// and no device is recorded. The same device with the same token gets the
// answer that it got the first time.
type Enrol struct {
	Hash        [32]byte // of the token's secret
	Role        TokenRole
	Device      [16]byte
	Certificate []byte // DER, made by the proposer
	Now         int64
}

func (c *Enrol) walk(w *wire) {
	w.fixed(c.Hash[:])
	small(w, &c.Role)
	w.fixed(c.Device[:])
	w.bytes(&c.Certificate)
	w.int64(&c.Now)
}

// EncodeEnrol builds the command; DecodeEnrol reads its result.
func EncodeEnrol(c Enrol) []byte { return encode([]byte{cmdEnrol}, &c) }

// Revoke shuts a device out, for good and from this log entry on.
type Revoke struct {
	Device  [16]byte
	Now     int64
	Account string
	Reason  string
}

func (c *Revoke) walk(w *wire) {
	w.fixed(c.Device[:])
	w.int64(&c.Now)
	w.str(&c.Account)
	w.str(&c.Reason)
}

// EncodeRevoke builds the command; DecodeDone reads its result.
func EncodeRevoke(c Revoke) []byte { return encode([]byte{cmdRevoke}, &c) }

// Node is a node of the hub: where it is reached, and which life of it counts.
// A node that was started from an old or a copied disk does not know Token.
type Node struct {
	ID     string
	Raft   string // HOST:PORT
	API    string // HOST:PORT
	Server string // its name in raft's membership, new for each empty directory
	Life   uint64 // counts its starts
	Token  string // drawn at its last start
}

func (c *Node) walk(w *wire) {
	w.str(&c.ID)
	w.str(&c.Raft)
	w.str(&c.API)
	w.str(&c.Server)
	w.uint64(&c.Life)
	w.str(&c.Token)
}

type setNode struct {
	node    Node
	now     int64
	account string
}

func (c *setNode) walk(w *wire) { w.record(&c.node); w.int64(&c.now); w.str(&c.account) }

// EncodeSetNode records a node's addresses; DecodeDone reads the result. now is
// unix seconds; account is who did it.
func EncodeSetNode(n Node, now int64, account string) []byte {
	return encode([]byte{cmdNode}, &setNode{n, now, account})
}

type dropNode struct {
	id      string
	now     int64
	account string
}

func (c *dropNode) walk(w *wire) { w.str(&c.id); w.int64(&c.now); w.str(&c.account) }

// EncodeDropNode forgets a node's addresses; DecodeDone reads the result.
func EncodeDropNode(id string, now int64, account string) []byte {
	return encode([]byte{cmdDropNode}, &dropNode{id, now, account})
}

// Event is what was done to the hub from outside its log: what it is must stand
// in the audit trail.
type Event struct {
	What    string // EventRestored, EventRecovered
	Now     int64  // unix seconds
	Account string
	Note    string // of what, in words or numbers
}

// What an Event says.
const (
	EventRestored  = "restored"  // the hub was made anew from a backup: what came after it is not here
	EventRecovered = "recovered" // after the loss of a quorum one node went on alone
)

func (c *Event) walk(w *wire) { w.str(&c.What); w.int64(&c.Now); w.str(&c.Account); w.str(&c.Note) }

// EncodeEvent builds the command; DecodeDone reads its result.
func EncodeEvent(c Event) []byte { return encode([]byte{cmdEvent}, &c) }

// Settlement is what an operator does with a quarantined entry.
type Settlement uint8

// Settlements.
const (
	Fix  Settlement = 1 // write the entry with corrected fields
	Drop Settlement = 2 // leave it unwritten
)

// Settle closes a quarantined entry.
type Settle struct {
	School  string // scope of the quarantine document
	ID      string // its id
	Do      Settlement
	Account string
	Note    string // the operator's reason
	Now     int64
	Fields  []change.Field // for Fix: instead of the entry's own; empty: its own; Base is not used
	DocID   string         // for Fix: instead of the entry's own document id, unless ""
}

func (c *Settle) walk(w *wire) {
	w.str(&c.School)
	w.str(&c.ID)
	small(w, &c.Do)
	w.str(&c.Account)
	w.str(&c.Note)
	w.int64(&c.Now)
	walkFields(w, &c.Fields)
	w.str(&c.DocID)
}

// EncodeSettle builds the command; DecodeAuthor reads its result.
func EncodeSettle(c Settle) []byte { return encode([]byte{cmdSettle}, &c) }

type feature struct {
	level   uint64
	now     int64
	account string
}

func (c *feature) walk(w *wire) { w.uint64(&c.level); w.int64(&c.now); w.str(&c.account) }

// EncodeFeature raises the feature level; it never falls. DecodeDone reads the result.
func EncodeFeature(level uint64, now int64, account string) []byte {
	return encode([]byte{cmdFeature}, &feature{level, now, account})
}
