package drill

import (
	"os"
	"path/filepath"
	"testing"
)

// Agents get through a hole for large packets in real networks. In CI it must
// run: there we are root, and the tools are installed.
func TestHoles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute of waiting")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := Run(t.Context(), []Drill{holes}, Options{Seed: 1, Source: root})
	if err != nil {
		t.Fatal(err)
	}
	switch r := rows[0]; {
	case r.Skipped != "" && os.Getenv("CI") == "":
		t.Skip(r.Skipped)
	case !r.Held():
		t.Errorf("%s %v %q", r.Skipped, r.Err, r.Lost)
	default:
		t.Logf("%s; %v", r.Saw, r.Took)
	}
}
