package front

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

// Notice is one sentence on the first page. Its level shows by colour, by
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

// DateAsk is the question that the clerk answers before the first save of a day.
type DateAsk struct {
	Date string        // what it seems to be, 2026-10-12
	Why  *text.Message // why it is asked
}
