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
)

// tickets seals TLS sessions so that any node can take them up, in as few
// bytes as can be. What a session of ours holds beyond 36 bytes of secret and
// time, every node has: the device's certificate in its state, and the CA's.
//
//	offset  bytes  meaning
//	0       4      created: unix seconds; the key's epoch is the day that it lies in
//	4       8      random; both together are the nonce
//	12      n      AES-256-GCM of the content, with 16 bytes of tag
//
//	content, device session:  form 1 or 2 (cipher suite) | device id 16 | secret 32
//	content, any other:       form 0 | tls.SessionState bytes
//
// A device that has just used a ticket that will do for days more is sent no
// other: the 120 bytes would be a tenth of its session.
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
		root: g.c.Secrets.Ticket, ca: g.c.Secrets.CA.Raw, registry: g.c.Registry, now: authority.TLSTime(g.c.Now), random: g.c.Random,
		refused: func(reason string) { g.metrics.tickets.WithLabelValues(reason).Inc() },
		keys:    map[uint32]cipher.AEAD{},
	}
}

const (
	epochLength = 24 * time.Hour
	// ticketLife is as long as TLS allows; a ticket is replaced when it is used
	// after renewAfter.
	ticketLife = 7 * 24 * time.Hour
	renewAfter = 3 * 24 * time.Hour
	// skew is how far the clocks of two nodes may lie apart.
	skew      = time.Hour
	nonceSize = 12
	tagSize   = 16
	formWhole = 0
	maxTicket = 8 << 10
	maxKeys   = 16
)

// The suites whose sessions have a short form.
var forms = map[byte]uint16{1: tls.TLS_AES_128_GCM_SHA256, 2: tls.TLS_CHACHA20_POLY1305_SHA256}

// key derives the key of the epoch that created lies in; all nodes derive the
// same.
func (t *tickets) key(created uint32) (cipher.AEAD, error) {
	epoch := created / uint32(epochLength/time.Second)
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
	if len(t.keys) > maxKeys {
		clear(t.keys)
	}
	t.keys[epoch] = a
	return a, nil
}

// connection is the tickets of one connection. Its TLS configuration is no
// other's, so that it can turn tickets off once it knows that none is needed:
// crypto/tls looks at that twice, before it takes a ticket and before it sends
// one, both in the goroutine that calls unwrap.
type connection struct {
	*tickets
	config *tls.Config
	wait   func() error // until a handshake without a ticket may go on
}

// wrap implements tls.Config.WrapSession.
func (c *connection) wrap(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
	return c.seal(cs, ss)
}

func (t *tickets) seal(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
	whole, err := ss.Bytes()
	if err != nil {
		return nil, fmt.Errorf("wrap session: %w", err)
	}
	created := uint32(t.now().Unix())
	content := t.short(cs, whole)
	if content == nil {
		content = append([]byte{formWhole}, whole...)
	} else {
		created = uint32(createdAt(whole))
	}
	key, err := t.key(created)
	if err != nil {
		return nil, err
	}
	ticket := make([]byte, nonceSize, nonceSize+len(content)+tagSize)
	binary.BigEndian.PutUint32(ticket, created)
	if _, err := io.ReadFull(t.random, ticket[4:]); err != nil {
		return nil, fmt.Errorf("wrap session: %w", err)
	}
	return key.Seal(ticket, ticket, content, nil), nil
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
		s := sessionParts{suite: suite, created: createdAt(whole), secret: whole[14:headSize]}
		if s.created>>32 == 0 && string(s.build(leaf.Raw, t.ca)) == string(whole) {
			return append(append([]byte{form}, subject.Device[:]...), s.secret...)
		}
	}
	return nil
}

func createdAt(whole []byte) uint64 { return binary.BigEndian.Uint64(whole[5:]) }

const shortSize = 1 + 16 + 32

var errTicket = errors.New("gate: not a ticket")

// unwrap implements tls.Config.UnwrapSession. A ticket that is not ours, or
// whose device is not welcome, is passed over: the handshake then runs in
// full, and the request is told what is wrong.
func (c *connection) unwrap(ticket []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
	whole, fresh, reason, err := c.open(ticket)
	if err == nil {
		var ss *tls.SessionState
		if ss, err = tls.ParseSessionState(whole); err == nil {
			c.config.SessionTicketsDisabled = fresh
			c.refused("")
			return ss, nil
		}
	}
	c.refused(reason)
	return nil, c.wait() // whoever brings a made-up one waits like those without
}

// open returns the session's bytes and whether its ticket will do for days, or
// why it is refused.
func (t *tickets) open(ticket []byte) (whole []byte, fresh bool, reason string, err error) {
	if len(ticket) < nonceSize+tagSize+1 || len(ticket) > maxTicket {
		return nil, false, "malformed", errTicket
	}
	created := binary.BigEndian.Uint32(ticket)
	age := t.now().Sub(time.Unix(int64(created), 0))
	if age > ticketLife || age < -skew {
		return nil, false, "expired", errTicket
	}
	key, err := t.key(created)
	if err != nil {
		return nil, false, "malformed", err
	}
	content, err := key.Open(nil, ticket[:nonceSize], ticket[nonceSize:], nil)
	if err != nil || len(content) == 0 {
		return nil, false, "malformed", errTicket
	}
	if content[0] == formWhole {
		return content[1:], false, "malformed", nil
	}
	suite, ok := forms[content[0]]
	if !ok || len(content) != shortSize {
		return nil, false, "malformed", errTicket
	}
	d, known, err := t.registry.Device([16]byte(content[1:17]))
	switch {
	case err != nil || !known:
		return nil, false, "unknown", errTicket
	case d.Revoked:
		return nil, false, "revoked", errTicket
	}
	s := sessionParts{suite: suite, created: uint64(created), secret: content[17:]}
	return s.build(d.Certificate, t.ca), age < renewAfter, "malformed", nil
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
