package web

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"shangu/schema"
	"shangu/schema/text"
)

// view is a State in the words of one language.
type view struct {
	Lang, Other, OtherName string
	Title, School          string
	Notices                []notice
	Ask                    *ask
	Mood                   string // class of the headline: good, wait, bad
	Headline, Detail       string
	Counts                 []count
	Facts                  []fact
	ShowLog                bool
	LogTitle, HideLog      string
	Technical              []fact
	Log                    []line
}

type count struct {
	ID         string
	Name, Note string
	N          uint64
	Mood       string
}

type fact struct{ Name, Value string }

type line struct{ Time, Level, Message string }

func (v *server) view(st State, lang text.Lang, log bool) view {
	say := func(id string, kv ...any) string { return text.New(id, kv...).In(lang) }
	out := view{
		Lang: lang.String(), Other: text.EN.String(), OtherName: "English",
		Title: say("agent.page_title"), School: strings.TrimSpace(st.Name + " " + st.School), LogTitle: say("agent.page_log"),
		HideLog: say("agent.page_log_hide"), ShowLog: log,
	}
	if lang == text.EN {
		out.Other, out.OtherName = text.ZH.String(), "中文"
	}
	if st.School == "" {
		out.School = say("agent.page_no_school")
	}
	out.Ask = v.ask(st.Ask, lang)
	out.Notices = inWords(st.Notices, lang)
	out.Mood, out.Headline, out.Detail = headline(st, lang)
	out.Counts = []count{
		{"pending", say("agent.page_pending"), say("agent.page_pending_note"), st.Pending, mood(st.Pending > 0, "wait")},
		{"safe", say("agent.page_safe"), say("agent.page_safe_note"), st.Safe, mood(st.Safe > 0, "good")},
		{"conflicts", say("agent.page_conflicts"), say("agent.page_conflicts_note"), uint64(st.Conflicts), mood(st.Conflicts > 0, "wait")},
		{"quarantined", say("agent.page_quarantined"), say("agent.page_quarantined_note"), uint64(st.Quarantined), mood(st.Quarantined > 0, "bad")},
	}
	last := say("agent.page_never")
	if !st.LastSync.IsZero() {
		last = st.LastSync.In(schema.Zone).Format(time.DateTime)
	}
	out.Facts = []fact{
		{say("agent.page_last_sync"), last},
		{say("agent.page_docs"), fmt.Sprint(st.Docs)},
		{say("agent.page_disk"), Size(st.DiskFree)},
	}
	if data := st.Data; data != "" {
		if st.DataLimit != "" {
			data = say("agent.page_data_of", "used", st.Data, "limit", st.DataLimit)
		}
		out.Facts = append(out.Facts, fact{say("agent.page_data"), data})
	}
	if !log {
		return out
	}
	out.Technical = []fact{
		{say("agent.page_hubs"), strings.Join(st.Hubs, " ")},
		{say("agent.page_device"), st.Device},
		{say("agent.page_version"), st.Version},
	}
	recent := v.source.Recent(logLines)
	slices.Reverse(recent)
	for _, l := range recent {
		out.Log = append(out.Log, readable(l))
	}
	return out
}

func mood(on bool, m string) string {
	if on {
		return m
	}
	return "none"
}

// headline is what matters most, first.
func headline(st State, lang text.Lang) (mood, head, detail string) {
	say := func(id string, kv ...any) string { return text.New(id, kv...).In(lang) }
	if st.LastError != nil {
		detail = st.LastError.In(lang)
	}
	switch {
	case len(st.Hubs) == 0:
		return "wait", say("agent.head_not_enrolled"), say("agent.not_enrolled")
	case st.Revoked:
		return "bad", say("agent.head_revoked"), detail
	case st.Budget && st.Pending == 0:
		return "wait", say("agent.head_budget_none"), detail
	case st.Budget:
		return "wait", say("agent.head_budget", "n", st.Pending), detail
	case st.Share && st.Pending == 0:
		return "wait", say("agent.head_share_none"), detail
	case st.Share:
		return "wait", say("agent.head_share", "n", st.Pending), detail
	case st.Pending > 0 && st.LastError != nil:
		return "wait", say("agent.head_waiting", "n", st.Pending), detail
	case st.Pending > 0:
		return "wait", say("agent.head_sending", "n", st.Pending), ""
	case st.LastError != nil:
		return "wait", say("agent.head_no_link"), detail
	case st.LastSync.IsZero():
		return "wait", say("agent.head_first"), ""
	}
	return "good", say("agent.head_safe"), ""
}

// Size writes a number of bytes as people read it, and as Windows counts it.
func Size(n uint64) string {
	const unit = 1024
	switch {
	case n >= unit*unit*unit:
		return fmt.Sprintf("%.1f GB", float64(n)/(unit*unit*unit))
	case n >= unit*unit:
		return fmt.Sprintf("%.1f MB", float64(n)/(unit*unit))
	}
	return fmt.Sprintf("%.1f KB", float64(n)/unit)
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
