package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"shangu/agent/account"
	"shangu/agent/intake"
	"shangu/installer/host/local"
	"shangu/schema/table"
	"shangu/schema/text"
)

// Client asks the service that runs on a data directory. Its methods are those
// of Agent.
type Client struct{ http *http.Client }

// NewClient makes a Client over one of installer/host/local.
func NewClient(c *http.Client) *Client { return &Client{c} }

// Status reads where the agent stands, LastError as a code.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.ask(ctx, "GET", "/v1/status", nil, &s)
}

// Digest digests what the school sees.
func (c *Client) Digest(ctx context.Context) (d map[string]map[string]string, err error) {
	return d, c.ask(ctx, "GET", "/v1/digest", nil, &d)
}

// Quarantine lists what the district holds in quarantine.
func (c *Client) Quarantine(ctx context.Context, settled bool) (q []Quarantined, err error) {
	path := "/v1/quarantine"
	if settled {
		path += "?all=1"
	}
	return q, c.ask(ctx, "GET", path, nil, &q)
}

// Receipt makes the sheet of a day, What of its records as codes.
func (c *Client) Receipt(ctx context.Context, date, id string) (s DaySheet, err error) {
	return s, c.ask(ctx, "GET", "/v1/receipt?"+url.Values{"date": {date}, "id": {id}}.Encode(), nil, &s)
}

// Sync holds sessions until nothing is pending.
func (c *Client) Sync(ctx context.Context, timeout time.Duration) error {
	return c.ask(ctx, "POST", "/v1/sync?timeout="+timeout.String(), nil, &struct{}{})
}

// Enrol keeps the hub's addresses and the token.
func (c *Client) Enrol(ctx context.Context, hubs []string, token string) (e Enrolled, err error) {
	body, err := json.Marshal(enrolment{Hubs: hubs, Token: token})
	if err != nil {
		return e, fmt.Errorf("enrol: %w", err)
	}
	return e, c.ask(ctx, "POST", "/v1/enroll", bytes.NewReader(body), &e)
}

// Import hands a file over.
func (c *Client) Import(ctx context.Context, i Import) (Imported, error) {
	q := url.Values{"kind": {string(i.Kind)}, "name": {i.Name}, "year": {strconv.Itoa(i.Year)}, "account": {i.Account}}
	if i.DryRun {
		q.Set("dry", "1")
	}
	var got imported
	err := c.ask(ctx, "POST", "/v1/import?"+q.Encode(), bytes.NewReader(i.Data), &got)
	got.Imported.Notes = readProblems(got.Notes)
	return got.Imported, err
}

// Export fetches a table.
func (c *Client) Export(ctx context.Context, kind intake.Kind, name string, v intake.OneVersion, w io.Writer) error {
	q := url.Values{"kind": {string(kind)}, "name": {name}, "version": {string(v)}}
	resp, err := c.do(ctx, "GET", "/v1/export?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if n, err := io.Copy(w, resp.Body); err != nil || n != resp.ContentLength {
		return text.Wrap(errors.Join(err, fmt.Errorf("%d of %d bytes", n, resp.ContentLength)), "agent.bad_answer")
	}
	return nil
}

// Backup fetches a backup. One that was cut short does not pass CheckBackup.
func (c *Client) Backup(ctx context.Context, w io.Writer, open bool) error {
	resp, err := c.do(ctx, "GET", "/v1/backup?open="+strconv.FormatBool(open), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return text.Wrap(err, "agent.bad_answer")
	}
	return nil
}

// EnrolPack hands a school pack over.
func (c *Client) EnrolPack(ctx context.Context, pack []byte) (e Enrolled, err error) {
	return e, c.ask(ctx, "POST", "/v1/pack", bytes.NewReader(pack), &e)
}

// ExportBundle fetches a bundle.
func (c *Client) ExportBundle(ctx context.Context, take func(Bundled, io.Reader) error) error {
	resp, err := c.do(ctx, "GET", "/v1/bundle", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var b Bundled
	if err := json.Unmarshal([]byte(resp.Header.Get(bundleHeader)), &b); err != nil {
		return text.Wrap(err, "agent.bad_answer")
	}
	return take(b, resp.Body)
}

// ImportBundle hands a reply over.
func (c *Client) ImportBundle(ctx context.Context, src io.ReaderAt, size int64) (r Returned, err error) {
	return r, c.ask(ctx, "POST", "/v1/bundle", io.NewSectionReader(src, 0, size), &r)
}

// DateQuestion says whether the clerk is to be asked for today's date.
func (c *Client) DateQuestion(ctx context.Context) (q DateQuestion, err error) {
	return q, c.ask(ctx, "GET", "/v1/date", nil, &q)
}

// ConfirmDate takes the clerk's word for today's date.
func (c *Client) ConfirmDate(ctx context.Context, date string) (q DateQuestion, err error) {
	return q, c.ask(ctx, "POST", "/v1/date?confirm="+url.QueryEscape(date), nil, &q)
}

// Verify checks journal and documents against each other.
func (c *Client) Verify(ctx context.Context, repair bool) (v Verified, err error) {
	path := "/v1/verify"
	if repair {
		path += "?repair=1"
	}
	return v, c.ask(ctx, "POST", path, nil, &v)
}

// Accounts lists the accounts that are not closed.
func (c *Client) Accounts(ctx context.Context) (all []Account, err error) {
	return all, c.ask(ctx, "GET", "/v1/accounts", nil, &all)
}

// AddAccount makes an account.
func (c *Client) AddAccount(ctx context.Context, name string, role account.Role, pin string) (x Account, err error) {
	return x, c.tell(ctx, "/v1/accounts", newAccount{name, role, pin}, &x)
}

// SetPIN gives the account of a name another PIN.
func (c *Client) SetPIN(ctx context.Context, name, pin string) error {
	return c.tell(ctx, "/v1/accounts/pin", newAccount{Name: name, PIN: pin}, &struct{}{})
}

// ResetAccounts forgets all accounts.
func (c *Client) ResetAccounts(ctx context.Context) error {
	return c.tell(ctx, "/v1/accounts/reset", struct{}{}, &struct{}{})
}

// tell posts v as JSON.
func (c *Client) tell(ctx context.Context, path string, v, answer any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("ask service: %w", err)
	}
	return c.ask(ctx, "POST", path, bytes.NewReader(body), answer)
}

func (c *Client) ask(ctx context.Context, method, path string, body io.Reader, answer any) error {
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return text.Wrap(err, "agent.bad_answer")
	}
	return nil
}

// do sends a request and turns a fault back into the error that it was.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, local.Origin+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask service: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, text.Wrap(err, "agent.service_gone")
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f fault
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Code == "" && len(f.Problems) == 0 {
		return nil, text.Wrap(errors.Join(err, fmt.Errorf("%s %s: %s", method, path, resp.Status)), "agent.bad_answer")
	}
	if f.Code != "" {
		return nil, text.Parse(f.Code)
	}
	ps := &table.Problems{}
	for _, p := range readProblems(f.Problems) {
		ps.Add(p)
	}
	for range f.More {
		ps.Add(table.Problem{Message: text.New("agent.bad_answer")})
	}
	return nil, ps
}
