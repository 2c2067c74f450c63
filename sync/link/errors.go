package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/session"
)

// Errors of a link, beside those of sync/session.
var (
	// ErrNoAnswer: no hub could be reached, or the line broke.
	ErrNoAnswer = errors.New("link: the hub does not answer")
	// ErrNotHub: somebody answered who is not our hub: a login page of the
	// network, a proxy, another district's hub.
	ErrNotHub = errors.New("link: what answered is not the hub")
	// ErrPortal: a login page of the network or a proxy answered. It is an
	// ErrNotHub too.
	ErrPortal = fmt.Errorf("%w: a login page stands in between", ErrNotHub)
	// ErrNoHub: no usable address of a hub is configured.
	ErrNoHub = errors.New("link: no hub address")
	// ErrDataBudget: this month's bytes, or today's share of the last of them,
	// are used up.
	ErrDataBudget = errors.New("link: the data budget is used up")
	// ErrToken: the hub will never take this token from this machine.
	ErrToken = errors.New("link: the hub refused the token")
	// ErrCredentials: the stored credentials are damaged or another key's.
	ErrCredentials = errors.New("link: no usable credentials")
)

// errCrawl: bytes come, but so few that no answer would ever be whole.
var errCrawl = errors.New("link: the line moves next to nothing")

// explain gives an error of the network its words.
func explain(err error) error {
	var (
		record   tls.RecordHeaderError
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
		verify   *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, ErrPortal):
		return portal(err)
	case errors.Is(err, ErrNotHub):
		return text.Wrap(err, "link.not_hub")
	case errors.Is(err, ErrNoAnswer):
		return err
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return portal(err) // it speaks no TLS at all
	case errors.As(err, &verify) && !hubLike(verify.UnverifiedCertificates):
		return portal(err)
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &hostname), errors.As(err, &verify):
		return text.Wrap(errors.Join(ErrNotHub, err), "link.not_hub")
	}
	return text.Wrap(errors.Join(ErrNoAnswer, err), "link.no_answer")
}

// portal says that a login page stands between this computer and the hub.
func portal(err error) error { return text.Wrap(errors.Join(ErrPortal, err), "link.portal") }

// alerted reports whether one end of TLS found fault with what the other sent,
// as a hub does with a ticket whose secret was damaged. It is a full handshake
// then that mends it; a line that broke off says nothing of the kind.
func alerted(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

// hubLike reports whether certificates are those of some district's hub, and
// not what a network shows that wants a login.
func hubLike(certificates []*x509.Certificate) bool {
	return len(certificates) > 0 && slices.Contains(certificates[0].DNSNames, identity.ServerName)
}

// refusedByProxy reads what a proxy says to the request for a way through it.
func refusedByProxy(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK && !html(resp) {
		return nil
	}
	return fmt.Errorf("%w: proxy %s answers %d", ErrPortal, proxy.Host, resp.StatusCode)
}

// refusal reads an answer other than 200. The hub says why in a message code;
// what somebody else says is not shown to the clerk.
func refusal(resp *http.Response) error {
	if resp.StatusCode < http.StatusBadRequest || resp.StatusCode == http.StatusNetworkAuthenticationRequired || html(resp) {
		return portal(fmt.Errorf("status %d", resp.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return explain(err)
	}
	said := text.Parse(strings.TrimSpace(string(body)))
	id := said.ID()
	if !strings.HasPrefix(id, "gate.") && !strings.HasPrefix(id, "authority.") {
		return text.Wrap(ErrNotHub, "link.not_hub")
	}
	cause := session.ErrRefused
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		cause = session.ErrBusy
	case resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusBadGateway:
		cause = session.ErrNoLeader
	case resp.StatusCode == http.StatusInsufficientStorage:
		cause = session.ErrDiskFull
	case id == "gate.revoked", id == "authority.device_revoked":
		cause = session.ErrRevoked
	case strings.HasPrefix(id, "authority.token_"):
		cause = ErrToken
	}
	refused := &Refusal{Message: said, Cause: cause}
	if after := retryAfter(resp); after > 0 {
		return &session.RetryError{Err: refused, After: after}
	}
	return refused
}

func html(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
}

// Refusal is what a hub said instead of answering.
type Refusal struct {
	Message *text.Message // in the hub's words
	Cause   error         // ErrToken, or an error of sync/session
}

// Error returns the hub's words.
func (r *Refusal) Error() string { return r.Message.Error() }

// Unwrap lets errors.Is find the cause, and errors.As the message.
func (r *Refusal) Unwrap() []error { return []error{r.Message, r.Cause} }

// maxRetryAfter bounds how long a hub may send an agent away.
const maxRetryAfter = time.Hour

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 32)
	if err != nil || n > math.MaxInt32 {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxRetryAfter)
}
