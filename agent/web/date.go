package web

import (
	"crypto/subtle"
	"net/http"
	"net/url"

	"shangu/schema/text"
)

// DateAsk is the question that the clerk answers before the first save of a day.
type DateAsk struct {
	Date string        // what it seems to be, 2026-10-12
	Why  *text.Message // why it is asked
}

// ask is a DateAsk in the words of one language.
type ask struct{ Date, Why, Title, Yes, Other, Send, Token string }

func (v *server) ask(d *DateAsk, lang text.Lang) *ask {
	say := func(id string, kv ...any) string { return text.New(id, kv...).In(lang) }
	if d == nil {
		return nil
	}
	return &ask{
		Date: d.Date, Token: v.token, Why: d.Why.In(lang), Title: say("agent.date_title", "date", d.Date),
		Yes: say("agent.date_yes", "date", d.Date), Other: say("agent.date_other"), Send: say("agent.date_send"),
	}
}

// maxForm bounds a form's bytes.
const maxForm = 4 << 10

// date takes the clerk's answer. A form counts only when it comes from a page of
// ours: it carries this run's token, and the browser says that it is of this
// origin.
func (v *server) date(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if !v.ours(r) {
		v.show(w, r, http.StatusForbidden, Notice{Warn, text.New("agent.date_stale")})
		return
	}
	if err := v.source.ConfirmDate(r.Context(), r.PostFormValue("date")); err != nil {
		m := text.Of(err)
		if m == nil {
			m = text.New("agent.failed", "cause", err)
		}
		v.show(w, r, http.StatusConflict, Notice{Warn, m})
		return
	}
	http.Redirect(w, r, "/?lang="+url.QueryEscape(language(r).String()), http.StatusSeeOther)
}

func (v *server) ours(r *http.Request) bool {
	if o := r.Header.Get("Origin"); o != "" {
		u, err := url.Parse(o)
		if err != nil || u.Host != r.Host {
			return false
		}
	}
	if s := r.Header.Get("Sec-Fetch-Site"); s != "" && s != "same-origin" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(v.token)) == 1
}
