package frame

import "math/bits"

// bitWriter writes bits, most significant first.
type bitWriter struct {
	b   []byte
	acc uint64
	n   uint // bits in acc, below 8 between calls
}

// put writes the low n bits of v; n is at most 56.
func (w *bitWriter) put(v uint64, n uint) {
	w.acc = w.acc<<n | v&(1<<n-1)
	w.n += n
	for w.n >= 8 {
		w.n -= 8
		w.b = append(w.b, byte(w.acc>>w.n))
	}
}

// finish fills the last byte up with zeros and returns all bytes.
func (w *bitWriter) finish() []byte {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
	return w.b
}

// bitReader reads what bitWriter wrote. Past the end it reads zeros and says
// so in over.
type bitReader struct {
	b    []byte
	pos  int
	acc  uint64 // n valid bits at the top
	n    uint
	over bool
}

func (r *bitReader) fill() {
	for r.n <= 56 && r.pos < len(r.b) {
		r.acc |= uint64(r.b[r.pos]) << (56 - r.n)
		r.pos++
		r.n += 8
	}
}

// get reads n bits, at most 56.
func (r *bitReader) get(n uint) uint64 {
	if r.n < n {
		if r.fill(); r.n < n {
			r.over = true
			r.n = 64 // zeros from now on
		}
	}
	v := r.acc >> (64 - n) // n == 0 shifts everything out
	r.acc <<= n
	r.n -= n
	return v
}

// ones counts ones up to the next zero, which it takes too, or up to limit.
func (r *bitReader) ones(limit uint) uint {
	for q := uint(0); ; {
		r.fill()
		n := min(uint(bits.LeadingZeros64(^r.acc)), r.n, limit-q)
		q += n
		r.acc <<= n
		r.n -= n
		switch {
		case q == limit:
			return q
		case r.n > 0: // a zero ends it
			r.acc <<= 1
			r.n--
			return q
		case r.pos == len(r.b):
			r.over = true
			return q
		}
	}
}

// rest reports whether nothing but zeros of the last byte is left.
func (r *bitReader) rest() bool {
	return !r.over && r.pos == len(r.b) && r.n < 8 && r.acc == 0
}

// rice is an adaptive Rice code: it follows the mean of what it coded last, so
// that no parameter is ever sent.
type rice struct {
	sum uint32
	n   uint32
}

const (
	riceWindow = 16      // values that the mean remembers
	riceEscape = 14      // a quotient from here on is spelled out
	riceMax    = 1 << 24 // a value counts for no more in the mean
)

// k is the parameter that fits the mean: about log2(0.7 mean).
func (s *rice) k() uint {
	if s.n == 0 {
		return 0
	}
	mean := (s.sum*11/16 + s.n - 1) / s.n
	return uint(bits.Len32(mean))
}

func (s *rice) learn(v uint64) {
	// An outlier (the night between two days) must not spoil the mean.
	limit := uint64(64)
	if s.n > 0 {
		limit += 6 * uint64(s.sum/s.n)
	}
	s.sum += uint32(min(v, limit, riceMax))
	s.n++
	if s.n >= riceWindow {
		s.sum, s.n = s.sum/2, s.n/2
	}
}

// zigzag maps small numbers of either sign to small ones.
func zigzag(n int64) uint64 { return uint64(n)<<1 ^ uint64(n>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }
