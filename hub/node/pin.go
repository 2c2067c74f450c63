package node

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"shangu/hub/state"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/newpin"
)

// PINRequest asks for the answer to a challenge that a school reads over a telephone.
type PINRequest struct {
	Device    string `json:"device,omitempty"` // 32 hex digits, or
	School    string `json:"school,omitempty"` // one of whose devices shows the challenge
	Challenge string `json:"challenge"`
}

// PINAnswer is what is read back, and what it is for.
type PINAnswer struct {
	Device string `json:"device"`
	School string `json:"school"`
	Role   int    `json:"role"` // as the challenge numbers it
	Answer string `json:"answer"`
}

// newPIN answers a challenge. It is noted: the operator lets somebody in by ear.
func (n *Node) newPIN(r *http.Request) (any, error) {
	var q PINRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&q); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	c, err := newpin.Parse(q.Challenge)
	if err != nil {
		return nil, err
	}
	d, err := n.challenged(q, c)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(d.Certificate)
	if err != nil {
		return nil, fmt.Errorf("answer challenge: %w", err)
	}
	public, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("answer challenge: the device's key is a %T", cert.PublicKey)
	}
	agreed, err := n.Secrets.Agree(public)
	if err != nil {
		return nil, err
	}
	secret, err := newpin.SecretOf(agreed, d.ID)
	if err != nil {
		return nil, err
	}
	id := identity.FormatDevice(d.ID)
	n.opts.Log.Warn("a challenge for a new PIN was answered", "school", d.School, "device", id, "role", c.Role)
	return PINAnswer{Device: id, School: d.School, Role: int(c.Role), Answer: secret.Answer(d.ID, c)}, nil
}

// challenged finds the device that shows a challenge.
func (n *Node) challenged(q PINRequest, c newpin.Challenge) (found state.Device, err error) {
	devices, err := n.State.Devices()
	if err != nil {
		return found, err
	}
	fits := 0
	for _, d := range devices {
		id := identity.FormatDevice(d.ID)
		switch {
		case q.Device != "" && id != q.Device, q.Device == "" && d.School != q.School:
			continue
		case q.Device != "" && d.Revoked != 0:
			return found, text.New("hub.pin_revoked", "id", id)
		case d.Revoked != 0 || newpin.HintOf(d.ID) != c.Hint:
			continue
		}
		found = d
		fits++
	}
	switch fits {
	case 0:
		return found, text.New("hub.pin_no_device")
	case 1:
		return found, nil
	}
	return found, text.New("hub.pin_devices")
}
