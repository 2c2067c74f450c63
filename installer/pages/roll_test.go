package pages

import (
	"testing"
)

// The roll of a class with three exceptions takes at most 14 keys after the page is
// open, and is saved on this computer.
func TestRollByKeys(t *testing.T) {
	d := open(t, townSchool, "roster")
	d.Go("/day")
	d.Check("day-empty")
	d.Follow(".day td a")
	d.See("#roll tr.cursor")
	initials := Eval[[]string](d.tab, `[...document.querySelectorAll("#roll tr[data-pupil]")].map(r => r.dataset.initials)`)
	if len(initials) < 40 {
		t.Fatalf("%d pupils, want 40 or more", len(initials))
	}
	d.Check("roll-untouched")
	keys := ""
	for i, n := range unlike(initials, 3) {
		keys += initials[n][:2] + []string{"6", "41", "5"}[i]
	}
	keys += "\r"
	d.Press(keys)
	d.See(`#state[data-state="1"][data-where="1"]`)
	if len(keys) > 14 {
		t.Errorf("%d keys", len(keys))
	}
	if got := d.Text("#n-absent"); got != "3" {
		t.Errorf("%s absent", got)
	}
	d.Check("roll-taken")
}

// unlike finds n pupils whom two letters tell from everybody before them.
func unlike(initials []string, n int) (out []int) {
	seen := map[string]bool{}
	for i, s := range initials {
		if i > 0 && len(s) > 1 && !seen[s[:2]] && len(out) < n {
			out = append(out, i)
		}
		if len(s) > 1 {
			seen[s[:2]] = true
		}
	}
	return out
}
