// Package network is the page on which an administrator lets the school's other
// computers and phones use the pages, and reads by which address they come and how they
// know that it is this computer which answers.
package network

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"

	"rsc.io/qr"

	"shangu/agent/lan"
	"shangu/agent/web/ui"
	"shangu/schema/text"
)

//go:embed *.html *.css
var files embed.FS

// Path is where the page is.
const Path = "/settings/lan"

// Network is the setting; agent/lan's Network.
type Network interface {
	Standing() lan.Standing
	Switch(on bool) error
}

// Area returns the page.
func Area(n Network) ui.Area {
	p := &pages{n}
	return ui.Area{Name: "network", Files: files, Routes: []ui.Route{
		{Pattern: "GET " + Path, Who: ui.Manager, Do: p.show},
		{Pattern: "POST " + Path, Who: ui.Manager, Do: p.choose},
	}}
}

type pages struct{ net Network }

// view is what the page shows.
type view struct {
	lan.Standing
	Remote bool
	Code   template.HTML // of the first address, as a picture
	Wrong  *text.Message
}

func (p *pages) show(r *ui.Request) (ui.Answer, error) { return p.page(r, nil) }

func (p *pages) page(r *ui.Request, wrong *text.Message) (ui.Answer, error) {
	v := view{Standing: p.net.Standing(), Remote: r.Remote(), Wrong: wrong}
	if v.On && len(v.URLs) > 0 {
		var err error
		if v.Code, err = picture(v.URLs[0], r.Say("lan.qr", "url", v.URLs[0])); err != nil {
			return nil, err
		}
	}
	code := 0
	if wrong != nil {
		code = 422
	}
	return ui.Show{Template: "network/lan", Title: r.Say("lan.title"), Data: v, Code: code}, nil
}

func (p *pages) choose(r *ui.Request) (ui.Answer, error) {
	if r.Remote() {
		// Who shuts the door from outside cannot open it again.
		return p.page(r, text.New("lan.remote"))
	}
	err := p.net.Switch(r.Typed().Value("on") == "1")
	if m := text.Of(err); m != nil {
		return p.page(r, m)
	}
	if err != nil {
		return nil, err
	}
	return ui.See(Path), nil
}

// quiet is the white margin that a QR code needs, in modules (ISO/IEC 18004).
const quiet = 4

// picture draws a text as a QR code, with a name for who cannot see it. It is drawn
// in the page, so that it prints sharp; black on white whatever the page's colours.
func picture(s, name string) (template.HTML, error) {
	code, err := qr.Encode(s, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	var path bytes.Buffer
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	size := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf(`<svg class="qr" role="img" aria-label="%s" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="%s"/></svg>`,
		template.HTMLEscapeString(name), size, size, size, size, path.String())), nil
}
