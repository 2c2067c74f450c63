package front

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"shangu/agent/web/ui"
	"shangu/schema"
	"shangu/schema/text"
)

// view is a State in the words of one language.
type view struct {
	State   State
	Live    Live
	School  string
	Grave   []Notice // what must be seen before anything else
	Notices []Notice // the rest
	Form    *ui.Form // of the date question
	Counts  []count
	Data    string // carried this month, of how much
	Free    string // on the disk
}

// Live is what changes while the page is open, in words; its script asks for it.
type Live struct {
	Mood    string `json:"mood"` // good, wait or bad
	Head    string `json:"head"`
	Detail  string `json:"detail"` // why, "" if there is nothing to say
	Off     string `json:"off"`    // whether the computer may be switched off
	Pending uint64 `json:"pending"`
	Safe    uint64 `json:"safe"`
	Last    string `json:"last"` // when the hub was heard of
	Sending bool   `json:"sending"`
	Sent    string `json:"sent"` // what the last session came to, "" if none was asked for
	SentOK  bool   `json:"sent_ok"`
	Stamp   string `json:"stamp"` // of what the script cannot show by itself: another one asks for the page anew
}

type count struct {
	ID, Name, Note string
	N              uint64
	Mood           string
	Path           string // where there is something to do about it
}

func look(st State, lang text.Lang, now time.Time) view {
	say := func(id string, kv ...any) string { return text.New(id, kv...).In(lang) }
	v := view{State: st, School: strings.TrimSpace(st.Name + " " + st.School), Free: Size(st.DiskFree)}
	if st.School == "" {
		v.School = say("agent.page_no_school")
	}
	for _, n := range st.Notices {
		if n.Level == Bad {
			v.Grave = append(v.Grave, n)
		} else {
			v.Notices = append(v.Notices, n)
		}
	}
	v.Live = live(st, lang, now)
	v.Counts = []count{
		{"pending", say("agent.page_pending"), say("agent.page_pending_note"), st.Pending, mood(st.Pending > 0, "wait"), ""},
		{"safe", say("agent.page_safe"), say("agent.page_safe_note"), st.Safe, mood(st.Safe > 0, "good"), ""},
		{"conflicts", say("agent.page_conflicts"), say("agent.page_conflicts_note"), uint64(st.Conflicts), mood(st.Conflicts > 0, "wait"), "/sync/cards"},
		{"quarantined", say("agent.page_quarantined"), say("agent.page_quarantined_note"), uint64(st.Quarantined), mood(st.Quarantined > 0, "bad"), "/sync/quarantine"},
	}
	if v.Data = st.Data; v.Data != "" && st.DataLimit != "" {
		v.Data = say("agent.page_data_of", "used", st.Data, "limit", st.DataLimit)
	}
	return v
}

func mood(on bool, m string) string {
	if on {
		return m
	}
	return "none"
}

func live(st State, lang text.Lang, now time.Time) Live {
	l := Live{Pending: st.Pending, Safe: st.Safe, Last: ago(st.LastSync, now).In(lang), Sending: st.Sending, Stamp: stamp(st)}
	head, detail := headline(st)
	l.Mood, l.Head = Mood(st), head.In(lang)
	if detail != nil {
		l.Detail = detail.In(lang)
	}
	switch {
	case l.Mood == "good":
		l.Off = text.New("front.off_now").In(lang)
	case len(st.Hubs) > 0:
		l.Off = text.New("front.off_later").In(lang)
	}
	if s := st.Sent; s != nil && !st.Sending {
		m := text.New("front.sent", "n", s.Entries, "time", clock(s.At))
		if l.SentOK = s.Failed == nil; !l.SentOK {
			m = text.New("front.sent_failed", "why", s.Failed, "time", clock(s.At))
		}
		l.Sent = m.In(lang)
	}
	return l
}

// Mood is how a State is to be taken: good, wait or bad.
func Mood(st State) string {
	switch {
	case st.Revoked, st.DiskLow:
		return "bad"
	case len(st.Hubs) == 0, st.Pending > 0, st.LastError != nil, st.LastSync.IsZero():
		return "wait"
	}
	return "good"
}

// headline is what matters most, and why it is so.
func headline(st State) (head, detail *text.Message) {
	switch {
	case len(st.Hubs) == 0:
		return text.New("agent.head_not_enrolled"), text.New("front.not_enrolled")
	case st.Revoked:
		return text.New("agent.head_revoked"), text.New("front.revoked")
	case st.DiskLow:
		return text.New("front.head_disk"), st.LastError
	case st.Budget && st.Pending == 0:
		return text.New("agent.head_budget_none"), st.LastError
	case st.Budget:
		return text.New("agent.head_budget", "n", st.Pending), st.LastError
	case st.Share && st.Pending == 0:
		return text.New("agent.head_share_none"), st.LastError
	case st.Share:
		return text.New("agent.head_share", "n", st.Pending), st.LastError
	case st.Pending > 0 && st.LastError != nil:
		return text.New("agent.head_waiting", "n", st.Pending), st.LastError
	case st.Pending > 0:
		return text.New("agent.head_sending", "n", st.Pending), nil
	case st.LastError != nil:
		return text.New("agent.head_no_link"), st.LastError
	case st.LastSync.IsZero():
		return text.New("agent.head_first"), nil
	}
	return text.New("agent.head_safe"), nil
}

// Light is a State in a word or two, for the bar of every page.
func Light(st State, lang text.Lang) ui.Light {
	id := "front.light_safe"
	switch {
	case st.Revoked:
		id = "front.light_revoked"
	case st.DiskLow:
		id = "front.light_disk"
	case len(st.Hubs) == 0:
		id = "front.light_alone"
	case st.Pending > 0:
		id = "front.light_pending"
	case st.LastError != nil:
		id = "front.light_cut"
	case st.LastSync.IsZero():
		id = "front.light_first"
	}
	return ui.Light{Mood: Mood(st), Text: text.New(id, "n", st.Pending).In(lang)}
}

// stamp changes with the notices and the question.
func stamp(st State) string {
	h := sha256.New()
	for _, n := range st.Notices {
		fmt.Fprintln(h, n.Level, n.Text.Code())
	}
	if st.Ask != nil {
		fmt.Fprintln(h, st.Ask.Date)
	}
	fmt.Fprintln(h, st.Conflicts, st.Quarantined)
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// clock is a time of day at the school.
func clock(t time.Time) string { return t.In(schema.Zone).Format("15:04") }

// ago says how long ago something was, and when.
func ago(t, now time.Time) *text.Message {
	if t.IsZero() {
		return text.New("agent.page_never")
	}
	days := int(schema.DateAt(now) - schema.DateAt(t))
	d := now.Sub(t)
	switch {
	case days > 1:
		return text.New("front.ago_days", "n", days, "at", moment(t))
	case days == 1 && d >= time.Hour:
		return text.New("front.ago_yesterday", "at", clock(t))
	case d >= time.Hour:
		return text.New("front.ago_hours", "n", int(d/time.Hour), "at", clock(t))
	case d >= time.Minute:
		return text.New("front.ago_minutes", "n", int(d/time.Minute), "at", clock(t))
	}
	return text.New("front.ago_now", "at", clock(t))
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
