package drill

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"shangu/hub/cluster/history"
	"shangu/installer/stage"
	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/frame/frametest"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

// A scribe is a device with a chain of entries made beforehand, each in a pack
// of its own: one goroutine pushes them one after the other, others ask where
// the chain ends.
type scribe struct {
	number  int
	school  string
	key     *identity.Key
	grant   *link.Credentials
	epoch   [16]byte
	entries []*change.Entry
	tips    []frame.Tip // tips[n] is the chain's end after n entries
	packs   [][]byte
	known   atomic.Int64 // entries with a receipt
}

// scribeDays is how many days of records the chains share.
const scribeDays = 150

// newScribe enrols a device. It writes the days of the term from and to.
func newScribe(ctx context.Context, h *stage.Hub, number int, school string, seed uint64, from, to int) (s *scribe, err error) {
	word, err := h.Token(ctx, 0, school)
	if err != nil {
		return nil, err
	}
	token, err := identity.ParseToken(word)
	if err != nil {
		return nil, err
	}
	s = &scribe{number: number, school: school}
	if s.key, err = identity.NewKey(rand.Reader); err != nil {
		return nil, err
	}
	if _, err := rand.Read(s.epoch[:]); err != nil {
		return nil, fmt.Errorf("draw epoch: %w", err)
	}
	if s.grant, err = link.Enrol(ctx, link.Config{Hubs: []string{"https://" + h.Listen[0]}, Key: s.key}, token); err != nil {
		return nil, err
	}
	made := schooltest.New(seed, schooltest.Shape{Code: school, Classes: 12, Pupils: 480})
	w := frametest.NewWriter(s.key.Device(), s.epoch, "wang")
	for _, d := range made.Term(seed, schooltest.SchoolDays(scribeDays), schooltest.Plan{Exceptions: 40 * scribeDays, Visits: 70, Trainings: 70})[from:to] {
		s.entries = append(s.entries, w.Day(&d)...)
	}
	return s, s.pack()
}

func (s *scribe) pack() error {
	chain := frame.ChainOf(s.key.Device(), s.epoch)
	table, tip := frame.NewTable(), frame.Genesis(chain)
	s.tips = []frame.Tip{tip}
	for _, e := range s.entries {
		pack, err := frame.PackEntries(table, chain, tip, []*change.Entry{e})
		if err != nil {
			return fmt.Errorf("pack entry %d: %w", e.Seq, err)
		}
		tip = tip.Next(frame.AppendEntry(nil, chain, e))
		s.packs, s.tips = append(s.packs, pack), append(s.tips, tip)
	}
	return nil
}

// witness is what all scribes write down, and where the hub's nodes are.
type witness struct {
	history history.History
	over    atomic.Bool

	mu    sync.Mutex
	nodes []string // URLs
	wrong []string
}

// at is the URL of one of the nodes.
func (w *witness) at(r *mathrand.Rand) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[r.IntN(len(w.nodes))]
}

func (w *witness) knows(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = append(w.nodes, "https://"+node)
}

func (w *witness) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// clerk is one goroutine of a scribe. It has a connection of its own to each
// node, and goes from one to the other as it likes.
type clerk struct {
	*scribe
	*witness
	client int
	rng    *mathrand.Rand
	links  map[string]*link.Link
}

func newClerk(s *scribe, w *witness, client int, seed uint64) *clerk {
	return &clerk{scribe: s, witness: w, client: client, rng: mathrand.New(mathrand.NewPCG(seed, 1000+uint64(client))), links: map[string]*link.Link{}}
}

// answerWithin is how long a clerk waits before it takes an outcome for unknown.
const answerWithin = 4 * time.Second

// ask holds one session of one exchange with any node: it pushes what q has
// pending, or asks for the tip.
func (c *clerk) ask(ctx context.Context, q *quill) {
	node := c.at(c.rng)
	l := c.links[node]
	if l == nil {
		var err error
		l, err = link.Open(link.Config{Hubs: []string{node}, Key: c.key, DialTimeout: answerWithin, HandshakeTimeout: answerWithin, Stall: answerWithin}, c.grant)
		if err != nil {
			c.say("chain %d: %v", c.number, err)
			return
		}
		c.links[node] = l
	}
	asked := history.Asked{Chain: c.number}
	if q.limit > q.confirmed {
		asked.Seq = q.limit
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	called := c.history.Tick()
	_, err := session.Run(ctx, q, l, session.Options{Cluster: c.grant.Cluster, Key: c.grant.ReceiptKey(), Thrift: func() bool { return true }})
	told := history.Told{Tip: q.told, Unknown: !q.answered}
	if err == nil && !q.answered { // the hub agrees to what a read took for the tip
		told = history.Told{Tip: q.confirmed}
	}
	if errors.Is(err, session.ErrProtocol) || errors.Is(err, errAnother) {
		c.say("chain %d, asked of %s: %v", c.number, node, err)
	}
	if told.Unknown && asked.Seq == 0 {
		return // a read that was not answered changes nothing
	}
	c.history.Note(c.client, asked, called, told)
	if !told.Unknown && asked.Seq != 0 {
		c.known.Store(int64(told.Tip))
	}
}

// push pushes entry after entry, each again until it is known to be safe. Once
// it is over it stops at the first that is.
func (c *clerk) push(ctx context.Context) {
	defer c.rest()
	for next := 1; next <= len(c.packs) && !c.over.Load(); next++ {
		for c.known.Load() < int64(next) {
			c.ask(ctx, &quill{scribe: c.scribe, confirmed: next - 1, limit: next})
			if wait(ctx, time.Duration(20+c.rng.IntN(80))*time.Millisecond) != nil {
				return
			}
		}
		if c.known.Load() != int64(next) {
			return // the check says what is wrong
		}
	}
}

// read asks for the tip, with an old idea of it, the present one, or none.
func (c *clerk) read(ctx context.Context) {
	defer c.rest()
	for !c.over.Load() {
		idea := int(c.known.Load())
		if c.rng.IntN(3) == 0 {
			idea = c.rng.IntN(idea + 1)
		}
		c.ask(ctx, &quill{scribe: c.scribe, confirmed: idea, limit: idea})
		if wait(ctx, time.Duration(20+c.rng.IntN(130))*time.Millisecond) != nil {
			return
		}
	}
}

// rest closes the connections; without a state file there is nothing to fail.
func (c *clerk) rest() {
	for _, l := range c.links {
		_ = l.Close()
	}
}

// quill is the session.Store of one exchange.
type quill struct {
	session.Store // what such a session does not need stays nil
	*scribe
	confirmed, limit int
	told             int
	answered         bool
}

// errAnother means that the hub holds a chain that is not the scribe's.
var errAnother = errors.New("the hub holds entries that nobody sent")

func (q *quill) Heartbeat() session.Heartbeat {
	return session.Heartbeat{At: time.Now().Unix(), Boot: 1, Version: "drill", Pending: uint64(q.limit - q.confirmed)}
}

func (q *quill) Chain() (change.ChainID, [16]byte) {
	return frame.ChainOf(q.key.Device(), q.epoch), q.epoch
}
func (q *quill) Confirmed() frame.Tip           { return q.tips[q.confirmed] }
func (q *quill) Cursor() uint64                 { return 0 }
func (q *quill) Root() digest.Sum               { return digest.Sum{} }
func (q *quill) Compared([]digest.Bucket) error { return nil }

func (q *quill) Pack(int) ([]byte, uint64, error) {
	if q.confirmed == q.limit {
		return nil, 0, nil
	}
	return q.packs[q.confirmed], uint64(q.limit), nil
}

func (q *quill) TipAt(seq uint64) (frame.Tip, bool) {
	if seq >= uint64(len(q.tips)) {
		return frame.Tip{}, false
	}
	return q.tips[seq], true
}

func (q *quill) Confirm(r session.Receipt, verdicts []session.Verdict, _ change.Clock) error {
	if len(verdicts) > 0 {
		return fmt.Errorf("%w: it did not simply apply entry %d: %s", errAnother, verdicts[0].Seq, verdicts[0].Reason)
	}
	return q.Rewind(r.Tip)
}

func (q *quill) Rewind(tip frame.Tip) error {
	q.told, q.answered = int(tip.Seq), true
	q.confirmed, q.limit = q.told, q.told
	return nil
}

func (q *quill) Rechain(parted uint64) error {
	return fmt.Errorf("%w: after entry %d", errAnother, parted)
}

// holding is what all scribes of a school have receipts for, as digests of
// sheets, visits and trainings, the kinds that nobody else writes.
func holding(scribes []*scribe, school string) digest.Set {
	set, docs := digest.Set{}, map[session.DocKey]*change.Doc{}
	for _, s := range scribes {
		if s.school != school {
			continue
		}
		chain := frame.ChainOf(s.key.Device(), s.epoch)
		for _, e := range s.entries[:s.known.Load()] {
			key := session.DocKey{Kind: e.Kind, ID: e.ID}
			was := docs[key]
			docs[key], _ = change.Merge(was, e, change.Author{Chain: chain, Role: schema.RoleHost})
			set.Replace(was, docs[key])
		}
	}
	return set
}
