package web

import (
	"slices"

	"shangu/schema/text"
)

// Level says how grave a Notice is.
type Level string

// The levels, from a mere remark to what somebody must see to today.
const (
	Note Level = "note"
	Warn Level = "warn"
	Bad  Level = "bad"
)

// Notice is one sentence at the top of the page. Its level shows by colour, by
// sign and by word.
type Notice struct {
	Level Level
	Text  *text.Message
}

// Word names the level for people.
func (l Level) Word() *text.Message {
	switch l {
	case Bad:
		return text.New("agent.level_bad")
	case Warn:
		return text.New("agent.level_warn")
	}
	return text.New("agent.level_note")
}

func (l Level) rank() int { return slices.Index([]Level{Note, Warn, Bad}, l) }

// Sort puts the gravest first and leaves the order of equals alone.
func Sort[T any](list []T, level func(T) Level) {
	slices.SortStableFunc(list, func(a, b T) int { return level(b).rank() - level(a).rank() })
}

// notice is a Notice in the words of one language.
type notice struct{ Level, Word, Text string }

func inWords(list []Notice, lang text.Lang) []notice {
	out := make([]notice, len(list))
	for i, n := range list {
		out[i] = notice{string(n.Level), n.Level.Word().In(lang), n.Text.In(lang)}
	}
	return out
}
