// Package setup is what is left to do on a new computer once it has its first account:
// to be let in by the district, and a roster. Each may be left for later and gone on
// with; none needs a network. It imports agent/roster and agent/web/ui.
package setup

import (
	"context"
	"embed"
	"net/http"
	"strings"

	"shangu/agent/roster"
	"shangu/agent/web/ui"
	"shangu/schema/text"
)

//go:embed *.html *.css
var files embed.FS

// Path is where what is left to do begins.
const Path = "/setup"

// District is who lets this computer in; agent/service's Agent.
type District interface {
	// Enrolled is the school that this computer was let in for, "" if none, and the
	// hub's addresses.
	Enrolled() (school string, hubs []string)
	// EnrolFor keeps addresses and token for the first contact. It needs no network.
	EnrolFor(ctx context.Context, hubs []string, token string) error
	// EnrolBy does so with a school pack.
	EnrolBy(ctx context.Context, pack []byte) error
}

// maxPack bounds what is taken for a school pack, in bytes; sync/bundle says what is one.
const maxPack = 1 << 20

// Area returns the pages.
func Area(d District, book *roster.Book) ui.Area {
	p := &pages{d, book}
	return ui.Area{Name: "setup", Files: files, Routes: []ui.Route{
		{Pattern: "GET " + Path, Who: ui.Manager, Do: p.show},
		{Pattern: "GET " + Path + "/district", Who: ui.Manager, Do: p.district},
		{Pattern: "POST " + Path + "/district", Who: ui.Manager, Do: p.enrol},
		{Pattern: "POST " + Path + "/pack", Who: ui.Manager, Upload: maxPack, Do: p.pack},
		{Pattern: "GET " + Path + "/roster", Who: ui.Manager, Do: p.roster},
	}}
}

type pages struct {
	d    District
	book *roster.Book
}

// steps is how far a computer is.
type steps struct {
	School   string
	Name     string // of the school
	Hubs     []string
	Pupils   int
	Teachers int
	Form     *ui.Form
	Step     int // of 4; 0: none
}

func (p *pages) look(r *ui.Request, step int, f *ui.Form) (steps, error) {
	book, err := p.book.Open()
	if err != nil {
		return steps{}, err
	}
	s := steps{Pupils: len(book.Everybody()), Teachers: len(book.Teachers()), Form: f, Step: step}
	if s.School, s.Hubs = p.d.Enrolled(); s.School != "" {
		s.Name = book.SchoolName(s.School)
	}
	return s, nil
}

// show goes on where something is left to do, or tells that nothing is.
func (p *pages) show(r *ui.Request) (ui.Answer, error) {
	s, err := p.look(r, 0, nil)
	switch {
	case err != nil:
		return nil, err
	case r.FormValue("all") == "" && s.School == "":
		return ui.See(Path + "/district"), nil
	case r.FormValue("all") == "" && s.Pupils == 0:
		return ui.See(Path + "/roster"), nil
	}
	return ui.Show{Template: "setup/done", Title: r.Say("setup.title"), Active: "settings", Data: s}, nil
}

func (p *pages) district(r *ui.Request) (ui.Answer, error) { return p.ask(r, r.NewForm()) }

func (p *pages) ask(r *ui.Request, f *ui.Form) (ui.Answer, error) {
	s, err := p.look(r, 3, f)
	if err != nil {
		return nil, err
	}
	a := ui.Show{Template: "setup/district", Title: r.Say("setup.district"), Active: "settings", Data: s}
	if !f.OK() {
		a.Code = http.StatusUnprocessableEntity
	}
	return a, nil
}

// enrol takes what the district sent, as it was pasted: addresses and a token.
func (p *pages) enrol(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	hubs, token := pasted(f.Needed("sent", 4000))
	if f.OK() && token == "" {
		_ = f.Refuse("sent", text.New("setup.no_token"))
	}
	if f.OK() {
		err := p.d.EnrolFor(r.Context(), hubs, token)
		if err == nil {
			return ui.See(Path + "/roster"), nil
		}
		if err := f.Refuse("sent", err); err != nil {
			return nil, err
		}
	}
	return p.ask(r, f)
}

// pasted finds addresses and a token in what somebody copied out of a letter: the
// token is the longest word that is no address.
func pasted(s string) (hubs []string, token string) {
	for _, w := range strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(" \t\r\n　，,；;、“”\"'<>", c) }) {
		switch i := strings.Index(w, "https://"); {
		case i >= 0:
			hubs = append(hubs, w[i:])
		case len(w) > len(token):
			token = w
		}
	}
	if len(token) < 20 {
		token = ""
	}
	return hubs, token
}

func (p *pages) pack(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	if r.File == nil || len(r.File.Body) == 0 {
		_ = f.Refuse("pack", text.New("imports.no_file"))
	}
	if f.OK() {
		err := p.d.EnrolBy(r.Context(), r.File.Body)
		if err == nil {
			return ui.See(Path + "/roster"), nil
		}
		if err := f.Refuse("pack", err); err != nil {
			return nil, err
		}
	}
	return p.ask(r, f)
}

func (p *pages) roster(r *ui.Request) (ui.Answer, error) {
	s, err := p.look(r, 4, nil)
	if err != nil {
		return nil, err
	}
	return ui.Show{Template: "setup/roster", Title: r.Say("setup.roster"), Active: "settings", Data: s}, nil
}
