package roster

import (
	"slices"
	"strings"
)

// NextRow is the place after the last one of a class's list.
func (r *Roster) NextRow(class string) int {
	last := 0
	for _, e := range r.in[class] {
		last = max(last, e.Row)
	}
	return last + 1
}

// Find returns the pupils whose name holds what was typed, or whose initials in
// pinyin begin with it, in pinyin order; at most so many.
func (r *Roster) Find(typed string, most int) []*Pupil {
	typed = strings.ToLower(strings.Join(strings.Fields(typed), ""))
	if typed == "" {
		return nil
	}
	out := slices.DeleteFunc(r.Everybody(), func(p *Pupil) bool {
		return !strings.Contains(strings.ToLower(p.Name), typed) && !strings.HasPrefix(p.Initials, typed)
	})
	return out[:min(len(out), most)]
}
