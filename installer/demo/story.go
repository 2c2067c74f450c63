package demo

import (
	"context"
	"maps"
	"slices"
	"time"

	"shangu/agent/intake"
	"shangu/schema/text"
	"shangu/sync/link"
)

const (
	// syncLimit is how long a session may take over a link that holds.
	syncLimit = 15 * time.Second
	// hastyLimit is how long a clerk waits for one over a link that does not.
	hastyLimit = 5 * time.Second
	// halfWay is how many bytes of a school's first conversation get through to
	// the hub before the link breaks: past the handshakes and the packet that
	// enrolment fills, within the term's records.
	halfWay = 2000 + link.FillBytes
)

// story is the demo's script. It fails if anything did not arrive as it was
// recorded.
func (d *Demo) story(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.offline, d.flaky, d.today, d.mended, d.compare} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.tell.say("demo.arrived")
	return nil
}

// offline records a term at each school before there ever was a link.
func (d *Demo) offline(ctx context.Context) error {
	d.tell.say("demo.no_link")
	for _, s := range d.schools {
		a, err := splitAttendance(s.code)
		if err != nil {
			return err
		}
		if err := s.term(ctx, a); err != nil {
			return err
		}
		st, err := s.agent.Status(ctx)
		if err != nil {
			return err
		}
		if st.Pending != s.recorded || st.Safe != 0 {
			return text.New("demo.wrong_pending", "school", s.name, "want", s.recorded, "pending", st.Pending, "safe", st.Safe)
		}
		there, err := d.hub.row(s.code)
		if err != nil {
			return err
		}
		if there.Sheets != 0 || there.Pupils != 0 {
			return text.New("demo.wrong_early", "school", s.name, "sheets", there.Sheets)
		}
		d.tell.say("demo.term", "school", s.name, "entries", s.recorded)
	}
	return nil
}

// flaky lets the schools send over links that break: one while the records
// are on their way, the other while the answer is. Then over ones that hold.
func (d *Demo) flaky(ctx context.Context) error {
	for i, s := range d.schools {
		if i%2 == 0 {
			s.link.MendFor(halfWay, ToHub)
		} else {
			s.link.MendUntil(func() bool {
				there, err := d.hub.row(s.code)
				return err == nil && there.Sheets > 0
			})
		}
		if err := s.agent.Sync(ctx, hastyLimit); err != nil {
			there, err2 := d.hub.row(s.code)
			if err2 != nil {
				return err2
			}
			id := "demo.half"
			if there.Sheets > 0 {
				id = "demo.answer_lost"
			}
			d.tell.both(id, err, "school", s.name)
		}
		s.link.Mend()
		if err := s.agent.Sync(ctx, syncLimit); err != nil {
			return err
		}
		if err := d.drained(ctx, s); err != nil {
			return err
		}
		d.tell.say("demo.safe", "school", s.name, "safe", s.recorded)
	}
	return nil
}

// drained checks that the district has a receipt for each entry of a school
// once, and that none waits or was put aside.
func (d *Demo) drained(ctx context.Context, s *school) error {
	st, err := s.agent.Status(ctx)
	if err == nil && (st.Pending != 0 || st.Safe != s.recorded || st.Quarantined != 0 || st.Conflicts != 0) {
		err = text.New("demo.wrong_drained", "school", s.name, "want", s.recorded, "safe", st.Safe,
			"pending", st.Pending, "quarantined", st.Quarantined, "conflicts", st.Conflicts)
	}
	return err
}

// today cuts the links again and records while they are cut: the roll of a
// class, a correction of an older mark, the rest of the day.
func (d *Demo) today(ctx context.Context) error {
	for _, s := range d.schools {
		s.link.Cut()
		d.tell.say("demo.cut", "school", s.name)
		a, err := splitAttendance(s.code)
		if err != nil {
			return err
		}
		if _, err := s.take(ctx, intake.Attendance, "morning.csv", a.morning); err != nil {
			return err
		}
		d.tell.say("demo.roll", "school", s.name, "class", a.class, "date", lastDay)
		fix, date, class, err := correction(s.code)
		if err != nil {
			return err
		}
		n, err := s.take(ctx, intake.Attendance, "correction.csv", fix)
		if err != nil {
			return err
		}
		if n != 1 {
			return text.New("demo.wrong_correction", "school", s.name, "entries", n)
		}
		d.tell.say("demo.correction", "school", s.name, "class", class, "date", date)
		if _, err := s.take(ctx, intake.Attendance, "rest.csv", a.rest); err != nil {
			return err
		}
		err = s.agent.Sync(ctx, hastyLimit)
		if err == nil {
			return text.New("demo.wrong_link", "school", s.name)
		}
		st, err2 := s.agent.Status(ctx)
		if err2 != nil {
			return err2
		}
		if st.Pending == 0 {
			return text.New("demo.wrong_link", "school", s.name)
		}
		d.tell.both("demo.waits", err, "school", s.name, "pending", st.Pending)
	}
	return nil
}

// mended joins the links and lets what waited through.
func (d *Demo) mended(ctx context.Context) error {
	for _, s := range d.schools {
		s.link.Mend()
		d.tell.say("demo.mended", "school", s.name)
		if err := s.agent.Sync(ctx, syncLimit); err != nil {
			return err
		}
		if err := d.drained(ctx, s); err != nil {
			return err
		}
		d.tell.say("demo.safe", "school", s.name, "safe", s.recorded)
	}
	return nil
}

// compare holds what the hub has against what was recorded: the counts, and
// the digest of every kind and month.
func (d *Demo) compare(ctx context.Context) error {
	for _, s := range d.schools {
		r, err := d.hub.row(s.code)
		if err != nil {
			return err
		}
		got := row{s.code, s.name, r.Pupils, r.Sheets, r.Marks, r.Visits, r.Trainings}
		if got != s.row {
			return text.New("demo.wrong_counts", "school", s.name, "got", got, "want", s.row)
		}
		d.tell.say("demo.counts", "school", s.name, "pupils", r.Pupils, "sheets", r.Sheets, "marks", r.Marks, "visits", r.Visits, "trainings", r.Trainings)
		here, err := s.agent.Digest(ctx)
		if err != nil {
			return err
		}
		there, err := d.hub.digest(s.code)
		if err != nil {
			return err
		}
		n := 0
		for _, kind := range slices.Sorted(maps.Keys(merged(here, there))) {
			if !maps.Equal(here[kind], there[kind]) {
				return text.New("demo.wrong_digest", "school", s.name, "kind", kind)
			}
			n += len(here[kind])
		}
		d.tell.say("demo.digests", "school", s.name, "count", n)
	}
	return nil
}

func merged(a, b map[string]map[string]string) map[string]map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}
