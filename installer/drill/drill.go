// Package drill breaks the product on purpose and counts what was lost. Each
// drill makes one fault - a power cut, a full disk, a cloned machine, a torn
// bundle - on the real programs or on a seeded simulator, and holds what is
// left against what had been promised. `installer drill` runs them and prints
// the table of RELIABILITY.md from what it saw.
//
// A drill is a value in a file of its own, named in list.go. One that stages
// processes has a Run of its own; one that is a simulator in a package's tests
// uses Tests, which needs the Go tool and the source. Neither judges by what a
// test says of itself alone: a drill without a single trial has failed.
package drill

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"shangu/installer/stage"
	"shangu/schema/text"
)

// Drill is one fault and how it is made.
type Drill struct {
	Name  string // what `installer drill NAME` takes: one lower-case word
	Holds []int  // invariants of the architecture that it tries to break, 1 to 8
	// drill.NAME_fault and drill.NAME_made in the catalogue say in words which
	// fault it is and how it is made.
	Run func(ctx context.Context, b *Bench) (Outcome, error)
}

// Fault names what goes wrong.
func (d Drill) Fault() *text.Message { return text.New("drill." + d.Name + "_fault") }

// Made says how it is made.
func (d Drill) Made() *text.Message { return text.New("drill." + d.Name + "_made") }

// Bench is what a drill works with.
type Bench struct {
	Seed   uint64 // of all chance; printed, so that a run can be repeated
	Long   bool   // hours instead of seconds
	N      int    // how many trials or schools, where a drill takes a number; 0: its own choice
	Source string // the module's root, "" if it is not at hand
	Log    *slog.Logger

	work string // short-named folder of this drill
	bin  string // built programs, "" until asked for
}

// Outcome is what a drill saw.
type Outcome struct {
	Trials  int      // how often the fault was made
	Lost    []string // each thing that was promised and is not there, in words
	Saw     string   // what was measured, in a few words of figures
	Skipped string   // why it could not run here, "" if it ran
}

// Lose writes down something that was promised and is not there.
func (o *Outcome) Lose(format string, args ...any) {
	o.Lost = append(o.Lost, fmt.Sprintf(format, args...))
}

// Skip is the outcome of a drill that cannot run on this machine.
func Skip(format string, args ...any) (Outcome, error) {
	return Outcome{Skipped: fmt.Sprintf(format, args...)}, nil
}

// Work is a folder for the drill's files. Its name is short, so that Unix
// sockets fit below it; it is removed after the drill.
func (b *Bench) Work() string { return b.work }

// Stage puts agent and hub on a stage of their own in a new folder below Work.
// The caller closes it.
func (b *Bench) Stage(ctx context.Context) (*stage.Stage, error) {
	bin, err := b.Programs(ctx)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(b.work, "s")
	if err != nil {
		return nil, fmt.Errorf("make stage: %w", err)
	}
	return stage.New(bin, work), nil
}

// Programs is the folder of agent and hub: where --bin says, beside this
// program, or built from the source.
func (b *Bench) Programs(ctx context.Context) (string, error) {
	if b.bin != "" {
		return b.bin, nil
	}
	if b.Source == "" {
		return "", text.New("drill.no_programs")
	}
	bin := filepath.Join(filepath.Dir(b.work), "bin")
	if err := stage.Build(ctx, b.Source, bin, "./agent", "./hub", "./installer"); err != nil {
		return "", err
	}
	b.bin = bin
	return bin, nil
}

// Row is a drill and what came of it.
type Row struct {
	Drill
	Outcome
	Took time.Duration
	Err  error // why the drill could not be carried through
}

// Held reports whether nothing was lost. A drill that was skipped or broke off
// has not held.
func (r Row) Held() bool {
	return r.Err == nil && r.Skipped == "" && r.Trials > 0 && len(r.Lost) == 0
}

// Failed reports whether something was lost or the drill broke off.
func (r Row) Failed() bool { return !r.Held() && r.Skipped == "" }

// Options of Run.
type Options struct {
	Seed   uint64
	Long   bool
	N      int
	Source string
	Bin    string
	Log    *slog.Logger
	Each   func(Row) // called after each drill
}

// Run runs drills one after the other, each in a folder of its own.
func Run(ctx context.Context, drills []Drill, o Options) ([]Row, error) {
	top, err := os.MkdirTemp("", "drill")
	if err != nil {
		return nil, fmt.Errorf("drill: %w", err)
	}
	defer os.RemoveAll(top)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var rows []Row
	for i, d := range drills {
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		b := &Bench{Seed: o.Seed, Long: o.Long, N: o.N, Source: o.Source, Log: o.Log.With("drill", d.Name), bin: o.Bin, work: filepath.Join(top, fmt.Sprint(i))}
		if err := os.Mkdir(b.work, 0o700); err != nil {
			return rows, fmt.Errorf("drill %s: %w", d.Name, err)
		}
		began := time.Now()
		row := Row{Drill: d}
		row.Outcome, row.Err = d.Run(ctx, b)
		row.Took = time.Since(began)
		o.Bin = b.bin
		os.RemoveAll(b.work)
		rows = append(rows, row)
		if o.Each != nil {
			o.Each(row)
		}
	}
	return rows, nil
}

// Source finds the module's root at or above dir, where the Go tool is at hand;
// "" if it is not there.
func Source(dir string) string {
	if _, err := exec.LookPath("go"); err != nil {
		return ""
	}
	for {
		if data, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && len(data) > 14 && string(data[:14]) == "module shangu\n" {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}
