package front

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"shangu/agent/web/ui"
	"shangu/schema"
)

// The log as it is shown: the newest lines first, some at a time, so that the page
// stays small; the file has all of them.
const (
	logLines   = 1000
	logAtOnce  = 200
	widestLine = 400 // runes of a line that are shown
)

// line is one of the log, taken apart.
type line struct{ Time, Level, Message string }

// levels are what the log can be narrowed to.
var levels = []string{"", "WARN", "ERROR"}

// logged is what the page of the log shows.
type logged struct {
	State  State
	Levels []string
	Level  string // the least that is shown
	Lines  []line
	Total  int
	From   int // of the first line shown, from 0
	Newer  int // where the page before this one begins, -1: none
	Older  int // and the one after
}

func (p *pages) log(r *ui.Request) (ui.Answer, error) {
	st, err := p.d.Source.State(r.Context())
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	v := logged{State: st, Levels: levels, Level: q.Get("level"), Newer: -1, Older: -1}
	all := p.lines(v.Level)
	slices.Reverse(all)
	v.Total = len(all)
	v.From, _ = strconv.Atoi(q.Get("from")) // anything else is the beginning
	v.From = min(max(v.From, 0), len(all))
	end := min(v.From+logAtOnce, len(all))
	for _, raw := range all[v.From:end] {
		l := readable(raw)
		if rs := []rune(l.Message); len(rs) > widestLine {
			l.Message = string(rs[:widestLine]) + "…"
		}
		v.Lines = append(v.Lines, l)
	}
	if v.From > 0 {
		v.Newer = max(0, v.From-logAtOnce)
	}
	if end < len(all) {
		v.Older = end
	}
	return ui.Show{Template: "front/log", Title: r.Say("front.log_title"), Active: "front", Data: v}, nil
}

// lines are those of the log that are at least as grave, oldest first.
func (p *pages) lines(level string) []string {
	all := p.d.Source.Recent(logLines)
	least := slices.Index(levels, level)
	if least <= 0 {
		return slices.Clone(all)
	}
	return slices.DeleteFunc(slices.Clone(all), func(raw string) bool { return slices.Index(levels, readable(raw).Level) < least })
}

// logFile is the lines as a file that a technician can be sent.
func (p *pages) logFile(r *ui.Request) (ui.Answer, error) {
	all := p.lines(r.URL.Query().Get("level"))
	return ui.Download{Name: "agent-log.txt", Type: "text/plain; charset=utf-8", Write: func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Join(all, "\r\n")+"\r\n")
		return err
	}}, nil
}

// readable takes a line of the log apart: time, level, message and the rest as
// name=value. A line that is no JSON is shown as it is.
func readable(raw string) line {
	var fields map[string]any
	if json.Unmarshal([]byte(raw), &fields) != nil {
		return line{Message: raw}
	}
	take := func(name string) string {
		s, _ := fields[name].(string)
		delete(fields, name)
		return s
	}
	l := line{Time: take("time"), Level: take("level"), Message: take("msg")}
	if t, err := time.Parse(time.RFC3339Nano, l.Time); err == nil {
		l.Time = t.In(schema.Zone).Format("01-02 15:04:05")
	}
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		value := fmt.Sprint(fields[n])
		if strings.ContainsAny(value, " \t\n\"") {
			value = fmt.Sprintf("%q", value)
		}
		l.Message += " " + n + "=" + value
	}
	return l
}
