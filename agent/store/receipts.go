package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/journal"
	"shangu/sync/session"
)

// The receipts of a chain are a journal too, in a directory of the chain's name:
// appended and synced before anybody is told that entries are safe, and never
// rewritten, so that each entry's own receipt can be shown for as long as the
// store lives, whatever becomes of the documents.
//
//	bytes  of a receipt            bytes  of a withdrawal
//	1      1                       1      2
//	8      seq of the tip          8      seq after which receipts no longer hold
//	8      audit record
//	8      time, unix seconds
//	8      head of the audit trail
//	32     hash of the tip
//	64     signature
//
// A withdrawal is written when the hub was restored from a backup.
const (
	noteReceipt  = 1
	noteWithdraw = 2

	receiptSize    = 1 + 3*8 + 8 + 32 + 64
	receiptSegment = 64 << 10 // preallocated: some 450 receipts
)

// dirReceipts holds a directory for each chain.
const dirReceipts = "receipts"

func (f files) receipts(chain change.ChainID) string {
	return filepath.Join(f.dir, dirReceipts, hex.EncodeToString(chain[:]))
}

func (s *Store) receiptOptions() journal.Options {
	o := s.journalOptions()
	o.SegmentSize = receiptSegment
	return o
}

// openReceipts opens the present chain's receipts, when it has any, and finds
// the last one. Damaged ones are put aside: entries stay safe, and their codes
// can be shown again after the next session.
func (s *Store) openReceipts() error {
	chain := s.ident.chain()
	dir := s.files.receipts(chain)
	j, err := journal.Open(dir, chain, s.receiptOptions())
	if errors.Is(err, journal.ErrMissing) {
		return nil
	}
	if err == nil {
		var rs []session.Receipt
		if rs, err = readReceipts(j); err == nil {
			s.receipts = j
			if len(rs) > 0 {
				s.receipt = rs[len(rs)-1]
			}
			return nil
		}
		err = errors.Join(err, j.Close())
	}
	return s.putAside(chain, err)
}

// putAside gives damaged receipts of a chain another name. The next session
// brings the present chain's last one again, which covers all before it.
func (s *Store) putAside(chain change.ChainID, why error) error {
	if !errors.Is(why, journal.ErrDamaged) && !errors.Is(why, frame.ErrFormat) {
		return why
	}
	s.o.Log.Error("the district's receipts are damaged; they are put aside", "error", why)
	dir := s.files.receipts(chain)
	aside := dir + ".damaged"
	return errors.Join(s.files.fs.Remove(aside), s.files.fs.Rename(dir, aside), s.files.fs.SyncDir(filepath.Dir(dir)))
}

// closeReceipts lets the present chain's receipts go.
func (s *Store) closeReceipts() error {
	if s.receipts == nil {
		return nil
	}
	err := s.receipts.Close()
	s.receipts = nil
	return err
}

// note appends to the present chain's receipts; it is durable then.
func (s *Store) note(b []byte) (err error) {
	if s.receipts == nil {
		chain := s.ident.chain()
		if err := s.files.fs.SyncDir(filepath.Join(s.files.dir, dirReceipts)); err != nil {
			return err
		}
		if s.receipts, err = journal.Create(s.files.receipts(chain), chain, frame.Genesis(chain), nil, s.receiptOptions()); err != nil {
			return err
		}
	}
	add := func(uint64) ([][]byte, error) { return [][]byte{b}, nil }
	_, err = s.receipts.Append(add)
	for errors.Is(err, journal.ErrDiskFull) && s.files.relief != nil && s.files.relief() {
		_, err = s.receipts.Append(add)
	}
	return err
}

// keepReceipt keeps a receipt for good.
func (s *Store) keepReceipt(r session.Receipt) error {
	if len(r.Sig) > 64 {
		return fmt.Errorf("keep receipt: %w: signature of %d bytes", ErrReceipt, len(r.Sig))
	}
	b := append(make([]byte, 0, receiptSize), noteReceipt)
	for _, n := range []uint64{r.Tip.Seq, r.N, uint64(r.Time)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(append(b, r.Head[:]...), r.Tip.Hash[:]...)
	b = append(b, r.Sig...)
	if err := s.note(b); err != nil {
		return fmt.Errorf("keep receipt: %w", err)
	}
	return nil
}

// withdraw makes receipts for entries after seq void.
func (s *Store) withdraw(seq uint64) error {
	if err := s.note(binary.BigEndian.AppendUint64([]byte{noteWithdraw}, seq)); err != nil {
		return fmt.Errorf("withdraw receipts: %w", err)
	}
	return nil
}

// readReceipts returns the receipts of a chain that hold, by the seq of their
// tips.
func readReceipts(j *journal.Journal) (rs []session.Receipt, err error) {
	bad := error(nil)
	err = j.Read(j.First(), func(_ uint64, b []byte) bool {
		switch {
		case len(b) == 9 && b[0] == noteWithdraw:
			seq := binary.BigEndian.Uint64(b[1:])
			rs = rs[:sort.Search(len(rs), func(i int) bool { return rs[i].Tip.Seq > seq })]
		case len(b) > receiptSize-64 && b[0] == noteReceipt:
			r := session.Receipt{Chain: j.Chain(), Tip: frame.Tip{Seq: binary.BigEndian.Uint64(b[1:])}}
			r.N, r.Time = binary.BigEndian.Uint64(b[9:]), int64(binary.BigEndian.Uint64(b[17:]))
			r.Head, r.Tip.Hash = [8]byte(b[25:]), [32]byte(b[33:])
			r.Sig = append([]byte(nil), b[65:]...)
			if n := len(rs); n == 0 || rs[n-1].Tip.Seq < r.Tip.Seq {
				rs = append(rs, r)
			}
		default:
			bad = fmt.Errorf("read receipts: %w: a note of %d bytes", frame.ErrFormat, len(b))
		}
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, err
	}
	return rs, nil
}

// Receipts are the district's receipts for all chains of this store, each
// chain's by the seq of its tip. It reads them all.
type Receipts map[change.ChainID][]session.Receipt

// Receipts reads the receipts that hold, of this epoch and earlier ones.
func (s *Store) Receipts() (Receipts, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	return s.allReceipts()
}

// allReceipts is Receipts for a caller that holds w.
func (s *Store) allReceipts() (Receipts, error) {
	names, err := s.files.fs.List(filepath.Join(s.files.dir, dirReceipts))
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	out := Receipts{}
	for _, name := range names {
		var chain hexBytes
		if chain.UnmarshalText([]byte(name)) != nil {
			continue // put aside
		}
		rs, err := s.receiptsOf(change.ChainID(chain))
		if errors.Is(err, journal.ErrMissing) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read receipts: %w", err)
		}
		out[change.ChainID(chain)] = rs
	}
	return out, nil
}

// receiptsOf reads the receipts of one chain. It fails with journal.ErrMissing
// when there never were any. The caller holds w.
func (s *Store) receiptsOf(chain change.ChainID) (rs []session.Receipt, err error) {
	if s.receipts != nil && s.receipts.Chain() == chain {
		return readReceipts(s.receipts)
	}
	j, err := journal.Open(s.files.receipts(chain), chain, s.receiptOptions())
	if err == nil {
		rs, err = readReceipts(j)
		err = errors.Join(err, j.Close())
	}
	if err == nil || errors.Is(err, journal.ErrMissing) {
		return rs, err
	}
	if err := s.putAside(chain, err); err != nil {
		return nil, err
	}
	return nil, journal.ErrMissing
}

// For returns the receipt that covers an entry: the first one given for it.
func (rs Receipts) For(ref change.Ref) (session.Receipt, bool) {
	of := rs[ref.Chain]
	i := sort.Search(len(of), func(i int) bool { return of[i].Tip.Seq >= ref.Seq })
	if ref.Seq == 0 || i == len(of) {
		return session.Receipt{}, false
	}
	return of[i], true
}
