package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"shangu/agent/store"
	"shangu/agent/web/front"
	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/link"
)

// source is what the first page and those around it ask of the agent.
type source struct {
	*Agent
	ctx    context.Context // of the service
	tasks  *sync.WaitGroup
	recent func(int) []string

	mu      sync.Mutex
	sending bool
	sent    *front.Sent
}

var _ front.Source = (*source)(nil)

func (s *source) Recent(n int) []string { return s.recent(n) }

// ConfirmDate is Agent's, whose answer the page reads from the state.
func (s *source) ConfirmDate(ctx context.Context, date string) error {
	_, err := s.Agent.ConfirmDate(ctx, date)
	return err
}

// sendPatience is how long a session may take that somebody waits for at the page,
// and sentShown for how long the page says what came of it.
const (
	sendPatience = 10 * time.Minute
	sentShown    = 15 * time.Minute
)

// Send begins what `agent sync` does. Who presses twice is served once.
func (s *source) Send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sending || s.ctx.Err() != nil {
		return
	}
	s.sending = true
	s.tasks.Go(func() {
		safe := s.store.Status().Safe
		err := s.Sync(s.ctx, sendPatience)
		out := &front.Sent{At: s.now(), Entries: s.store.Status().Safe - safe}
		if err != nil {
			out.Failed = explain(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sending, s.sent = false, out
	})
}

// State is Standing, and what the page itself has begun.
func (s *source) State(ctx context.Context) (front.State, error) {
	out, err := s.Standing(ctx)
	if err != nil {
		return front.State{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Sending = s.sending
	if s.sent != nil && s.now().Sub(s.sent.At) < sentShown {
		out.Sent = s.sent
	}
	return out, nil
}

// Standing is Status as the first page says it.
func (a *Agent) Standing(ctx context.Context) (front.State, error) {
	st, err := a.Status(ctx)
	if err != nil {
		return front.State{}, err
	}
	out := a.standing(st)
	if st.School != "" {
		d, err := a.store.Doc(schema.DistrictScope, schema.KindSchool, st.School)
		if err != nil && !errors.Is(err, store.ErrDiskFull) {
			return front.State{}, err
		}
		out.Name = d.Value(schema.SchoolName).Text()
	}
	if q := a.clock.question(); q.Ask && st.School != "" {
		out.Ask = &front.DateAsk{Date: q.Proposal, Why: text.Parse(q.Why)}
	}
	for _, n := range st.Notices {
		out.Notices = append(out.Notices, front.Notice{Level: n.Level, Text: text.Parse(n.Text)})
	}
	return out, nil
}

// standing is what a Status says without being asked for more.
func (a *Agent) standing(st Status) front.State {
	out := front.State{
		School: st.School, Device: st.Device, Version: st.Version, Hubs: st.Hubs,
		Pending: st.Pending, Safe: st.Safe, Docs: st.Docs, Conflicts: st.Conflicts, Quarantined: st.Quarantined,
		DiskFree: st.DiskFree, DiskLow: st.DiskLow, Data: link.Amount(st.Data.Sent + st.Data.Received).String(),
	}
	if st.LastError != "" {
		out.LastError = text.Parse(st.LastError)
		out.Revoked = out.LastError.ID() == idRevoked
		out.Budget = out.LastError.ID() == "link.data_budget"
		out.Share = out.LastError.ID() == "link.data_share"
	}
	if st.Data.Limit > 0 {
		out.DataLimit = link.Amount(st.Data.Limit).String()
	}
	if t, err := time.Parse(time.RFC3339, st.LastSync); err == nil {
		out.LastSync = t.In(schema.Zone)
	}
	return out
}

// light is for the bar of every page.
func (s *source) light(lang text.Lang) ui.Light { return front.Light(s.standing(s.stand()), lang) }

// conflicts counts what waits for somebody to choose.
func (s *source) conflicts() int { return s.store.Status().Conflicts }
