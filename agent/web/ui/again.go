package ui

import (
	"maps"
	"slices"
)

// again offers to send once more what a form said when the page was locked.
func (s *Site) again(r *Request) (Answer, error) {
	k := s.sessions.again(r.id)
	if k == nil {
		return See("/"), nil
	}
	v := againView{Path: k.path}
	for _, name := range slices.Sorted(maps.Keys(k.values)) {
		if name == "token" {
			continue
		}
		for _, value := range k.values[name] {
			v.Fields = append(v.Fields, againField{name, value})
		}
	}
	return Show{Template: "again", Title: r.Say("page.again_title"), Data: v}, nil
}

type againView struct {
	Path   string
	Fields []againField
}

type againField struct{ Name, Value string }
