package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"shangu/installer/stage"
)

// sticks plays a term of a school that never has a link: two machines, old
// images and a hub from a backup among it.
var sticks = Drill{Name: "sticks", Holds: []int{2, 3, 4, 5}, Run: runSticks}

// courier carries bundles between schools and a hub.
type courier struct {
	s     *stage.Stage
	h     *stage.Hub
	stick string // folder
	at    int    // the node of the hub that imports
}

// carried is what `hub bundle import --json` says of one file.
type carried struct {
	File, School, Device, Refused, Problem, Reply string
	Entries, Applied, Known                       int
	Again, Enrolled                               bool
}

// newCourier gives one an empty stick.
func newCourier(s *stage.Stage, h *stage.Hub, name string) (courier, error) {
	k := courier{s: s, h: h, stick: filepath.Join(s.Work, name)}
	if err := os.Mkdir(k.stick, 0o700); err != nil {
		return k, fmt.Errorf("make stick: %w", err)
	}
	return k, nil
}

// enrol brings a school pack from the hub to a new machine of a school.
func (k courier) enrol(ctx context.Context, name, code string) (*stage.School, error) {
	pack := filepath.Join(k.s.Work, name+".sgpk")
	if _, err := k.s.Run(ctx, "hub", "pack", "--school", code, pack, "--dir", k.h.Dirs[0]); err != nil {
		return nil, err
	}
	c := k.s.School(name, code)
	_, err := k.s.Run(ctx, "agent", "enroll", "--pack", pack, "--dir", c.Dir)
	return c, err
}

// export puts a machine's bundle on the stick and returns its file.
func (k courier) export(ctx context.Context, c *stage.School) (string, error) {
	var v struct{ File string }
	return v.File, k.s.Ask(ctx, &v, "agent", "bundle", "export", k.stick, "--dir", c.Dir)
}

// deliver imports files or folders at the hub; replies go on the stick. Files
// that are refused are in the answer.
func (k courier) deliver(ctx context.Context, files ...string) ([]carried, error) {
	args := append([]string{"hub", "bundle", "import", "--dir", k.h.Dirs[k.at], "--reply", k.stick, "--json"}, files...)
	out, err := k.s.Run(ctx, args...)
	var v struct{ Files []carried }
	if json.Unmarshal(out, &v) != nil || len(v.Files) == 0 {
		return nil, fmt.Errorf("deliver: %w: %s", err, out)
	}
	return v.Files, nil
}

// home takes the replies on the stick into a machine.
func (k courier) home(ctx context.Context, c *stage.School) (again bool, err error) {
	var v struct{ Again bool }
	return v.Again, k.s.Ask(ctx, &v, "agent", "bundle", "import", k.stick, "--dir", c.Dir)
}

// round is a whole trip for some machines.
func (k courier) round(ctx context.Context, o *Outcome, cs ...*stage.School) (again bool, err error) {
	for _, c := range cs {
		if _, err := k.export(ctx, c); err != nil {
			return false, err
		}
	}
	files, err := k.deliver(ctx, k.stick)
	if err != nil {
		return false, err
	}
	for _, f := range files {
		if f.Refused != "" || f.Problem != "" {
			o.Lose("%s was refused: %s%s", filepath.Base(f.File), f.Refused, f.Problem)
		}
	}
	for _, c := range cs {
		more, err := k.home(ctx, c)
		if err != nil {
			return false, err
		}
		again = again || more
	}
	return again, nil
}

// whole makes rounds until nothing waits, and holds machines against the hub and
// what was saved.
func (k courier) whole(ctx context.Context, l *ledger, o *Outcome, cs ...*stage.School) error {
	for range 3 { // where somebody fell back it takes one more; what one brings the others see with the next
		if _, err := k.round(ctx, o, cs...); err != nil {
			return err
		}
	}
	for _, c := range cs {
		st, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if st.Pending+st.Quarantined+st.Conflicts != 0 {
			o.Lose("%s: after three rounds %d wait, %d in quarantine, %d conflicts", c.Name, st.Pending, st.Quarantined, st.Conflicts)
		}
		here, err := c.Digest(ctx)
		if err != nil {
			return err
		}
		there, err := k.h.Digest(ctx, 0, c.Code)
		if err != nil {
			return err
		}
		if at := here.Differ(there); at != "" || len(here) == 0 {
			o.Lose("%s and the hub differ in %s", c.Name, at)
		}
		if err := l.check(ctx, k.s, c, o); err != nil {
			return err
		}
	}
	return nil
}

func runSticks(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, err := b.district(ctx, 1)
	if err != nil {
		return o, err
	}
	defer s.Close()
	k, err := newCourier(s, h, "stick")
	if err != nil {
		return o, err
	}
	var machines []*stage.School
	for _, name := range []string{"office", "staffroom"} {
		c, err := k.enrol(ctx, name, sampleSchool)
		if err != nil {
			return o, err
		}
		machines = append(machines, c)
	}
	if err := machines[0].Import(ctx, "roster", l.file("roster.xlsx")); err != nil {
		return o, err
	}
	// The other machine learns of the classes by its first round.
	for _, c := range machines {
		if _, err := k.round(ctx, &o, c); err != nil {
			return o, err
		}
	}
	r := rand.New(rand.NewPCG(b.Seed, 0x571c))
	backup := filepath.Join(s.Work, "backup")
	saw := map[string]int{}
	for o.Trials < b.trials(9, 200) && len(l.sheets) > 24 {
		o.Trials++
		i := r.IntN(len(machines))
		c := machines[i]
		if err := l.record(ctx, c, 1+r.IntN(8)); err != nil {
			return o, err
		}
		what := [...]string{"round", "round", "lost stick", "lost reply", "twice", "old image", "old hub"}[r.IntN(7)]
		if o.Trials <= 2 { // something must be there before it can fall back
			what = "round"
		}
		if o.Trials > 2 && o.Trials <= 5 { // each at least once
			what = [...]string{"lost reply", "old image", "old hub"}[o.Trials-3]
		}
		saw[what]++
		switch what {
		case "round":
			_, err = k.round(ctx, &o, c)
		case "lost stick":
			_, err = k.export(ctx, c)
		case "lost reply":
			if _, err = k.export(ctx, c); err == nil {
				_, err = k.deliver(ctx, k.stick)
			}
		case "twice":
			if _, err = k.round(ctx, &o, c); err == nil {
				if _, err = k.deliver(ctx, k.stick, k.stick); err == nil {
					_, err = k.home(ctx, c)
				}
			}
		case "old image":
			var image *stage.School
			if image, err = c.Clone(fmt.Sprintf("image%d", o.Trials)); err != nil {
				break
			}
			if err = l.record(ctx, c, 1+r.IntN(4)); err == nil {
				_, err = k.round(ctx, &o, c)
			}
			machines[i] = image // the machine comes back with its old disk
		case "old hub":
			if _, err = s.Run(ctx, "hub", "backup", backup, "--dir", h.Dirs[0]); err != nil {
				break
			}
			if err = l.record(ctx, c, 1+r.IntN(4)); err != nil {
				break
			}
			if _, err = k.round(ctx, &o, c); err != nil {
				break
			}
			err = burn(ctx, s, h, backup)
			os.Remove(backup)
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := l.record(ctx, machines[0], len(l.sheets)); err != nil {
		return o, err
	}
	if err := k.whole(ctx, l, &o, machines...); err != nil {
		return o, err
	}
	o.Saw = fmt.Sprintf("a term of %d sheets on two machines, no link: lost sticks %d, lost replies %d, twice %d, old images %d, hub from a backup %d",
		len(l.saved), saw["lost stick"], saw["lost reply"], saw["twice"], saw["old image"], saw["old hub"])
	return o, nil
}

// burn replaces the hub's only node by one from a backup.
func burn(ctx context.Context, s *stage.Stage, h *stage.Hub, backup string) error {
	if err := s.Kill(h.Name(0)); err != nil {
		return err
	}
	if err := os.RemoveAll(h.Dirs[0]); err != nil {
		return err
	}
	if _, err := s.Run(ctx, "hub", "restore", backup, "--dir", h.Dirs[0]); err != nil {
		return err
	}
	if err := s.Restart(h.Name(0)); err != nil {
		return err
	}
	return h.WaitReady(ctx, 0)
}
