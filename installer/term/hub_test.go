package term

import (
	"fmt"
	"path/filepath"
	"time"

	"shangu/installer/stage"
)

// hub is the district's cluster of three processes.
type hub struct {
	*stage.Hub
	b *bench
}

func (h *hub) name(n int) string { return h.Name(n) }

// startHub founds a district of n nodes.
func startHub(b *bench, n int) *hub {
	b.t.Helper()
	found, err := b.FoundHub(b.t.Context(), n, "云岭区")
	if err != nil {
		b.t.Fatal(err)
	}
	b.must("hub", "district", "load", filepath.Join("testdata", "yunling", "district"), "--dir", found.Dirs[0])
	return &hub{found, b}
}

// enrolTokens asks for a token for each school, on a node that need not lead.
func (h *hub) enrolTokens(schools []*school) (tokens []string) {
	for _, s := range schools {
		t, err := h.Token(h.b.t.Context(), nodes-1, s.code)
		if err != nil {
			h.b.t.Fatal(err)
		}
		tokens = append(tokens, t)
	}
	return tokens
}

// leader waits for a leader and returns its number.
func (h *hub) leader() int {
	h.b.t.Helper()
	n, err := h.Leader(h.b.t.Context())
	if err != nil {
		h.b.t.Fatal(err)
	}
	return n
}

// compare holds each node's counts against what was imported.
func (h *hub) compare(schools []*school) {
	for n := range nodes {
		h.b.until(h.name(n)+" to hold what was recorded", 30*time.Second, func() error {
			var rows []map[string]any
			ask := h.b.ask(&rows, "hub", "report", "summary", "--dir", h.Dirs[n])
			if ask != nil {
				return ask
			}
			byCode := map[string]map[string]any{}
			for _, row := range rows {
				byCode[fmt.Sprint(row["school"])] = row
			}
			for _, s := range schools {
				row := byCode[s.code]
				for k, want := range s.want {
					if got, _ := row[k].(float64); int(got) != want {
						return fmt.Errorf("%s %s: %v, recorded were %d", s.code, k, row[k], want)
					}
				}
				for _, k := range []string{"conflicts", "quarantined", "pending"} {
					if got, _ := row[k].(float64); got != 0 {
						return fmt.Errorf("%s %s: %v", s.code, k, row[k])
					}
				}
			}
			return nil
		})
	}
}
