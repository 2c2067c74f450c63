package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"time"

	"shangu/hub/node"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
	"shangu/sync/session"
)

// client is a school with what an agent's store answers for: the digest of all
// that it sees, its own records and what it took from the hub.
type client struct {
	school
	code    string
	waiting int          // documents that the storm is to bring
	held    []digest.Set // of its own records, after each pack
	counts  []counted    // of the same
	others  map[session.DocKey]*change.Doc

	attempts, sentAway, failed int
	drained                    time.Duration // from the first attempt to the end of the last session; 0: never
	why                        error         // of the last session
}

// counted is what `hub report summary` says of a school.
type counted struct {
	School      string `json:"school"`
	Sheets      int    `json:"sheets"`
	Visits      int    `json:"visits"`
	Trainings   int    `json:"trainings"`
	Pending     int    `json:"pending"`
	Conflicts   int    `json:"conflicts"`
	Quarantined int    `json:"quarantined"`
}

// clients enrols n schools at the hub's gates and has each send a first day.
func (c *cluster) clients(ctx context.Context, n int, o StormOptions) ([]*client, error) {
	const atOnce = 8
	out := make([]*client, n)
	errs := make([]error, atOnce)
	var wg sync.WaitGroup
	for w := range atOnce {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += atOnce {
				out[i], errs[w] = c.client(ctx, i, o)
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// streets is how many addresses the schools have on loopback. The hub bounds
// enrolments from one address.
const streets = 200

func (c *cluster) client(ctx context.Context, i int, o StormOptions) (*client, error) {
	inv, err := c.invite(ctx, i)
	if err != nil {
		return nil, err
	}
	return join(ctx, inv, o.Seed, o.Days)
}

// invitation is what a school needs to join: who it is, and its token.
type invitation struct {
	Number int      `json:"number"`
	Token  string   `json:"token"`
	Hubs   []string `json:"hubs"`
}

func (c *cluster) invite(ctx context.Context, i int) (invitation, error) {
	token, err := c.token(ctx, schoolCode(i))
	return invitation{i, token, c.from(i)}, err
}

// join enrols a school, which sends a first day and has days more to send.
func join(ctx context.Context, inv invitation, seed uint64, more int) (*client, error) {
	i := inv.Number
	k := &client{code: schoolCode(i), others: map[session.DocKey]*change.Doc{}}
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%streets))}}
	s, err := enrol(ctx, inv.Hubs, inv.Token, from.DialContext)
	if err != nil {
		return nil, err
	}
	k.school = *s
	days := k.write(seed+uint64(i), 1+more)
	runs := days[:1]
	if more > 0 {
		runs = [][]*change.Entry{days[0], slices.Concat(days[1:]...)}
		k.waiting = len(runs[1])
	}
	k.hold(runs...)
	if err := k.pack(runs); err != nil {
		return nil, err
	}
	k.limit = 1 // the first day introduces the chain and the pupils' names
	if err := k.session(ctx); err != nil {
		return nil, fmt.Errorf("first day of school %s: %w", k.code, err)
	}
	// After a week its ticket has ended and its speed is forgotten.
	return k, k.connect()
}

// hold works out what the school holds after each run of entries.
func (k *client) hold(runs ...[]*change.Entry) {
	docs := map[session.DocKey]*change.Doc{}
	set, n := digest.Set{}, counted{School: k.code}
	keep := func() {
		own := digest.Set{}
		for b, s := range set {
			own[b] = s
		}
		k.held, k.counts = append(k.held, own), append(k.counts, n)
	}
	keep()
	for _, run := range runs {
		for _, e := range run {
			key := session.DocKey{Kind: e.Kind, ID: e.ID}
			was := docs[key]
			docs[key], _ = change.Merge(was, e, change.Author{Chain: k.chain, Role: schema.RoleHost})
			set.Replace(was, docs[key])
			if was != nil {
				continue
			}
			switch e.Kind {
			case schema.KindSheet:
				n.Sheets++
			case schema.KindVisit:
				n.Visits++
			case schema.KindTraining:
				n.Trainings++
			}
		}
		keep()
	}
}

// session holds one session on a connection of its own.
func (k *client) session(ctx context.Context) error {
	r, err := session.Run(ctx, k, k.link, k.opts)
	if err == nil && r.Repaired > 0 {
		err = fmt.Errorf("the hub held something else: %d parts were fetched anew", r.Repaired)
	}
	return errors.Join(err, k.link.Rest())
}

func isBusy(err error) bool { return errors.Is(err, session.ErrBusy) }

// Absorb implements session.Store.
func (k *client) Absorb(d session.Delta) error {
	for _, doc := range d.Docs {
		k.others[session.DocKey{Scope: doc.Scope, Kind: doc.Kind, ID: doc.ID}] = doc
	}
	for _, g := range d.Gone {
		delete(k.others, g)
	}
	k.cursor = d.Cursor
	return nil
}

// Buckets implements session.Store.
func (k *client) Buckets() (digest.Set, error) {
	set := digest.Set{}
	for b, s := range k.held[k.confirmed] {
		set[b] = s
	}
	for _, d := range k.others {
		set.Replace(nil, d)
	}
	return set, nil
}

// Root implements session.Store.
func (k *client) Root() digest.Sum {
	set, _ := k.Buckets()
	return set.Root()
}

// Replace implements session.Store: a storm takes nothing back that it holds.
func (k *client) Replace(b digest.Bucket, _ []*change.Doc) error {
	return fmt.Errorf("the hub holds something else of %v %s", b.Kind, b.Month)
}

// differs says what node n has otherwise than the school, "" if nothing.
func (c *cluster) differs(ctx context.Context, n int, k *client, got counted) (string, error) {
	body, err := c.get(ctx, n, "/v1/digest?school="+k.code)
	if err != nil {
		return "", err
	}
	var theirs map[string]map[string]string
	if err := json.Unmarshal(body, &theirs); err != nil {
		return "", fmt.Errorf("digest of %s: %w", k.code, err)
	}
	set, err := k.Buckets()
	if err != nil {
		return "", err
	}
	if ours := node.Digests(set); !reflect.DeepEqual(ours, theirs) {
		return fmt.Sprintf("node %d has digests %v, the school %v", n, theirs, ours), nil
	}
	if want := k.counts[k.confirmed]; got != want {
		return fmt.Sprintf("the hub counts %+v, the school %+v", got, want), nil
	}
	return "", nil
}

// caughtUp waits until all nodes are ready.
func (c *cluster) caughtUp(ctx context.Context) error {
	for n := range c.hubs {
		if err := c.hub.WaitReady(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// summary is what the hub counts of each school.
func (c *cluster) summary(ctx context.Context) (map[string]counted, error) {
	body, err := c.get(ctx, 0, "/v1/report?"+url.Values{"name": {"summary"}, "format": {"json"}}.Encode())
	if err != nil {
		return nil, err
	}
	var rows []counted
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("summary: %w in %.200s", err, body)
	}
	out := map[string]counted{}
	for _, r := range rows {
		out[r.School] = r
	}
	return out, nil
}

// get asks a node at its local door.
func (c *cluster) get(ctx context.Context, n int, path string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hub"+path, nil)
	if err != nil {
		return nil, err
	}
	return answer(c.doors[n], q, 64<<20)
}

// answer sends a request to a local door and reads what comes back.
func answer(door *http.Client, q *http.Request, limit int64) ([]byte, error) {
	r, err := door.Do(q)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	out, err := io.ReadAll(io.LimitReader(r.Body, limit))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", q.URL.Path, r.Status, out)
	}
	return out, err
}
