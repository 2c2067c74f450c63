package drill

import (
	"context"
	"errors"
	"strings"
	"testing"

	"shangu/schema/text"
)

// What tests tell adds up, and losses are kept with their words.
func TestListen(t *testing.T) {
	o, err := listen([]byte("=== RUN TestA\n    a_test.go:3: drill: trials=40 lost=0 saw=open 8 ms\n    b_test.go:9: drill: trials=2 lost=1 saw=one gone\nok\n"))
	if err != nil {
		t.Fatal(err)
	}
	if o.Trials != 42 || len(o.Lost) != 1 || !strings.Contains(o.Lost[0], "one gone") || o.Saw != "open 8 ms; one gone" {
		t.Errorf("%+v", o)
	}
	if o, err = listen([]byte("    skip: needs root\n")); err != nil || o.Skipped != "needs root" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err = listen([]byte("drill: trials=many")); err == nil {
		t.Error("a line that cannot be read passed")
	}
}

// A drill has held only if it ran, made its fault, broke nothing and lost nothing.
func TestHeld(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      Outcome
		err    error
		held   bool
		failed bool
	}{
		{"ran", Outcome{Trials: 3}, nil, true, false},
		{"no trial", Outcome{}, nil, false, true},
		{"lost", Outcome{Trials: 3, Lost: []string{"a mark"}}, nil, false, true},
		{"broke off", Outcome{Trials: 3}, errors.New("no"), false, true},
		{"skipped", Outcome{Skipped: "no qemu"}, nil, false, false},
	} {
		d := Drill{Name: "cuts", Run: func(context.Context, *Bench) (Outcome, error) { return c.o, c.err }}
		rows, err := Run(t.Context(), []Drill{d}, Options{})
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if r := rows[0]; r.Held() != c.held || r.Failed() != c.failed {
			t.Errorf("%s: held %v, failed %v", c.name, r.Held(), r.Failed())
		}
		var table strings.Builder
		if err := Table(&table, rows, text.EN); err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(table.String(), "nothing"); said != c.held {
			t.Errorf("%s: table says\n%s", c.name, table.String())
		}
	}
}

// Each drill has words and a name of its own.
func TestDrillsAreNamed(t *testing.T) {
	names := map[string]bool{}
	for _, d := range All() {
		if names[d.Name] || d.Run == nil || len(d.Holds) == 0 {
			t.Errorf("drill %q: again, or has nothing to run or to hold", d.Name)
		}
		names[d.Name] = true
		for _, m := range []*text.Message{d.Fault(), d.Made()} {
			if m.In(text.EN) == m.ID() {
				t.Errorf("no words for %s", m.ID())
			}
		}
	}
}
