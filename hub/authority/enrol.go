package authority

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"shangu/schema/text"
	"shangu/sync/identity"
)

// Token is what the cluster's state knows of a token.
type Token struct {
	Role    identity.Role
	School  string
	Expires int64 // unix seconds
	Used    bool
	By      [16]byte // the device that used it
}

// Device is what the cluster's state knows of a device.
type Device struct {
	School      string
	Certificate []byte // DER
	Revoked     bool
}

// Registry reads the cluster's state. The reads are local; what decides is
// the log.
type Registry interface {
	// Token finds a token by its hash; ok is false when it was never issued.
	Token(hash [32]byte) (t Token, ok bool, err error)
	// Device finds a device by its id; ok is false when it never enrolled.
	Device(id [16]byte) (d Device, ok bool, err error)
}

// Enrolment is a token's use, as proposed to the log.
type Enrolment struct {
	Token       [32]byte // hash
	Role        identity.Role
	Device      [16]byte
	Certificate []byte // DER; empty for a node
	Now         int64  // proposer's unix seconds
}

// Issue is a new token, as proposed to the log.
type Issue struct {
	Token   [32]byte // hash
	Role    identity.Role
	School  string
	Expires int64 // unix seconds
}

// Log commits to the cluster's log.
type Log interface {
	// Enrol uses a token up. It fails with ErrTokenUnknown, ErrTokenUsed,
	// ErrTokenExpired, ErrDeviceRevoked or ErrOtherSchool, and does nothing
	// then. The same device and token again succeed; certificate is the one on
	// record.
	Enrol(ctx context.Context, e Enrolment) (certificate []byte, err error)
	// Issue makes a token known. It fails with ErrNoSchool.
	Issue(ctx context.Context, i Issue) error
}

// Errors of enrolment. Each has words of its own for the person at the school.
var (
	ErrTokenUnknown  = errors.New("authority: the token was not issued here")
	ErrTokenUsed     = errors.New("authority: the token was used by another machine")
	ErrTokenExpired  = errors.New("authority: the token has expired")
	ErrDeviceRevoked = errors.New("authority: the device was revoked")
	ErrOtherSchool   = errors.New("authority: the device belongs to another school")
	ErrNoSchool      = errors.New("authority: no such school")
	ErrTooMany       = errors.New("authority: too many attempts")
)

// Authority lets machines in.
type Authority struct {
	secrets   *Secrets
	registry  Registry
	log       Log
	now       func() time.Time
	random    io.Reader
	limits    *limiter // of guesses, by address
	tokens    *limiter // of tokens that exist, each by itself
	operators func() (json.RawMessage, error)
}

// NewAuthority makes the authority of a node.
func NewAuthority(s *Secrets, r Registry, l Log, now func() time.Time, random io.Reader) *Authority {
	return &Authority{secrets: s, registry: r, log: l, now: now, random: random, limits: newLimiter(), tokens: newLimiter()}
}

// Share has joining nodes get the operators along, so that each node's pages
// know them.
func (a *Authority) Share(operators func() (json.RawMessage, error)) { a.operators = operators }

// Secrets returns the district's secrets.
func (a *Authority) Secrets() *Secrets { return a.secrets }

// Issue makes a one-time token that is good for ttl. school is empty for a node.
func (a *Authority) Issue(ctx context.Context, role identity.Role, school string, ttl time.Duration) (identity.Token, time.Time, error) {
	t, err := identity.NewToken(role, school, a.secrets.Pin(), a.random)
	if err != nil {
		return identity.Token{}, time.Time{}, err
	}
	expires := a.now().Add(ttl).Truncate(time.Second)
	err = a.log.Issue(ctx, Issue{Token: t.Hash(), Role: role, School: school, Expires: expires.Unix()})
	if errors.Is(err, ErrNoSchool) {
		return identity.Token{}, time.Time{}, text.Wrap(err, "authority.no_school", "school", school)
	}
	if err != nil {
		return identity.Token{}, time.Time{}, fmt.Errorf("issue token: %w", err)
	}
	return t, expires, nil
}

// Enrol lets a school's computer in and returns what it needs from then on.
// source is the address that the request came from, for rate limits.
func (a *Authority) Enrol(ctx context.Context, source string, r *identity.Request) (*identity.Grant, error) {
	return a.enrol(ctx, source, r, a.now())
}

// carriedGrace is how long after its end a token still lets in a machine whose
// request says that it was made in time: it was on a stick, and whoever carried
// it came when the road was open.
const carriedGrace = 60 * 24 * time.Hour

// EnrolCarried is Enrol for a request that somebody carried here. made is when
// the machine says that it made it; that is believed within carriedGrace, and
// never to be in the future.
func (a *Authority) EnrolCarried(ctx context.Context, source string, r *identity.Request, made time.Time) (*identity.Grant, error) {
	at := a.now()
	if first := at.Add(-carriedGrace); made.Before(first) {
		made = first
	}
	if made.Before(at) {
		at = made
	}
	return a.enrol(ctx, source, r, at)
}

func (a *Authority) enrol(ctx context.Context, source string, r *identity.Request, at time.Time) (*identity.Grant, error) {
	cert, school, err := a.enrolDevice(ctx, source, r, at)
	if err != nil {
		return nil, say(err)
	}
	return a.Grant(school, cert), nil
}

// Grant is what a device that was let in needs: its certificate, and what it
// knows the district by.
func (a *Authority) Grant(school string, certificate []byte) *identity.Grant {
	return &identity.Grant{
		School: school, Certificate: certificate, CA: a.secrets.CA.Raw, Cluster: a.secrets.Cluster,
		Receipt: a.secrets.Receipt.Public().(ed25519.PublicKey), Time: a.now().Unix(),
		Recipient: a.secrets.Recipient(),
	}
}

func (a *Authority) enrolDevice(ctx context.Context, source string, r *identity.Request, at time.Time) ([]byte, string, error) {
	public, token, err := a.admit(source, identity.RoleSchool, r, at)
	if err != nil {
		return nil, "", err
	}
	cert, err := a.secrets.IssueDevice(public, token.School, a.random)
	if err != nil {
		return nil, "", err
	}
	cert, err = a.log.Enrol(ctx, Enrolment{Token: identity.HashSecret(r.Secret), Role: identity.RoleSchool, Device: identity.DeviceOf(public),
		Certificate: cert, Now: at.Unix()})
	if err != nil {
		return nil, "", fmt.Errorf("enrol device: %w", err)
	}
	return cert, token.School, nil
}

// admit checks what can be checked before the log is asked: rates, the
// request's form, and whether the token can be good at all. at is when it has to
// be good. Guesses are counted by address, and use nothing up but themselves:
// whoever has a token comes through from behind the same address as a guesser,
// and is counted by the token. Tokens are found by their SHA-256, so that no
// comparison's time tells a part of one.
func (a *Authority) admit(source string, role identity.Role, r *identity.Request, at time.Time) (ed25519.PublicKey, Token, error) {
	now, hash := a.now(), identity.HashSecret(r.Secret)
	token, ok, err := a.registry.Token(hash)
	if err != nil {
		return nil, Token{}, fmt.Errorf("look up token: %w", err)
	}
	if !ok || token.Role != role {
		return nil, Token{}, a.guessed(source, now, ErrTokenUnknown)
	}
	if !a.tokens.allow(hex.EncodeToString(hash[:]), now) {
		return nil, Token{}, ErrTooMany
	}
	public, err := ParseRequest(r.CSR)
	if err != nil {
		return nil, Token{}, err
	}
	device := identity.DeviceOf(public)
	switch {
	case token.Used && token.By != device:
		return nil, Token{}, a.guessed(source, now, ErrTokenUsed)
	case !token.Used && token.Expires <= at.Unix():
		return nil, Token{}, ErrTokenExpired
	}
	if d, known, err := a.registry.Device(device); err != nil {
		return nil, Token{}, fmt.Errorf("look up device: %w", err)
	} else if known && d.Revoked {
		return nil, Token{}, ErrDeviceRevoked
	}
	return public, token, nil
}

// guessed counts a token that lets nobody in against its source, which is told
// why only while it has attempts left.
func (a *Authority) guessed(source string, now time.Time, why error) error {
	if !a.limits.allow(source, now) {
		return ErrTooMany
	}
	a.limits.blame(source, now)
	return why
}

// Tired reports whether a source has guessed so often that what it says need
// not be looked at further, unless its token is one.
func (a *Authority) Tired(source string, secret [16]byte) bool {
	if _, known, err := a.registry.Token(identity.HashSecret(secret)); err != nil || known {
		return false
	}
	return a.limits.empty(source, a.now())
}

// say gives an enrolment's refusal its words.
func say(err error) error {
	for cause, id := range map[error]string{
		ErrTokenUnknown: "authority.token_unknown", ErrTokenUsed: "authority.token_used",
		ErrTokenExpired: "authority.token_expired", ErrDeviceRevoked: "authority.device_revoked",
		ErrOtherSchool: "authority.token_other_school", ErrTooMany: "authority.too_many", ErrCertificate: "authority.bad_request",
	} {
		if errors.Is(err, cause) {
			return text.Wrap(err, id)
		}
	}
	return err
}
