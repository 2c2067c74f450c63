package gate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"shangu/hub/authority"
	"shangu/sync/identity"
)

// tickets seals TLS sessions so that any node can take them up, in as few
// bytes as can be. What a session of ours holds beyond 36 bytes of secret and
// time, every node has: the device's certificate in its state, and the CA's.
//
//	offset  bytes  meaning
//	0       1      low byte of the key's epoch (days since 1970, UTC)
//	1       12     nonce
//	13      n      AES-256-GCM of the content, with 16 bytes of tag
//
//	content, device session:  form 1 or 2 (cipher suite) | device id 16 | created 4 | secret 32
//	content, any other:       form 0 | tls.SessionState bytes
type tickets struct {
	root     [sha256.Size]byte
	ca       []byte // DER
	registry authority.Registry
	now      func() time.Time
	random   io.Reader
	refused  func(reason string)

	mu   sync.Mutex
	keys map[uint32]cipher.AEAD
}

func (g *Gate) newTickets() *tickets {
	return &tickets{
		root: g.c.Secrets.Ticket, ca: g.c.Secrets.CA.Raw, registry: g.c.Registry, now: g.c.Now, random: g.c.Random,
		refused: func(reason string) { g.metrics.tickets.WithLabelValues(reason).Inc() },
		keys:    map[uint32]cipher.AEAD{},
	}
}

const (
	epochLength = 24 * time.Hour
	// keptEpochs is how many days a ticket is good for: as long as TLS allows.
	keptEpochs = 7
	nonceSize  = 12
	tagSize    = 16
	formWhole  = 0
	maxTicket  = 8 << 10
)

// The suites whose sessions have a short form.
var forms = map[byte]uint16{1: tls.TLS_AES_128_GCM_SHA256, 2: tls.TLS_CHACHA20_POLY1305_SHA256}

func (t *tickets) epoch() uint32 { return uint32(t.now().Unix() / int64(epochLength/time.Second)) }

// key derives an epoch's key; all nodes derive the same.
func (t *tickets) key(epoch uint32) (cipher.AEAD, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a, ok := t.keys[epoch]; ok {
		return a, nil
	}
	k, err := hkdf.Key(sha256.New, t.root[:], nil, fmt.Sprintf("shangu ticket v1 %d", epoch), 32)
	if err != nil {
		return nil, fmt.Errorf("derive ticket key: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("derive ticket key: %w", err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("derive ticket key: %w", err)
	}
	for old := range t.keys {
		if old+keptEpochs+2 < epoch || old > epoch+2 {
			delete(t.keys, old)
		}
	}
	t.keys[epoch] = a
	return a, nil
}

// wrap implements tls.Config.WrapSession.
func (t *tickets) wrap(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
	whole, err := ss.Bytes()
	if err != nil {
		return nil, fmt.Errorf("wrap session: %w", err)
	}
	content := t.short(cs, whole)
	if content == nil {
		content = append([]byte{formWhole}, whole...)
	}
	epoch := t.epoch()
	key, err := t.key(epoch)
	if err != nil {
		return nil, err
	}
	ticket := make([]byte, 1+nonceSize, 1+nonceSize+len(content)+tagSize)
	ticket[0] = byte(epoch)
	if _, err := io.ReadFull(t.random, ticket[1:]); err != nil {
		return nil, fmt.Errorf("wrap session: %w", err)
	}
	return key.Seal(ticket, ticket[1:], content, ticket[:1]), nil
}

// short is the short form of a device's session, nil if it has none.
func (t *tickets) short(cs tls.ConnectionState, whole []byte) []byte {
	if len(cs.PeerCertificates) != 1 || len(whole) < headSize {
		return nil
	}
	leaf := cs.PeerCertificates[0]
	subject, err := authority.SubjectOf(leaf)
	if err != nil || subject.School == "" {
		return nil
	}
	// Another certificate over the same key would not be found again by its id.
	if d, ok, err := t.registry.Device(subject.Device); err != nil || !ok || string(d.Certificate) != string(leaf.Raw) {
		return nil
	}
	for form, suite := range forms {
		s := sessionParts{suite: suite, created: binary.BigEndian.Uint64(whole[5:]), secret: whole[14:headSize]}
		if s.created>>32 != 0 || string(s.build(leaf.Raw, t.ca)) != string(whole) {
			continue
		}
		b := append([]byte{form}, subject.Device[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(s.created))
		return append(b, s.secret...)
	}
	return nil
}

const shortSize = 1 + 16 + 4 + 32

var errTicket = errors.New("gate: not a ticket")

// unwrap implements tls.Config.UnwrapSession. A ticket that is not ours, or
// whose device is not welcome, is passed over: the handshake then runs in
// full, and the request is told what is wrong.
func (t *tickets) unwrap(identity []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
	whole, reason, err := t.open(identity)
	if err == nil {
		var ss *tls.SessionState
		if ss, err = tls.ParseSessionState(whole); err == nil {
			t.refused("none")
			return ss, nil
		}
	}
	t.refused(reason)
	return nil, nil
}

// open returns the session's bytes, or why it is refused.
func (t *tickets) open(ticket []byte) (whole []byte, reason string, err error) {
	if len(ticket) < 1+nonceSize+tagSize+1 || len(ticket) > maxTicket {
		return nil, "malformed", errTicket
	}
	now := t.epoch()
	// The epoch whose low byte it is, in the days that count; one ahead, since
	// nodes' clocks differ.
	age := byte(now+1) - ticket[0]
	if age > keptEpochs+1 {
		return nil, "expired", errTicket
	}
	key, err := t.key(now + 1 - uint32(age))
	if err != nil {
		return nil, "malformed", err
	}
	content, err := key.Open(nil, ticket[1:1+nonceSize], ticket[1+nonceSize:], ticket[:1])
	if err != nil || len(content) == 0 {
		return nil, "malformed", errTicket
	}
	if content[0] == formWhole {
		return content[1:], "malformed", nil
	}
	suite, ok := forms[content[0]]
	if !ok || len(content) != shortSize {
		return nil, "malformed", errTicket
	}
	d, known, err := t.registry.Device(identity.DeviceID(content[1:17]))
	switch {
	case err != nil || !known:
		return nil, "unknown", errTicket
	case d.Revoked:
		return nil, "revoked", errTicket
	}
	s := sessionParts{suite: suite, created: uint64(binary.BigEndian.Uint32(content[17:])), secret: content[21:]}
	return s.build(d.Certificate, t.ca), "malformed", nil
}

// sessionParts is what differs between two sessions of one device. build lays
// them out as crypto/tls does (see the comment on tls.SessionState); wrap
// compares with what crypto/tls itself wrote, so that a Go version with another
// layout costs bytes and nothing else.
type sessionParts struct {
	suite   uint16
	created uint64
	secret  []byte // 32 bytes
}

// headSize is the layout up to the end of the secret: version 2, type 1, suite
// 2, created 8, length 1, secret 32.
const headSize = 2 + 1 + 2 + 8 + 1 + 32

func (s sessionParts) build(leaf, ca []byte) []byte {
	u24 := func(b []byte, n int) []byte { return append(b, byte(n>>16), byte(n>>8), byte(n)) }
	b := binary.BigEndian.AppendUint16(nil, tls.VersionTLS13)
	b = append(b, 1) // a server's session
	b = binary.BigEndian.AppendUint16(b, s.suite)
	b = binary.BigEndian.AppendUint64(b, s.created)
	b = append(append(b, byte(len(s.secret))), s.secret...)
	b = u24(b, 0)       // extra
	b = append(b, 0, 0) // extended master secret, early data
	b = u24(b, 3+len(leaf)+2)
	b = append(u24(b, len(leaf)), leaf...)
	b = append(b, 0, 0) // extensions of the certificate
	b = u24(b, 3+3+len(ca))
	b = u24(b, 3+len(ca))
	return append(u24(b, len(ca)), ca...)
}
