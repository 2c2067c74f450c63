// Package looks is the page on which a school's leaders read who has seen what few may
// see: guarded fields, cases, tables with names. It imports agent/access and
// agent/web/ui.
package looks

import (
	"embed"
	"strconv"

	"shangu/agent/access"
	"shangu/agent/web/ui"
)

//go:embed *.html *.css
var files embed.FS

// Path is where the page is.
const Path = "/settings/access"

// Log is what the page shows; agent/access's Log.
type Log interface {
	Page(n int) (access.Page, error)
}

// Area returns the page.
func Area(l Log) ui.Area {
	return ui.Area{Name: "looks", Files: files, Routes: []ui.Route{
		{Pattern: "GET " + Path, Who: ui.Leader, Do: func(r *ui.Request) (ui.Answer, error) {
			// What is no number is the newest page.
			n, _ := strconv.Atoi(r.URL.Query().Get("page"))
			p, err := l.Page(n)
			if err != nil {
				return nil, err
			}
			return ui.Show{Template: "looks/looks", Title: r.Say("access.title"), Active: "settings", Data: p}, nil
		}},
	}}
}
