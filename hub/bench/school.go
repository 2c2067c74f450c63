package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/frame"
	"shangu/sync/frame/frametest"
	"shangu/sync/identity"
	"shangu/sync/link"
	"shangu/sync/session"
)

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// school is a device with a term of packs made beforehand, so that the time
// taken is the hub's and not that of packing. It is the session.Store of an
// agent that keeps nothing.
type school struct {
	session.Store // what a push does not need stays nil

	config link.Config
	grant  *link.Credentials
	link   *link.Link

	opts  session.Options
	chain change.ChainID
	epoch [16]byte

	device    [16]byte
	tips      []frame.Tip // after each pack; tips[0] is the genesis
	packs     [][]byte
	confirmed int // packs
	cursor    uint64
	limit     int // packs to push now
	root      digest.Sum
}

// enrol makes a device of a school and spends its token. dial is how it reaches
// the hub; nil is as any program does.
func enrol(ctx context.Context, hubs []string, token string, dial dialer) (*school, error) {
	t, err := identity.ParseToken(token)
	if err != nil {
		return nil, err
	}
	s := &school{}
	if _, err := rand.Read(s.epoch[:]); err != nil {
		return nil, fmt.Errorf("draw epoch: %w", err)
	}
	key, err := identity.NewKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	s.config = link.Config{Hubs: hubs, Key: key, Dial: dial}
	if s.grant, err = link.Enrol(ctx, s.config, t); err != nil {
		return nil, fmt.Errorf("enrol school %s: %w", t.School, err)
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	s.device = key.Device()
	s.chain = frame.ChainOf(s.device, s.epoch)
	s.opts = session.Options{Cluster: s.grant.Cluster, Key: s.grant.ReceiptKey()}
	return s, nil
}

// connect gives the school a link that knows no ticket and no speed yet.
func (s *school) connect() (err error) {
	s.link, err = link.Open(s.config, s.grant)
	return err
}

// write makes school days of 12 classes of 40: two sheets each a day, and a
// visit or a training record.
func (s *school) write(seed uint64, days int) (out [][]*change.Entry) {
	made := schooltest.New(seed, schooltest.Shape{Code: "2199000001", Classes: 12, Pupils: 480})
	plan := schooltest.Plan{Exceptions: days * 43, Visits: days / 2, Trainings: days - days/2}
	w := frametest.NewWriter(s.device, s.epoch, "班主任")
	for _, d := range made.Term(seed, schooltest.SchoolDays(days), plan) {
		out = append(out, w.Day(&d))
	}
	return out
}

// fill packs a term, each day by itself, and returns the documents of a day.
func (s *school) fill(seed uint64) (documents int, err error) {
	days := s.write(seed, termDays)
	for _, d := range days {
		documents += len(d)
	}
	return documents / termDays, s.pack(days)
}

// pack packs runs of entries, each into one pack.
func (s *school) pack(runs [][]*change.Entry) error {
	table, tip := frame.NewTable(), frame.Genesis(s.chain)
	s.tips = []frame.Tip{tip}
	var buf []byte
	for _, entries := range runs {
		pack, err := frame.PackEntries(table, s.chain, tip, entries)
		if err != nil {
			return fmt.Errorf("pack entries: %w", err)
		}
		for _, e := range entries {
			buf = frame.AppendEntry(buf[:0], s.chain, e)
			tip = tip.Next(buf)
		}
		s.packs, s.tips = append(s.packs, pack), append(s.tips, tip)
	}
	return nil
}

// push sends the next day and waits for its receipt. left is false when there
// is none.
func (s *school) push(ctx context.Context) (took time.Duration, left bool, err error) {
	if s.confirmed == len(s.packs) {
		return 0, false, nil
	}
	s.limit = s.confirmed + 1
	began := time.Now()
	_, err = session.Run(ctx, s, s.link, s.opts)
	return time.Since(began), true, err
}

// Heartbeat implements session.Store.
func (s *school) Heartbeat() session.Heartbeat {
	return session.Heartbeat{At: time.Now().Unix(), Boot: 1, Version: "bench",
		Pending: s.tips[s.limit].Seq - s.tips[s.confirmed].Seq}
}

// Chain implements session.Store.
func (s *school) Chain() (change.ChainID, [16]byte) { return s.chain, s.epoch }

// Confirmed implements session.Store.
func (s *school) Confirmed() frame.Tip { return s.tips[s.confirmed] }

// Cursor implements session.Store.
func (s *school) Cursor() uint64 { return s.cursor }

// Pack implements session.Store.
func (s *school) Pack(int) ([]byte, uint64, error) {
	if s.confirmed == s.limit {
		return nil, 0, nil
	}
	return s.packs[s.confirmed], s.tips[s.limit].Seq, nil
}

// TipAt implements session.Store.
func (s *school) TipAt(seq uint64) (frame.Tip, bool) {
	for i := min(s.limit, len(s.tips)-1); i >= 0; i-- {
		if s.tips[i].Seq == seq {
			return s.tips[i], true
		}
	}
	return frame.Tip{}, false
}

// Confirm implements session.Store.
func (s *school) Confirm(r session.Receipt, verdicts []session.Verdict, _ change.Clock) error {
	if len(verdicts) > 0 {
		return fmt.Errorf("the hub did not simply apply entry %d: %s", verdicts[0].Seq, verdicts[0].Reason)
	}
	for s.confirmed < s.limit && s.tips[s.confirmed].Seq < r.Tip.Seq {
		s.confirmed++
	}
	return nil
}

// errParted means that the hub lost what it acknowledged.
var errParted = errors.New("the hub does not hold what it gave a receipt for")

// Rewind implements session.Store.
func (s *school) Rewind(frame.Tip) error { return errParted }

// Rechain implements session.Store.
func (s *school) Rechain(uint64) error { return errParted }

// Absorb implements session.Store.
func (s *school) Absorb(d session.Delta) error { s.cursor = d.Cursor; s.root = d.Root; return nil }

// Compared implements session.Store.
func (s *school) Compared(differ []digest.Bucket) error {
	if len(differ) > 0 {
		return fmt.Errorf("%d parts differ from the hub's, one is %v %s", len(differ), differ[0].Kind, differ[0].Month)
	}
	return nil
}

// Root implements session.Store.
func (s *school) Root() digest.Sum { return s.root }
