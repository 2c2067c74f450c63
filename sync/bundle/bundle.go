package bundle

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/schema/text"
	"shangu/sync/frame"
	"shangu/sync/session"
)

// Kind is the direction of a bundle.
type Kind byte

// Kinds, as labels have them.
const (
	Up   Kind = 'u' // from a school's machine to the hub
	Down Kind = 'd' // from the hub to a school's machine
)

// Label is what a bundle says in the open, so that a courier's files can be
// told apart without any key. All of it is under the signature too.
type Label struct {
	Kind    Kind
	Cluster [16]byte // the district that it is for, or from
	Number  uint64   // of the export; a reply has that of the export that it answers
}

// Limits in bytes. A term of a school is some 20 kB.
const (
	MaxFile   = 64 << 20
	maxHead   = 8 << 20
	maxItem   = session.MaxResponse + 1<<10
	maxHeader = 1 << 10 // age's header for one recipient is about 200
)

const (
	magic     = "shangu bundle 1\n"
	labelSize = len(magic) + 1 + 16 + 8
	ending    = "\nshangu end\n"
	endSize   = len(ending) + 8
	domain    = "shangu bundle v1"
)

// Errors of a bundle that is not taken. Each has words of its own.
var (
	ErrForeign   = errors.New("bundle: not a bundle")
	ErrNewer     = errors.New("bundle: made by a newer program")
	ErrCut       = errors.New("bundle: it is cut short")
	ErrAltered   = errors.New("bundle: it was altered")
	ErrElsewhere = errors.New("bundle: it is for somebody else")
	ErrTooLarge  = errors.New("bundle: it is too large")
)

func (l Label) bytes() []byte {
	b := append(make([]byte, 0, labelSize), magic...)
	b = append(append(b, byte(l.Kind)), l.Cluster[:]...)
	return binary.BigEndian.AppendUint64(b, l.Number)
}

// ReadLabel reads the label that a file begins with.
func ReadLabel(r io.Reader) (l Label, err error) {
	b := make([]byte, labelSize)
	n, err := io.ReadFull(r, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return l, fmt.Errorf("read label: %w", err)
	}
	newer := len(magic) - len("1\n") // where the version begins
	switch {
	case n < len(magic) && n > 0 && bytes.HasPrefix([]byte(magic), b[:n]):
		return l, text.Wrap(ErrCut, "bundle.cut")
	case n < len(magic) || string(b[:newer]) != magic[:newer]:
		return l, text.Wrap(ErrForeign, "bundle.foreign")
	case string(b[:len(magic)]) != magic:
		return l, text.Wrap(ErrNewer, "bundle.newer")
	case n < labelSize:
		return l, text.Wrap(ErrCut, "bundle.cut")
	}
	b = b[len(magic):]
	l.Kind, l.Cluster, l.Number = Kind(b[0]), [16]byte(b[1:17]), binary.BigEndian.Uint64(b[17:])
	return l, nil
}

// is fails unless a label is of this kind and district.
func (l Label) is(kind Kind, cluster [16]byte) error {
	switch {
	case l.Kind != kind && kind == Up:
		return text.Wrap(ErrForeign, "bundle.is_reply")
	case l.Kind != kind:
		return text.Wrap(ErrForeign, "bundle.is_no_reply")
	case l.Cluster != cluster:
		return text.Wrap(ErrElsewhere, "bundle.other_hub")
	}
	return nil
}

// Records of the sealed part: one byte, a length of four, the body.
const (
	recordHead = 1
	recordItem = 2
	recordEnd  = 3 // an Ed25519 signature over domain, SHA-512 of the label and all records before
)

// Write writes a bundle: a head and items, sealed to one and signed with key.
// items puts one after the other; what they share in memory is theirs. It fails
// with ErrTooLarge when the file would be larger than MaxFile.
func Write(w io.Writer, l Label, to age.Recipient, key ed25519.PrivateKey, head msgpack.CustomEncoder, items func(put func([]byte) error) error) error {
	h, err := frame.Marshal(head)
	if err != nil {
		return fmt.Errorf("encode bundle: %w", err)
	}
	out := &counter{w: w}
	label := l.bytes()
	if _, err := out.Write(label); err != nil {
		return err
	}
	sealed, err := age.Encrypt(out, to)
	if err != nil {
		return fmt.Errorf("seal bundle: %w", err)
	}
	sum := sha512.New()
	sum.Write(label)
	record := func(tag byte, body []byte) error {
		b := binary.BigEndian.AppendUint32([]byte{tag}, uint32(len(body)))
		for _, part := range [][]byte{b, body} {
			sum.Write(part)
			if _, err := sealed.Write(part); err != nil {
				return err
			}
		}
		return nil
	}
	if len(h) > maxHead {
		return fmt.Errorf("write bundle: head of %d bytes: %w", len(h), ErrTooLarge)
	}
	if err := record(recordHead, h); err != nil {
		return err
	}
	err = items(func(b []byte) error {
		if len(b) > maxItem {
			return fmt.Errorf("write bundle: item of %d bytes: %w", len(b), ErrTooLarge)
		}
		return record(recordItem, b)
	})
	if err != nil {
		return err
	}
	if err := record(recordEnd, ed25519.Sign(key, signed(sum))); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return err
	}
	_, err = out.Write(binary.BigEndian.AppendUint64([]byte(ending), uint64(out.n)))
	return err
}

func signed(sum hash.Hash) []byte { return sum.Sum([]byte(domain)) }

// counter keeps a file within MaxFile.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	if c.n+int64(len(b)) > MaxFile {
		return 0, fmt.Errorf("write bundle: %w", ErrTooLarge)
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// File is a bundle that is whole, unaltered and signed by the right one.
type File struct {
	Label
	src  io.ReaderAt
	size int64
	id   age.Identity
	next *reader
}

// Open reads a bundle of size bytes to its end and checks all of it before
// anything is taken from it: that it is of this kind and district, whole, sealed
// to id and signed. who is given the head and says by whose key. src must not
// change as long as the File is used.
func Open(src io.ReaderAt, size int64, kind Kind, cluster [16]byte, id age.Identity, who func(head []byte) (ed25519.PublicKey, error)) (*File, error) {
	l, err := whole(src, size)
	if err == nil {
		err = l.is(kind, cluster)
	}
	if err != nil {
		return nil, err
	}
	f := &File{Label: l, src: src, size: size, id: id}
	r, err := f.reader()
	if err != nil {
		return nil, err
	}
	r.sum = sha512.New()
	r.sum.Write(l.bytes())
	var key ed25519.PublicKey
	for {
		tag, body, err := r.record()
		if err == nil && tag == recordHead {
			key, err = who(body)
		}
		if err != nil {
			return nil, err
		}
		if tag != recordEnd {
			continue
		}
		if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, signed(r.sum), body) {
			return nil, damaged(errors.New("its signature is not right"))
		}
		return f, nil
	}
}

// Again begins with the first item once more.
func (f *File) Again() { f.next = nil }

// Next returns the next item, then io.EOF. It is good until the next call.
func (f *File) Next() ([]byte, error) {
	if f.next == nil {
		r, err := f.reader()
		if err != nil {
			return nil, err
		}
		if _, _, err := r.record(); err != nil {
			return nil, err
		}
		f.next = r
	}
	tag, body, err := f.next.record()
	if err == nil && tag == recordEnd {
		err = io.EOF
	}
	return body, err
}

// whole reads a file's two ends.
func whole(src io.ReaderAt, size int64) (Label, error) {
	l, err := ReadLabel(io.NewSectionReader(src, 0, size))
	if err != nil {
		return l, err
	}
	if size > MaxFile+int64(endSize) {
		return l, text.Wrap(ErrTooLarge, "bundle.too_large")
	}
	b := make([]byte, endSize)
	if size < int64(labelSize+endSize) {
		return l, text.Wrap(ErrCut, "bundle.cut")
	}
	if _, err := src.ReadAt(b, size-int64(endSize)); err != nil {
		return l, fmt.Errorf("read bundle: %w", err)
	}
	if string(b[:len(ending)]) != ending || binary.BigEndian.Uint64(b[len(ending):]) != uint64(size-int64(endSize)) {
		return l, text.Wrap(ErrCut, "bundle.cut")
	}
	return l, nil
}

// reader goes through the records of the sealed part. Its memory is bounded by
// the limits, whatever the bytes say.
type reader struct {
	open io.Reader
	size int64
	sum  hash.Hash // of all but the end, if not nil
	body []byte
	some bool // a record was read
}

// reader opens the seal.
func (f *File) reader() (*reader, error) {
	sealed := bufio.NewReaderSize(io.NewSectionReader(f.src, int64(labelSize), f.size-int64(labelSize+endSize)), 64<<10)
	// age reads a header of any length into memory.
	if head, err := sealed.Peek(maxHeader); err != nil && err != io.EOF || !bytes.Contains(head, []byte("\n--- ")) {
		return nil, damaged(errors.Join(err, errors.New("no seal")))
	}
	open, err := age.Decrypt(sealed, f.id)
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, text.Wrap(errors.Join(ErrElsewhere, err), "bundle.elsewhere")
	}
	if err != nil {
		return nil, damaged(err)
	}
	return &reader{open: open, size: f.size}, nil
}

// record reads a record. Behind the last one nothing may follow.
func (r *reader) record() (tag byte, body []byte, err error) {
	var b [5]byte
	if _, err := io.ReadFull(r.open, b[:]); err != nil {
		return 0, nil, damaged(err)
	}
	n := int64(binary.BigEndian.Uint32(b[1:]))
	limit := int64(maxItem)
	switch tag = b[0]; {
	case r.some == (tag == recordHead) || tag < recordHead || tag > recordEnd:
		return 0, nil, damaged(fmt.Errorf("record %d", tag))
	case tag == recordHead:
		limit = maxHead
	case tag == recordEnd:
		limit = ed25519.SignatureSize
	}
	r.some = true
	if n > limit || n > r.size {
		return 0, nil, damaged(fmt.Errorf("record of %d bytes", n))
	}
	if int64(cap(r.body)) < n {
		r.body = make([]byte, n)
	}
	body = r.body[:n]
	if _, err := io.ReadFull(r.open, body); err != nil {
		return 0, nil, damaged(err)
	}
	if tag == recordEnd {
		if n, err := io.Copy(io.Discard, io.LimitReader(r.open, 1)); n != 0 || err != nil {
			return 0, nil, damaged(errors.Join(err, errors.New("something follows its end")))
		}
		return tag, body, nil
	}
	if r.sum != nil {
		r.sum.Write(b[:])
		r.sum.Write(body)
	}
	return tag, body, nil
}

func damaged(err error) error {
	return text.Wrap(errors.Join(ErrAltered, err), "bundle.altered")
}
