package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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

// school is a device with a term of packs made beforehand, so that the time
// taken is the hub's and not that of packing. It is the session.Store of an
// agent that keeps nothing.
type school struct {
	session.Store // what a push does not need stays nil

	link  *link.Link
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

// enrol makes a device of a school and spends its token.
func enrol(ctx context.Context, hubs []string, token string) (*school, error) {
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
	config := link.Config{Hubs: hubs, Key: key}
	grant, err := link.Enrol(ctx, config, t)
	if err != nil {
		return nil, fmt.Errorf("enrol school %s: %w", t.School, err)
	}
	if s.link, err = link.Open(config, grant); err != nil {
		return nil, err
	}
	s.device = key.Device()
	s.chain = frame.ChainOf(s.device, s.epoch)
	s.opts = session.Options{Cluster: grant.Cluster, Key: grant.ReceiptKey()}
	return s, nil
}

// fill packs a term of school days: 12 classes of 40, two sheets each a day, and
// a visit or a training record.
func (s *school) fill(seed uint64) (documents int, err error) {
	made := schooltest.New(seed, schooltest.Shape{Code: "2199000001", Classes: 12, Pupils: 480})
	plan := schooltest.Plan{Exceptions: termDays * 43, Visits: termDays / 2, Trainings: termDays - termDays/2}
	w := frametest.NewWriter(s.device, s.epoch, "班主任")
	var days [][]*change.Entry
	for _, d := range made.Term(seed, schooltest.SchoolDays(termDays), plan) {
		days = append(days, w.Day(&d))
		documents += len(days[len(days)-1])
	}
	return documents / termDays, s.pack(days)
}

func (s *school) pack(days [][]*change.Entry) error {
	table, tip := frame.NewTable(), frame.Genesis(s.chain)
	s.tips = []frame.Tip{tip}
	var buf []byte
	for _, entries := range days {
		pack, err := frame.PackEntries(table, s.chain, tip, entries)
		if err != nil {
			return fmt.Errorf("pack a day: %w", err)
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

// Root implements session.Store.
func (s *school) Root() digest.Sum { return s.root }
