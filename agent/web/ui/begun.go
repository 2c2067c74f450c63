package ui

import (
	"net/http"

	"shangu/agent/account"
)

// Begun lets the first account in, and goes on with what there is to set up; whoever
// was on the way to another page goes there.
type Begun struct {
	Account account.Account
	Next    string
}

func (a Begun) write(s *Site, w http.ResponseWriter, q *Request) {
	s.sessions.edit(q.id, func(v *session) {
		if v.next == "" {
			v.next = a.Next
		}
	})
	SignedIn(a.Account).write(s, w, q)
}
