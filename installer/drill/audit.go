package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"shangu/installer/stage"
	"shangu/sync/receipt"
)

// audit changes, removes, swaps and cuts records of the hub's audit trail on
// its disk: each must be found.
var audit = Drill{
	Name: "audit", Holds: []int{4},
	Run: Tests("./hub/state", "^TestTamperingWithTheTrailIsFound$"),
}

// mend has either side lose what was confirmed: it is noticed, and comes back.
var mend = Drill{
	Name: "mend", Holds: []int{2, 4, 5},
	Run: Tests("./agent/store", "^TestWhatEitherSideLostComesBack$"),
}

// receipts reads the codes of real receipts to a real hub, right and wrong,
// then to that hub restored from a backup that is older than some of them.
var receipts = Drill{
	Name: "receipts", Holds: []int{2},
	Run: readCodes,
}

// printed is the part of `agent receipt` that the drill looks at.
type printed struct {
	Code          string
	Safe, Waiting int
	Records       []struct{ ID, State, Code string }
}

// covered is the part of `hub receipt verify` that the drill looks at.
type covered struct {
	Kind, School, Date, Doc string
	Sheets, Marks, Changed  int
}

func readCodes(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, r, err := b.timeTravel(ctx)
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return o, err
	}
	good, wrong := 0, 0
	read := func() (codes []string, err error) {
		for date, want := range l.days() {
			var p printed
			if err := s.Ask(ctx, &p, "agent", "receipt", date, "--dir", c.Dir); err != nil {
				return nil, err
			}
			if p.Waiting != 0 || len(p.Records) != want.sheets {
				o.Lose("%s: %d records of %d, %d wait", date, len(p.Records), want.sheets, p.Waiting)
				continue
			}
			codes = append(codes, p.Code)
			var day covered
			if err := s.Ask(ctx, &day, "hub", "receipt", "verify", p.Code, "--dir", h.Dirs[0]); err != nil {
				o.Lose("%s: the day's code %s is not known: %v", date, p.Code, err)
			} else if day.Kind != "day" || day.Date != date || day.School != c.Code || day.Sheets != want.sheets || day.Marks != want.marks || day.Changed != 0 {
				o.Lose("%s: code %s covers %+v, recorded were %+v", date, p.Code, day, want)
			}
			good++
			one := p.Records[r.IntN(len(p.Records))]
			codes = append(codes, one.Code)
			var rec covered
			typed := strings.ToLower(strings.ReplaceAll(one.Code, "-", " "))
			if err := s.Ask(ctx, &rec, "hub", "receipt", "verify", typed, "--dir", h.Dirs[0]); err != nil {
				o.Lose("%s: code %s of %s is not known: %v", date, one.Code, one.ID, err)
			} else if rec.Kind != "record" || rec.Doc != one.ID {
				o.Lose("%s: code %s covers %+v, not %s", date, one.Code, rec, one.ID)
			}
			good++
			if err := s.Ask(ctx, &rec, "hub", "receipt", "verify", misread(r, one.Code), "--dir", h.Dirs[0]); err == nil {
				o.Lose("a misread code passes for %s", one.Code)
			}
			wrong++
		}
		return codes, nil
	}
	old, err := read()
	if err != nil {
		return o, err
	}
	backup := filepath.Join(s.Work, "backup")
	if _, err := s.Run(ctx, "hub", "backup", backup, "--dir", h.Dirs[0]); err != nil {
		return o, err
	}
	known := map[string]bool{}
	for _, code := range old {
		known[code] = true
	}
	if err := l.record(ctx, c, 3); err != nil {
		return o, err
	}
	if err := c.Sync(ctx); err != nil {
		return o, err
	}
	later, err := read()
	if err != nil {
		return o, err
	}
	if err := goBack(ctx, s, h, backup); err != nil {
		return o, err
	}
	for _, code := range append(old, later...) {
		var v covered
		err := s.Ask(ctx, &v, "hub", "receipt", "verify", code, "--dir", h.Dirs[0])
		switch {
		case known[code] && err != nil:
			o.Lose("code %s was given before the backup and is not known: %v", code, err)
		case !known[code] && err == nil && v.Kind == "record":
			o.Lose("code %s is of a timeline that is lost, and passes", code)
		}
		wrong++
	}
	if err := c.Drained(ctx, h, 0); err != nil {
		return o, err
	}
	if _, err := read(); err != nil {
		return o, err
	}
	var proof struct {
		Count    int
		Problems []any
	}
	if err := s.Ask(ctx, &proof, "hub", "audit", "verify", "--dir", h.Dirs[0]); err != nil || len(proof.Problems) > 0 {
		o.Lose("the audit trail does not prove: %v %v", proof.Problems, err)
	}
	o.Trials = good + wrong
	o.Saw = fmt.Sprintf("%d codes read right, %d misread or read to a hub that had fallen back; %d audit records proven", good, wrong, proof.Count)
	return o, nil
}

// goBack puts a hub of one node back to a backup.
func goBack(ctx context.Context, s *stage.Stage, h *stage.Hub, backup string) error {
	if err := s.Kill(h.Name(0)); err != nil {
		return err
	}
	if err := os.RemoveAll(h.Dirs[0]); err != nil {
		return fmt.Errorf("go back: %w", err)
	}
	if _, err := s.Run(ctx, "hub", "restore", backup, "--dir", h.Dirs[0]); err != nil {
		return err
	}
	if err := s.Restart(h.Name(0)); err != nil {
		return err
	}
	return h.WaitReady(ctx, 0)
}

// misread puts another letter in one place of a code.
func misread(r *rand.Rand, code string) string {
	b := []byte(code)
	for {
		i := r.IntN(len(b))
		l := receipt.Letters[r.IntN(len(receipt.Letters))]
		if b[i] != '-' && b[i] != l {
			b[i] = l
			return string(b)
		}
	}
}

// recorded is what a day came to.
type recorded struct{ sheets, marks int }

// days counts what was confirmed, by date.
func (l *ledger) days() map[string]recorded {
	out := map[string]recorded{}
	for _, rows := range l.saved {
		n := out[rows[0][colDate]]
		n.sheets++
		for _, row := range rows {
			if row[colPupil] != "" {
				n.marks++
			}
		}
		out[rows[0][colDate]] = n
	}
	return out
}
