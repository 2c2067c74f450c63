package drill

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"shangu/installer/stage"
)

// couriers lets one stick carry the bundles of several schools, good ones and
// bad ones in one heap.
var couriers = Drill{Name: "couriers", Holds: []int{2, 3, 6, 7}, Run: runCouriers}

// heap is what is on the courier's stick.
type heap struct {
	dir  string
	r    *rand.Rand
	good map[string]bool // by file: whether the hub should take it
	n    int
}

// add puts a file on the heap under a name that looks right.
func (p *heap) add(data []byte, good bool) error {
	p.n++
	name := filepath.Join(p.dir, fmt.Sprintf("2199109015-%08x-%06d.sgup", p.r.Uint32(), p.n))
	p.good[name] = good
	return os.WriteFile(name, data, 0o600)
}

// spoil adds cut and altered ones of a bundle.
func (p *heap) spoil(b []byte, cuts, flips int) error {
	for i := range cuts {
		if err := p.add(b[:1+(len(b)-2)*i/cuts+p.r.IntN(max(1, len(b)/cuts/2))], false); err != nil {
			return err
		}
	}
	for range flips {
		c := bytes.Clone(b)
		c[p.r.IntN(len(c))] ^= 1 << p.r.IntN(8)
		if err := p.add(c, false); err != nil {
			return err
		}
	}
	return nil
}

func runCouriers(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, err := b.district(ctx, 3)
	if err != nil {
		return o, err
	}
	defer s.Close()
	k, err := newCourier(s, h, "stick")
	if err != nil {
		return o, err
	}
	leader, err := h.Leader(ctx)
	if err != nil {
		return o, err
	}
	k.at = (leader + 1) % len(h.Dirs)
	r := rand.New(rand.NewPCG(b.Seed, 0xc0))
	pile := &heap{dir: filepath.Join(s.Work, "heap"), r: r, good: map[string]bool{}}
	if err := os.Mkdir(pile.dir, 0o700); err != nil {
		return o, err
	}
	// Two schools' bundles, an older and a newer one of each; one goes along twice.
	rounds := b.trials(1, 10)
	schools := map[string]*stage.School{}
	take := func(c *stage.School) ([]byte, error) {
		file, err := k.export(ctx, c)
		if err != nil {
			return nil, err
		}
		return os.ReadFile(file)
	}
	for _, code := range []string{sampleSchool, secondSchool} {
		c, err := k.enrol(ctx, "school-"+code, code)
		if err != nil {
			return o, err
		}
		schools[code] = c
		if err := c.Import(ctx, "roster", l.of(code, "roster.xlsx")); err != nil {
			return o, err
		}
		old, err := take(c)
		if err != nil {
			return o, err
		}
		if code == sampleSchool { // the rest is for later
			err = l.record(ctx, c, len(l.sheets)/2)
		} else {
			err = c.Import(ctx, "attendance", l.of(code, "attendance.csv"))
		}
		if err != nil {
			return o, err
		}
		fresh, err := take(c)
		if err != nil {
			return o, err
		}
		for _, data := range [][]byte{fresh, old, fresh} {
			if err := pile.add(data, true); err != nil {
				return o, err
			}
		}
		if err := pile.spoil(fresh, 12*rounds, 12*rounds); err != nil {
			return o, err
		}
	}
	// One of a machine that the district has shut out.
	thief, err := k.enrol(ctx, "stolen", sampleSchool)
	if err != nil {
		return o, err
	}
	if err := thief.Import(ctx, "roster", l.file("roster.xlsx")); err != nil {
		return o, err
	}
	if _, err := k.round(ctx, &o, thief); err != nil {
		return o, err
	}
	st, err := thief.Status(ctx)
	if err != nil {
		return o, err
	}
	stolen, err := take(thief)
	if err != nil {
		return o, err
	}
	if _, err := s.Run(ctx, "hub", "device", "revoke", st.Device, "--dir", h.Dirs[0]); err != nil {
		return o, err
	}
	if err := pile.add(stolen, false); err != nil {
		return o, err
	}
	// One for another district.
	other, err := elsewhere(ctx, b, l)
	if err != nil {
		return o, err
	}
	if err := pile.add(other, false); err != nil {
		return o, err
	}
	// And what sticks collect.
	if err := pile.add([]byte("PK\x03\x04 a workbook under a wrong name"), false); err != nil {
		return o, err
	}
	if err := os.WriteFile(filepath.Join(pile.dir, "._2199109015-00000000-000001.sgup"), []byte("\x00\x05\x16\x07"), 0o600); err != nil {
		return o, err
	}
	if err := pile.judge(ctx, k, &o); err != nil {
		return o, err
	}
	for range b.trials(1, 8) {
		if err := pile.behead(ctx, k, schools, l, &o); err != nil {
			return o, err
		}
	}
	for code, c := range schools {
		if err := same(ctx, k, c, code, &o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// judge brings the whole heap to the hub, in any order, and sees what was taken.
func (p *heap) judge(ctx context.Context, k courier, o *Outcome) error {
	var files []string
	for f := range p.good {
		files = append(files, f)
	}
	p.r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	got, err := k.deliver(ctx, files...)
	if err != nil {
		return err
	}
	if len(got) != len(files) {
		o.Lose("of %d files the hub tells of %d", len(files), len(got))
	}
	taken, reasons := 0, map[string]int{}
	for _, f := range got {
		o.Trials++
		why := f.Refused + f.Problem
		switch good := p.good[f.File]; {
		case good && why != "":
			o.Lose("a good bundle was refused: %s", why)
		case !good && why == "":
			o.Lose("a bad bundle was taken: %s", filepath.Base(f.File))
		case good:
			taken++
		default:
			reasons[why]++
		}
	}
	if len(reasons) < 5 {
		o.Lose("only %d reasons for all that is wrong: %v", len(reasons), reasons)
	}
	o.Saw = fmt.Sprintf("%d files in one heap: %d taken, %d refused for %d reasons", len(got), taken, len(got)-taken, len(reasons))
	return nil
}

// behead kills the leader while another node imports what schools recorded
// since. Afterwards the same stick is imported once more: nothing may be lost by
// the first time, and nothing be there twice by the second.
func (p *heap) behead(ctx context.Context, k courier, schools map[string]*stage.School, l *ledger, o *Outcome) error {
	o.Trials++
	c := schools[sampleSchool]
	if err := l.record(ctx, c, len(l.sheets)/4); err != nil {
		return err
	}
	file, err := k.export(ctx, c)
	if err != nil {
		return err
	}
	leader, err := k.h.Leader(ctx)
	if err != nil {
		return err
	}
	k.at = (leader + 1) % len(k.h.Dirs)
	type result struct {
		got []carried
		err error
	}
	first := make(chan result, 1)
	go func() {
		got, err := k.deliver(ctx, file)
		first <- result{got, err}
	}()
	late := time.NewTimer(time.Duration(p.r.IntN(800)) * time.Millisecond)
	defer late.Stop()
	select {
	case <-late.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := k.s.Kill(k.h.Name(leader)); err != nil {
		return err
	}
	one := <-first
	if one.err != nil {
		return one.err
	}
	if one.got[0].Refused != "" {
		o.Lose("a bundle was refused because the leader died: %s", one.got[0].Refused)
	}
	again, err := k.deliver(ctx, file, file)
	if err != nil {
		return err
	}
	for _, f := range again {
		if f.Refused != "" || f.Problem != "" {
			o.Lose("a repeat was refused after the leader died: %s%s", f.Refused, f.Problem)
		}
	}
	if one.got[0].Problem == "" && again[0].Applied != 0 || again[1].Applied != 0 {
		o.Lose("of one bundle %d, %d and %d entries were taken", one.got[0].Applied, again[0].Applied, again[1].Applied)
	}
	o.Saw += fmt.Sprintf("; leader killed during an import at another node: %d entries of %d taken by it, %d by the repeat, then %d",
		one.got[0].Applied, again[0].Entries, again[0].Applied, again[1].Applied)
	if err := k.s.Restart(k.h.Name(leader)); err != nil {
		return err
	}
	return k.h.WaitReady(ctx, leader)
}

// same takes a school's reply home and compares digests.
func same(ctx context.Context, k courier, c *stage.School, code string, o *Outcome) error {
	for range 2 { // the first brings the certificate and receipts, the second what others wrote since
		if _, err := k.home(ctx, c); err != nil {
			return err
		}
		if _, err := k.export(ctx, c); err != nil {
			return err
		}
		if _, err := k.deliver(ctx, k.stick); err != nil {
			return err
		}
	}
	if _, err := k.home(ctx, c); err != nil {
		return err
	}
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	here, err := c.Digest(ctx)
	if err != nil {
		return err
	}
	there, err := k.h.Digest(ctx, 0, code)
	if err != nil {
		return err
	}
	if at := here.Differ(there); at != "" || st.Pending != 0 || len(here) == 0 {
		o.Lose("school %s: %d entries wait, differs from the hub in %q", code, st.Pending, at)
	}
	return nil
}

// elsewhere makes a bundle of the same school for another district's hub.
func elsewhere(ctx context.Context, b *Bench, l *ledger) ([]byte, error) {
	s, err := b.Stage(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	h, err := l.open(ctx, s, 1)
	if err != nil {
		return nil, err
	}
	k, err := newCourier(s, h, "stick")
	if err != nil {
		return nil, err
	}
	c, err := k.enrol(ctx, "there", sampleSchool)
	if err != nil {
		return nil, err
	}
	if err := c.Import(ctx, "roster", l.file("roster.xlsx")); err != nil {
		return nil, err
	}
	file, err := k.export(ctx, c)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
