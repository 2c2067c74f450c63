package roster

import (
	"slices"
	"strings"

	"shangu/schema"
)

// Heads is how many pupils a class has, and of which sort.
type Heads struct {
	All, Boys, Girls, In int // In: boarders
}

// Heads counts the pupils of a class on a date.
func (r *Roster) Heads(class string, on schema.Date) Heads {
	var n Heads
	for _, p := range r.Pupils(class, on) {
		n.All++
		switch p.Sex {
		case schema.SexMale:
			n.Boys++
		case schema.SexFemale:
			n.Girls++
		}
		if p.Boarder {
			n.In++
		}
	}
	return n
}

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
