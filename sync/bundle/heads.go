package bundle

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"filippo.io/age"
	"github.com/vmihailenco/msgpack/v5"

	"shangu/sync/change"
	"shangu/sync/frame"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// headVersion is the version of the heads that this build writes. Longer arrays
// of a newer one are accepted.
const headVersion = 1

// UpHead is the head of a bundle to the hub; its items are packs.
//
//	[version, school, public key 32, recipient, enrolment request or nil, session.Carried, program version]
type UpHead struct {
	School    string
	Key       ed25519.PublicKey // the machine's; the bundle is signed with it
	Recipient string            // age recipient of the machine, for the reply
	Enrol     []byte            // identity.Request of a machine that has no certificate yet; empty if it has
	Carried   session.Carried
	Version   string
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (h *UpHead) EncodeMsgpack(e *msgpack.Encoder) error {
	return errors.Join(e.EncodeArrayLen(7), e.EncodeInt(headVersion), e.EncodeString(h.School), e.EncodeBytes(h.Key),
		e.EncodeString(h.Recipient), e.EncodeBytes(h.Enrol), e.Encode(&h.Carried), e.EncodeString(h.Version))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (h *UpHead) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 7 {
		r.Fail("head of %d fields", n)
	}
	if v := r.Int64(); r.Err() == nil && v < 1 {
		r.Fail("version %d", v)
	}
	h.School, h.Key, h.Recipient, h.Enrol = r.Str(), r.Bytes(), r.Str(), r.Bytes()
	if r.Err() != nil {
		return r.Err()
	}
	if err := h.Carried.DecodeMsgpack(dec); err != nil {
		return err
	}
	h.Version = r.Str()
	r.Skip(n - 7)
	return r.Err()
}

// ReadUpHead decodes a head of this kind and checks that its parts go together.
func ReadUpHead(b []byte) (*UpHead, error) {
	var h UpHead
	err := frame.Unmarshal(b, &h)
	switch {
	case err != nil:
	case len(h.Key) != ed25519.PublicKeySize || identity.DeviceOf(h.Key) != h.Carried.Device:
		err = fmt.Errorf("%w: the key is not the machine's", frame.ErrFormat)
	case len(h.School) == 0 || len(h.School) > 64 || len(h.Version) > 64:
		err = fmt.Errorf("%w: school of %d bytes", frame.ErrFormat, len(h.School))
	default:
		_, err = age.ParseX25519Recipient(h.Recipient)
	}
	if err != nil {
		return nil, damaged(err)
	}
	return &h, nil
}

// DownHead is the head of a reply; its items are encoded session.Said.
//
//	[version, school, device 16, chain 16, time, grant, refusal]
type DownHead struct {
	School  string
	Device  [16]byte
	Chain   change.ChainID
	Time    int64  // hub's unix seconds
	Grant   []byte // identity.Grant of a machine that was let in by its bundle; empty if it was in
	Refusal string // why the hub took nothing of it, as schema/text codes it; "" if it did
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (h *DownHead) EncodeMsgpack(e *msgpack.Encoder) error {
	return errors.Join(e.EncodeArrayLen(7), e.EncodeInt(headVersion), e.EncodeString(h.School), e.EncodeBytes(h.Device[:]),
		e.EncodeBytes(h.Chain[:]), e.EncodeInt(h.Time), e.EncodeBytes(h.Grant), e.EncodeString(h.Refusal))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (h *DownHead) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := frame.NewReader(dec)
	n := r.Array()
	if n < 7 {
		r.Fail("head of %d fields", n)
	}
	if v := r.Int64(); r.Err() == nil && v < 1 {
		r.Fail("version %d", v)
	}
	h.School = r.Str()
	device, chain := r.Bytes(), r.Bytes()
	if len(device) != len(h.Device) || len(chain) != len(h.Chain) {
		r.Fail("device of %d and chain of %d bytes", len(device), len(chain))
	}
	copy(h.Device[:], device)
	copy(h.Chain[:], chain)
	h.Time, h.Grant, h.Refusal = r.Int64(), r.Bytes(), r.Str()
	r.Skip(n - 7)
	return r.Err()
}

// ReadDownHead decodes a head of this kind.
func ReadDownHead(b []byte) (*DownHead, error) {
	var h DownHead
	if err := frame.Unmarshal(b, &h); err != nil {
		return nil, damaged(err)
	}
	return &h, nil
}
