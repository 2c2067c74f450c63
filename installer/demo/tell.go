package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"shangu/schema/text"
)

// teller tells the story: each sentence with the time since the beginning, in
// one language after the other.
type teller struct {
	mu    sync.Mutex
	out   io.Writer
	langs []text.Lang
	began time.Time
}

func (t *teller) say(id string, kv ...any) {
	m := text.New(id, kv...)
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, lang := range t.langs {
		mark := fmt.Sprintf("%5.1f s  ", time.Since(t.began).Seconds())
		if i > 0 {
			mark = strings.Repeat(" ", len(mark))
		}
		fmt.Fprintln(t.out, mark+m.In(lang))
	}
}

// both is say with an error's words, in each language, for {reason}.
func (t *teller) both(id string, err error, kv ...any) {
	var reason any = text.Of(err)
	if text.Of(err) == nil {
		reason = err
	}
	t.say(id, append(kv, "reason", reason)...)
}
