package authority

import (
	"context"
	"errors"
	"time"

	"shangu/hub/state"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// Reader is what OverState reads of hub/state.
type Reader interface {
	Device(id [16]byte) (state.Device, bool, error)
	Token(hash [32]byte) (state.Token, bool, error)
}

// Proposer commits a command; when it returns, the Reader shows it.
type Proposer interface {
	Propose(ctx context.Context, command []byte) (result []byte, err error)
}

// OverState reads the cluster's state and writes its log. account is who
// issues tokens.
func OverState(r Reader, p Proposer, now func() time.Time, account string) *StateLog {
	return &StateLog{r, p, now, account}
}

// StateLog is a Registry and a Log on hub/state.
type StateLog struct {
	reader   Reader
	proposer Proposer
	now      func() time.Time
	account  string
}

// Token implements Registry.
func (s *StateLog) Token(hash [32]byte) (Token, bool, error) {
	t, ok, err := s.reader.Token(hash)
	return Token{Role: identity.Role(t.Role), School: t.School, Expires: t.Expires, Used: t.Used != 0, By: t.UsedBy}, ok, err
}

// Device implements Registry.
func (s *StateLog) Device(id [16]byte) (Device, bool, error) {
	d, ok, err := s.reader.Device(id)
	return Device{School: d.School, Certificate: d.Certificate, Revoked: d.Revoked != 0}, ok, err
}

// Enrol implements Log.
func (s *StateLog) Enrol(ctx context.Context, e Enrolment) ([]byte, error) {
	b, err := s.proposer.Propose(ctx, state.EncodeEnrol(state.Enrol{Hash: e.Token, Role: state.TokenRole(e.Role),
		Device: e.Device, Certificate: e.Certificate, Now: e.Now}))
	if err != nil {
		return nil, err
	}
	r, err := state.DecodeEnrol(b)
	return r.Certificate, translate(err)
}

// Issue implements Log.
func (s *StateLog) Issue(ctx context.Context, i Issue) error {
	b, err := s.proposer.Propose(ctx, state.EncodeToken(state.IssueToken{Hash: i.Token, School: i.School,
		Role: state.TokenRole(i.Role), Now: s.now().Unix(), Expires: i.Expires, Account: s.account}))
	if err != nil {
		return err
	}
	return translate(state.DecodeDone(b))
}

// translate turns the state's errors into those of this package.
func translate(err error) error {
	for _, t := range []struct{ of, to error }{
		{state.ErrUnknownToken, ErrTokenUnknown}, {state.ErrTokenUsed, ErrTokenUsed}, {state.ErrTokenExpired, ErrTokenExpired},
		{state.ErrOtherSchool, ErrOtherSchool}, {state.ErrUnknownSchool, ErrNoSchool}, {session.ErrRevoked, ErrDeviceRevoked},
	} {
		if errors.Is(err, t.of) {
			return t.to
		}
	}
	return err
}
