package table

import (
	"encoding/json"
	"strings"

	"shangu/schema/text"
)

// Problem is one thing that is wrong with a table.
type Problem struct {
	Sheet   string        // sheet of the workbook, or file of the archive; "" if there is one only
	Line    int           // as the program that made the file numbers it, from 1; 0: the whole file
	Column  string        // heading of the column; "" when the whole line is meant
	Cell    string        // "E7"; "" when the whole line is meant
	Message *text.Message // what is wrong and what to do
}

// In returns the problem in one line of a language.
func (p *Problem) In(l text.Lang) string {
	where := p.Sheet
	if where != "" {
		where += " "
	}
	switch {
	case p.Line == 0:
		return where + p.Message.In(l)
	case p.Column == "":
		return where + text.New("table.at_line", "line", p.Line, "message", p.Message).In(l)
	case p.Cell == "": // of a column that is not there
		return where + text.New("table.at_column", "line", p.Line, "column", p.Column, "message", p.Message).In(l)
	}
	return where + text.New("table.at_cell", "line", p.Line, "column", p.Column, "cell", p.Cell, "message", p.Message).In(l)
}

// MarshalJSON writes {"line","column","message"} in the default language, with
// "sheet" and "cell" where they help.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Sheet   string `json:"sheet,omitempty"`
		Line    int    `json:"line"`
		Column  string `json:"column"`
		Cell    string `json:"cell,omitempty"`
		ID      string `json:"id"`
		Message string `json:"message"`
	}{p.Sheet, p.Line, p.Column, p.Cell, p.Message.ID(), p.Message.Error()})
}

// maxListed is how many problems are kept in words. A file of the wrong sort
// has one on every line, and nobody reads ten thousand.
const maxListed = 100

// Problems collects what is wrong with a file. It is an error, by way of Err.
type Problems struct {
	list []Problem
	more int
}

// Add appends a problem.
func (ps *Problems) Add(p Problem) {
	if len(ps.list) >= maxListed {
		ps.more++
		return
	}
	ps.list = append(ps.list, p)
}

// Fail adds a problem of the whole file.
func (ps *Problems) Fail(m *text.Message) { ps.Add(Problem{Message: m}) }

// Len returns how many problems there are.
func (ps *Problems) Len() int { return len(ps.list) + ps.more }

// List returns the first problems, in the order in which they were found; more
// says how many are not listed.
func (ps *Problems) List() (list []Problem, more int) { return ps.list, ps.more }

// Err returns ps as an error, or nil when there is no problem.
func (ps *Problems) Err() error {
	if ps.Len() == 0 {
		return nil
	}
	return ps
}

// Error returns the problems in the default language, one a line.
func (ps *Problems) Error() string { return ps.In(text.Default()) }

// In returns the problems in a language, one a line.
func (ps *Problems) In(l text.Lang) string {
	var b strings.Builder
	for i := range ps.list {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(ps.list[i].In(l))
	}
	if ps.more > 0 {
		b.WriteByte('\n')
		b.WriteString(text.New("table.more", "count", ps.more).In(l))
	}
	return b.String()
}

// MarshalJSON writes {"errors": [...], "more": n}.
func (ps *Problems) MarshalJSON() ([]byte, error) {
	list := ps.list
	if list == nil {
		list = []Problem{}
	}
	return json.Marshal(struct {
		Errors []Problem `json:"errors"`
		More   int       `json:"more,omitempty"`
	}{list, ps.more})
}
