package identity

import (
	"crypto/ed25519"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/frame"
)

// Limits of the enrolment messages, in bytes.
const (
	MaxRequest = 2 << 10
	MaxGrant   = 8 << 10
	maxCSR     = 1 << 10
	maxCert    = 2 << 10
)

// Request asks the hub to let a machine in: the body of POST /v1/enroll.
// On the wire: [secret bin 16, csr bin].
type Request struct {
	Secret [16]byte
	CSR    []byte // DER
}

// Grant is the hub's yes. On the wire:
// [school str, certificate bin, ca bin, receipt key bin 32, cluster bin 16, time int, recipient str].
type Grant struct {
	School      string
	Certificate []byte // the device's, DER
	CA          []byte // the district's, DER
	Receipt     ed25519.PublicKey
	Cluster     [16]byte
	Time        int64 // hub's unix seconds
	// Recipient is whom files for the district are sealed to, as age writes
	// it; empty from a hub of before there was one.
	Recipient string
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (r *Request) EncodeMsgpack(e *msgpack.Encoder) error {
	return firstError(e.EncodeArrayLen(2), e.EncodeBytes(r.Secret[:]), e.EncodeBytes(r.CSR))
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (g *Grant) EncodeMsgpack(e *msgpack.Encoder) error {
	return firstError(e.EncodeArrayLen(7), e.EncodeString(g.School), e.EncodeBytes(g.Certificate),
		e.EncodeBytes(g.CA), e.EncodeBytes(g.Receipt), e.EncodeBytes(g.Cluster[:]), e.EncodeInt(g.Time), e.EncodeString(g.Recipient))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// DecodeRequest decodes the body of an enrolment. Longer arrays of a newer
// peer are accepted.
func DecodeRequest(b []byte) (*Request, error) {
	var d requestDecoder
	if err := decode(b, MaxRequest, &d); err != nil {
		return nil, fmt.Errorf("decode enrolment request: %w", err)
	}
	return &d.Request, nil
}

// DecodeGrant decodes the hub's answer to an enrolment.
func DecodeGrant(b []byte) (*Grant, error) {
	var d grantDecoder
	if err := decode(b, MaxGrant, &d); err != nil {
		return nil, fmt.Errorf("decode enrolment grant: %w", err)
	}
	return &d.Grant, nil
}

func decode(b []byte, limit int, v msgpack.CustomDecoder) error {
	if len(b) > limit {
		return fmt.Errorf("%w: %d bytes", frame.ErrLimit, len(b))
	}
	return frame.Unmarshal(b, v)
}

type requestDecoder struct{ Request }

// DecodeMsgpack implements msgpack.CustomDecoder.
func (d *requestDecoder) DecodeMsgpack(dec *msgpack.Decoder) error {
	n, err := arrayOf(dec, 2)
	if err != nil {
		return err
	}
	if err := fixed(dec, d.Secret[:]); err != nil {
		return err
	}
	if d.CSR, err = bounded(dec, maxCSR); err != nil {
		return err
	}
	return skip(dec, n-2)
}

type grantDecoder struct{ Grant }

// DecodeMsgpack implements msgpack.CustomDecoder.
func (d *grantDecoder) DecodeMsgpack(dec *msgpack.Decoder) error {
	n, err := arrayOf(dec, 6)
	if err != nil {
		return err
	}
	if d.School, err = dec.DecodeString(); err != nil {
		return err
	}
	if d.Certificate, err = bounded(dec, maxCert); err != nil {
		return err
	}
	if d.CA, err = bounded(dec, maxCert); err != nil {
		return err
	}
	d.Receipt = make([]byte, ed25519.PublicKeySize)
	if err := fixed(dec, d.Receipt); err != nil {
		return err
	}
	if err := fixed(dec, d.Cluster[:]); err != nil {
		return err
	}
	if d.Time, err = dec.DecodeInt64(); err != nil {
		return err
	}
	if n == 6 {
		return nil
	}
	if d.Recipient, err = dec.DecodeString(); err != nil {
		return err
	}
	return skip(dec, n-7)
}

func arrayOf(dec *msgpack.Decoder, least int) (int, error) {
	n, err := dec.DecodeArrayLen()
	if err != nil {
		return 0, err
	}
	if n < least {
		return 0, fmt.Errorf("%w: %d fields of %d", frame.ErrFormat, n, least)
	}
	return n, nil
}

func fixed(dec *msgpack.Decoder, dst []byte) error {
	b, err := dec.DecodeBytes()
	if err != nil {
		return err
	}
	if len(b) != len(dst) {
		return fmt.Errorf("%w: %d bytes where %d belong", frame.ErrFormat, len(b), len(dst))
	}
	copy(dst, b)
	return nil
}

func bounded(dec *msgpack.Decoder, limit int) ([]byte, error) {
	b, err := dec.DecodeBytes()
	if err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%w: %d bytes", frame.ErrLimit, len(b))
	}
	return b, nil
}

func skip(dec *msgpack.Decoder, n int) error {
	for range n {
		if err := dec.Skip(); err != nil {
			return err
		}
	}
	return nil
}
