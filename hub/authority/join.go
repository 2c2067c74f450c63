package authority

import (
	"context"
	"encoding/json"
	"fmt"

	"shangu/sync/identity"
)

// JoinRequest asks for a place in the cluster: the body of POST /v1/node/join.
type JoinRequest struct {
	Secret [16]byte `json:"secret"`
	CSR    []byte   `json:"csr"` // DER, over the node's key
	ID     string   `json:"id"`
	Hosts  []string `json:"hosts"` // under which agents will reach it
}

// Bundle is what makes a machine a node: the district's secrets, a certificate
// over its own key, and who may use the pages, which the hub's main keeps. It travels only inside TLS to a holder of a
// node token, and only once.
type Bundle struct {
	Secrets     json.RawMessage `json:"secrets"`
	Certificate []byte          `json:"certificate"` // DER
	Operators   json.RawMessage `json:"operators,omitempty"`
}

// Limits of the join messages, in bytes.
const (
	MaxJoin   = 8 << 10
	MaxBundle = 32 << 10
	maxNodeID = 64
)

// Join lets a hub node in and hands it the bundle.
func (a *Authority) Join(ctx context.Context, source string, r *JoinRequest) (*Bundle, error) {
	b, err := a.join(ctx, source, r)
	if err != nil {
		return nil, say(err)
	}
	return b, nil
}

func (a *Authority) join(ctx context.Context, source string, r *JoinRequest) (*Bundle, error) {
	if r.ID == "" || len(r.ID) > maxNodeID || len(r.Hosts) > 16 {
		return nil, fmt.Errorf("%w: node id of %d bytes, %d hosts", ErrCertificate, len(r.ID), len(r.Hosts))
	}
	public, _, err := a.admit(source, identity.RoleNode, &identity.Request{Secret: r.Secret, CSR: r.CSR}, a.now())
	if err != nil {
		return nil, err
	}
	cert, err := a.secrets.IssueNode(public, r.ID, r.Hosts, a.random)
	if err != nil {
		return nil, err
	}
	_, err = a.log.Enrol(ctx, Enrolment{Token: identity.HashSecret(r.Secret), Role: identity.RoleNode, Device: identity.DeviceOf(public), Now: a.now().Unix()})
	if err != nil {
		return nil, fmt.Errorf("use node token: %w", err)
	}
	secrets, err := a.secrets.Marshal()
	if err != nil {
		return nil, err
	}
	b := &Bundle{Secrets: secrets, Certificate: cert}
	if a.operators != nil {
		if b.Operators, err = a.operators(); err != nil {
			return nil, fmt.Errorf("read operators: %w", err)
		}
	}
	return b, nil
}

// Open checks a bundle against the pin of the token that it was asked with.
func (b *Bundle) Open(pin [32]byte) (*Secrets, error) {
	s, err := ParseSecrets(b.Secrets)
	if err != nil {
		return nil, err
	}
	if s.Pin() != pin {
		return nil, fmt.Errorf("%w: the bundle is another district's", ErrSecrets)
	}
	return s, nil
}
