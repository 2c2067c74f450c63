package watch

import (
	"fmt"

	"shangu/agent/web/ui"
)

// list shows who is watched closely.
func (p *pages) list(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	watched, err := p.desk.Watched(r.Today)
	if err != nil {
		return nil, err
	}
	type row struct{ Name, Class, Path string }
	var rows []row
	for _, pupil := range watched {
		class := book.ClassOn(pupil, r.Today)
		rows = append(rows, row{pupil.Name, class.Name, "/watch/list/" + book.Key(class.ID)})
	}
	leader := r.May(ui.Leader)
	var tiles []classTile
	if leader {
		if tiles, err = p.tiles(r, "/watch/list/"); err != nil {
			return nil, err
		}
	}
	return ui.Show{Template: "watch/list", Title: r.Say("watch.list_title"), Active: "watch", Data: struct {
		Rows    []row
		Classes []classTile
		Leader  bool
	}{rows, tiles, leader}}, nil
}

// listClass is the form by which the pupils of a class are put on the list.
func (p *pages) listClass(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	class, err := p.class(book, r)
	if err != nil {
		return nil, err
	}
	var list []ui.Choice
	var chosen []string
	for _, pupil := range book.Pupils(class.ID, r.Today) {
		c := ui.Choice{Value: book.Key(pupil.ID), Text: pupil.Name, Find: pupil.Initials}
		if pupil.Watch {
			chosen = append(chosen, "pupil", c.Value)
		}
		list = append(list, c)
	}
	return ui.Show{Template: "watch/pick", Title: r.Say("watch.pick_title", "class", class.Name), Active: "watch", Data: struct {
		Form   *ui.Form
		Pupils []ui.Choice
	}{r.NewForm(chosen...), list}}, nil
}

func (p *pages) setList(r *ui.Request) (ui.Answer, error) {
	book, err := p.book.Open()
	if err != nil {
		return nil, err
	}
	class, err := p.class(book, r)
	if err != nil {
		return nil, err
	}
	f := r.Typed()
	change := map[string]bool{}
	for _, pupil := range book.Pupils(class.ID, r.Today) {
		if want := f.Has("pupil", book.Key(pupil.ID)); want != pupil.Watch {
			change[pupil.ID] = want
		}
	}
	if err := p.desk.SetWatched(r.Context(), r.Name(), change); err != nil {
		return nil, fmt.Errorf("set watch list: %w", err)
	}
	return ui.See("/watch/list"), nil
}
