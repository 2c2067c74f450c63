package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"shangu/agent/intake"
	"shangu/agent/store"
	"shangu/schema"
	"shangu/schema/table"
)

// Import is one file on its way in.
type Import struct {
	Kind    intake.Kind
	Name    string // of the file, for its ending
	Data    []byte
	DryRun  bool
	Year    int    // the school year of a roster; 0: as the file says
	Account string // who imports
}

// Imported is what became of it.
type Imported struct {
	Kind    intake.Kind     `json:"kind"`
	Rows    int             `json:"rows"`
	New     int             `json:"new"`
	Changed int             `json:"changed"`
	Same    int             `json:"same"`
	Entries int             `json:"entries"`
	Notes   []table.Problem `json:"notes,omitempty"`
}

// Import reads a file and saves what is new in it, all of it or nothing. What
// is wrong with the file comes back as *table.Problems.
func (a *Agent) Import(ctx context.Context, i Import) (Imported, error) {
	plan, err := intake.Read(i.Kind, i.Name, i.Data, a.store, intake.Options{Today: a.today(), Year: i.Year})
	if err != nil {
		return Imported{}, err
	}
	out := Imported{plan.Kind, plan.Rows, plan.New, plan.Changed, plan.Same, len(plan.Edits), plan.Notes}
	if i.DryRun || len(plan.Edits) == 0 {
		return out, nil
	}
	saved, err := a.store.Save(ctx, i.Account, plan.Edits)
	if err != nil {
		if wrong, ok := errors.AsType[*store.InvalidError](err); ok {
			var ps table.Problems
			for _, m := range wrong.Messages {
				ps.Fail(m)
			}
			return Imported{}, &ps
		}
		return Imported{}, err
	}
	out.Entries = saved.Entries
	a.o.Log.Info("imported", "kind", i.Kind, "rows", out.Rows, "new", out.New, "changed", out.Changed, "entries", out.Entries)
	a.saved()
	return out, nil
}

// Export writes a table of a kind, in the format that the file's name asks for; a
// roster's may be an archive of OneRoster, of version v, 1.1 if it is "".
func (a *Agent) Export(ctx context.Context, kind intake.Kind, name string, v intake.OneVersion, w io.Writer) error {
	if kind == intake.Roster && intake.IsArchive(name) {
		return a.OneRoster(ctx, w, cmp.Or(v, intake.One11), 0)
	}
	return intake.Write(kind, w, name, a.store)
}

// RosterOn writes the roster of a date as a table.
func (a *Agent) RosterOn(_ context.Context, w io.Writer, file string, on schema.Date, open bool) error {
	return intake.WriteRosterOn(w, file, a.store, on, open)
}

// OneRoster writes the roster of a date as a OneRoster archive.
func (a *Agent) OneRoster(_ context.Context, w io.Writer, v intake.OneVersion, on schema.Date) error {
	s := intake.School{Code: a.store.Home()}
	d, err := a.store.Doc(schema.DistrictScope, schema.KindSchool, s.Code)
	if err != nil {
		return fmt.Errorf("read school: %w", err)
	}
	s.Name = d.Value(schema.SchoolName).Text()
	return intake.WriteOneRoster(w, v, a.store, s, on)
}
