package ui

// May reports whether whoever asks may use what is for w.
func (r *Request) May(w Who) bool { return w.admits(r.Account) }
