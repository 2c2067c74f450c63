package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"shangu/agent/roster"
	"shangu/schema/text"
	"shangu/sync/identity"
	"shangu/sync/link"
)

// enrolment is what was given with `agent enroll`. The token stays: should the
// credentials be lost, the same machine may use it again.
type enrolment struct {
	Hubs   []string `json:"hubs"`
	Token  string   `json:"token"`
	School string   `json:"school"`
	// Used is the token by which this machine's present key was let in. A
	// token that differs from it is fresh: with one, a machine that the
	// district has shut out comes back, under a new key.
	Used string `json:"used,omitempty"`
}

// Enrolled is what Enrol kept.
type Enrolled struct {
	School string   `json:"school"`
	Hubs   []string `json:"hubs"`
}

// Enrol keeps the hub's addresses and the token for the next session. It needs
// no network. A machine that has credentials of the same school keeps them, and
// its identity; token may then be empty.
func (a *Agent) Enrol(_ context.Context, hubs []string, token string) (Enrolled, error) {
	hubs, err := parseHubs(hubs)
	if err != nil {
		return Enrolled{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := enrolment{Hubs: hubs, Token: token, School: a.enrolment.School, Used: a.enrolment.Used}
	switch {
	case token != "":
		t, err := identity.ParseTokenFor(identity.RoleSchool, token)
		if err != nil {
			return Enrolled{}, err
		}
		e.Token, e.School = t.String(), t.School
		if home := a.store.Home(); home != "" && home != t.School {
			return Enrolled{}, text.New("agent.other_school", "school", home, "token", t.School)
		}
		if a.last.revoked() && e.Token == e.Used {
			return Enrolled{}, text.New("agent.token_spent")
		}
	case a.enrolment.Token == "":
		return Enrolled{}, text.New("agent.no_token_given")
	case a.last.revoked() && a.enrolment.Token == a.enrolment.Used:
		return Enrolled{}, text.New("agent.token_spent")
	default:
		e.Token = a.enrolment.Token
	}
	if err := writeJSON(a.enrolmentFiles(), a.path(enrolmentFile), e); err != nil {
		return Enrolled{}, err
	}
	a.enrolment = e
	a.dropLink()
	a.o.Log.Info("enrolment kept", "school", e.School, "hubs", strings.Join(hubs, ","))
	a.saved()
	return Enrolled{e.School, e.Hubs}, nil
}

// Enrolled is the school and the hub's addresses that were kept, "" before that.
func (a *Agent) Enrolled() (school string, hubs []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.enrolment.School, slices.Clone(a.enrolment.Hubs)
}

// unfinished reports whether a new computer lacks the district or a roster still.
func (a *Agent) unfinished(book *roster.Book) func() bool {
	return func() bool {
		school, _ := a.Enrolled()
		r, err := book.Open()
		return school == "" || err == nil && len(r.Everybody()) == 0
	}
}

// EnrolFor is Enrol for whoever needs no more than to know that it was kept.
func (a *Agent) EnrolFor(ctx context.Context, hubs []string, token string) error {
	_, err := a.Enrol(ctx, hubs, token)
	return err
}

// EnrolBy is EnrolPack for whoever needs no more than to know that it was kept.
func (a *Agent) EnrolBy(ctx context.Context, pack []byte) error {
	_, err := a.EnrolPack(ctx, pack)
	return err
}

// dropLink closes the link, so that the next session opens one anew. The caller
// holds mu.
func (a *Agent) dropLink() {
	if a.link == nil {
		return
	}
	if err := a.link.Close(); err != nil {
		a.o.Log.Warn("link state was not kept", "err", err.Error())
	}
	a.link = nil
}

// renew makes this machine another device: the district has shut out the one
// that it was and issued a fresh token. What is recorded stays, and what the hub
// has not confirmed is written anew under the new key. Killed half way it is done
// again, or finished by the store, which knows the device that it was written by.
// The caller has its turn.
func (a *Agent) renew() error {
	if err := os.Remove(a.path(credentialsFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("renew device: %w", err)
	}
	key, err := identity.NewKey(a.o.Rand)
	if err != nil {
		return fmt.Errorf("renew device: %w", err)
	}
	pem, err := key.PEM()
	if err != nil {
		return fmt.Errorf("renew device: %w", err)
	}
	if err := a.keyFiles().Write(a.path(keyFile), pem, 0o600); err != nil {
		return fmt.Errorf("renew device: %w", err)
	}
	old := identity.FormatDevice(a.key.Device())
	a.mu.Lock()
	a.dropLink()
	a.key = key
	a.mu.Unlock()
	if err := a.store.SetDevice(key.Device()); err != nil {
		return err
	}
	a.o.Log.Warn("the district had revoked this device; it comes back as another", "was", old, "is", identity.FormatDevice(key.Device()))
	return nil
}

// parseHubs checks the hub's addresses and drops repeated ones.
func parseHubs(hubs []string) ([]string, error) {
	var out []string
	for _, h := range hubs {
		h = strings.TrimRight(strings.TrimSpace(h), "/")
		if h == "" {
			continue
		}
		u, err := url.Parse(h)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, text.New("link.bad_hub", "url", h)
		}
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		return nil, text.New("agent.no_hub_given")
	}
	return out, nil
}

// loadCredentials returns nil before the first contact. Damaged ones are
// reported and count as none: the token gets them anew.
func (a *Agent) loadCredentials() *link.Credentials {
	cr, err := link.LoadCredentials(a.path(credentialsFile), a.files)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			a.o.Log.Warn("credentials cannot be used", "err", err.Error())
		}
		return nil
	}
	return cr
}

// readJSON reads a small file; one that does not exist leaves v as it is.
func readJSON(files identity.Files, path string, v any) error {
	b, err := files.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

func writeJSON(files identity.Files, path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := files.Write(path, b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// readJSON and writeJSON are for the files of the data directory, sealed.
func (a *Agent) readJSON(name string, v any) error  { return readJSON(a.files, a.path(name), v) }
func (a *Agent) writeJSON(name string, v any) error { return writeJSON(a.files, a.path(name), v) }
