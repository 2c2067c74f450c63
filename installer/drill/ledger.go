package drill

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"shangu/installer/demo"
	"shangu/installer/stage"
)

// sampleSchool is the school of the sample that drills play; secondSchool is
// another one.
const (
	sampleSchool = "2199109015"
	secondSchool = "2199109024"
)

// Columns of an attendance table.
const (
	colDate = iota
	colSession
	colClass
	colPupil
	colStatus
	colMinutes
	colSymptom
)

// ledger is the witness of a drill: what was confirmed as saved, kept apart
// from the product. It hands out the sample's sheets one after the other and
// holds a school's attendance against those that were confirmed.
type ledger struct {
	head   []string
	sheets [][][]string          // rows of each sheet that is still to be recorded
	saved  map[string][][]string // rows by date, session and class
	files  int
	work   string
}

// newLedger reads the sample. Its tables are put into work.
func newLedger(work string) (*ledger, error) {
	sample, err := demo.Sample()
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(filepath.Join(work, "sample"), sample); err != nil {
		return nil, fmt.Errorf("lay out sample: %w", err)
	}
	data, err := fs.ReadFile(sample, "schools/"+sampleSchool+"/attendance.csv")
	if err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) < 2 {
		return nil, fmt.Errorf("read sample: %d rows: %w", len(rows), err)
	}
	l := &ledger{head: rows[0], saved: map[string][][]string{}, work: work}
	at := map[string]int{}
	for _, r := range rows[1:] {
		k := sheetOf(r)
		if _, ok := at[k]; !ok {
			at[k] = len(l.sheets)
			l.sheets = append(l.sheets, nil)
		}
		l.sheets[at[k]] = append(l.sheets[at[k]], r)
	}
	return l, nil
}

// district is the folder of the sample's district, for hub district load.
func (l *ledger) district() string { return filepath.Join(l.work, "sample", "district") }

// file is a table of the sample's school.
func (l *ledger) file(name string) string {
	return filepath.Join(l.work, "sample", "schools", sampleSchool, name)
}

// of is a table of another school of the sample.
func (l *ledger) of(code, name string) string {
	return filepath.Join(l.work, "sample", "schools", code, name)
}

func sheetOf(row []string) string { return strings.Join(row[:colPupil], " ") }

// take takes the next n sheets of the sample and writes them to a table.
func (l *ledger) take(n int) (file string, rows [][]string, err error) {
	if n > len(l.sheets) {
		return "", nil, fmt.Errorf("the sample has no %d sheets left", n)
	}
	for _, s := range l.sheets[:n] {
		rows = append(rows, s...)
	}
	l.sheets = l.sheets[n:]
	file, err = l.table(rows)
	return file, rows, err
}

func (l *ledger) table(rows [][]string) (string, error) {
	l.files++
	file := filepath.Join(l.work, fmt.Sprintf("attendance-%d.csv", l.files))
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(l.head)
	w.WriteAll(rows)
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("write table: %w", err)
	}
	return file, nil
}

// confirm writes down sheets that were said to be saved.
func (l *ledger) confirm(rows [][]string) {
	fresh := map[string][][]string{}
	for _, r := range rows {
		fresh[sheetOf(r)] = append(fresh[sheetOf(r)], r)
	}
	maps.Copy(l.saved, fresh)
}

// record records the next n sheets at a school and writes down that they were
// confirmed.
func (l *ledger) record(ctx context.Context, c *stage.School, n int) error {
	file, rows, err := l.take(n)
	if err != nil {
		return err
	}
	if err := c.Import(ctx, "attendance", file); err != nil {
		return err
	}
	l.confirm(rows)
	return nil
}

// check holds what a school has against what was confirmed: importing it once
// more must find nothing that is new and nothing that is different.
func (l *ledger) check(ctx context.Context, s *stage.Stage, c *stage.School, o *Outcome) error {
	var rows [][]string
	for _, k := range slices.Sorted(maps.Keys(l.saved)) {
		rows = append(rows, l.saved[k]...)
	}
	file, err := l.table(rows)
	if err != nil {
		return err
	}
	var v struct{ Rows, New, Changed, Same int }
	if err := s.Ask(ctx, &v, "agent", "import", "attendance", file, "--dry-run", "--dir", c.Dir); err != nil {
		return err
	}
	if v.New+v.Changed != 0 || v.Same == 0 {
		o.Lose("%s: of %d saved rows %d are gone and %d are different", c.Name, v.Rows, v.New, v.Changed)
	}
	return nil
}

// district sets a stage with a hub of n nodes and the sample's district. The caller
// closes the stage; where it fails there is none.
func (b *Bench) district(ctx context.Context, n int) (s *stage.Stage, h *stage.Hub, l *ledger, err error) {
	if s, err = b.Stage(ctx); err != nil {
		return nil, nil, nil, err
	}
	if l, err = newLedger(s.Work); err == nil {
		h, err = l.open(ctx, s, n)
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, s.Close())
	}
	return s, h, l, nil
}

// school is district with an agent of the sample's school that is enrolled.
func (b *Bench) school(ctx context.Context, n int) (s *stage.Stage, h *stage.Hub, l *ledger, c *stage.School, err error) {
	if s, h, l, err = b.district(ctx, n); err != nil {
		return nil, nil, nil, nil, err
	}
	if c, err = l.enrolled(ctx, s, h, "school"); err != nil {
		return nil, nil, nil, nil, errors.Join(err, s.Close())
	}
	return s, h, l, c, nil
}

// open founds a district of n nodes with the sample loaded.
func (l *ledger) open(ctx context.Context, s *stage.Stage, n int) (*stage.Hub, error) {
	h, err := s.FoundHub(ctx, n, "云岭区")
	if err != nil {
		return nil, err
	}
	_, err = s.Run(ctx, "hub", "district", "load", l.district(), "--dir", h.Dirs[0])
	return h, err
}

// enrolled is an agent of the sample's school with its roster, enrolled.
func (l *ledger) enrolled(ctx context.Context, s *stage.Stage, h *stage.Hub, name string) (*stage.School, error) {
	c := s.School(name, sampleSchool)
	if err := c.Enrol(ctx, h, 0); err != nil {
		return nil, err
	}
	return c, c.Import(ctx, "roster", l.file("roster.xlsx"))
}
