package schema

import "slices"

// TrainingCounts reports whether a training with such a result (TrainingResults, 0 for
// none) gives hours. Who failed or did not finish has none; where no result was
// written down, attending was all that was asked. A result that this build does not
// know gives none until it does.
func TrainingCounts(result int64) bool {
	return result == 0 || result == TrainingPassed || result == TrainingExcellent
}

// Earned are hours that a teacher earned on a day.
type Earned struct {
	On     Date
	Tenths int64 // of an hour
}

// HoursWindow says how many hours are due in how many years that end today
// (SettingTrainingHours, SettingTrainingYears).
type HoursWindow struct {
	Tenths int64 // of an hour
	Years  int
}

// Leaves is the first day on which hours earned on a day do not count any more: the
// same day some years later, 1 March for 29 February.
func (w HoursWindow) Leaves(on Date) Date {
	y, m, d := on.Parts()
	return DateOf(y+w.Years, m, d)
}

// On is how many tenths of an hour count on a day.
func (w HoursWindow) On(earned []Earned, day Date) (tenths int64) {
	for _, e := range earned {
		if e.On <= day && day < w.Leaves(e.On) {
			tenths += e.Tenths
		}
	}
	return tenths
}

// Short is the first day, from a day on, on which fewer hours count than are due if
// nothing more is earned than what is given. ok is false if that never comes.
func (w HoursWindow) Short(earned []Earned, from Date) (day Date, ok bool) {
	now := w.On(earned, from)
	if now < w.Tenths {
		return from, true
	}
	type turn struct {
		on     Date
		tenths int64
	}
	var turns []turn
	for _, e := range earned {
		if e.On > from {
			turns = append(turns, turn{e.On, e.Tenths})
		}
		if leaves := w.Leaves(e.On); leaves > from {
			turns = append(turns, turn{leaves, -e.Tenths})
		}
	}
	slices.SortFunc(turns, func(a, b turn) int { return int(a.on - b.on) })
	for i, t := range turns {
		now += t.tenths
		// What comes and goes on one day is one step.
		if last := i == len(turns)-1 || turns[i+1].on != t.on; last && now < w.Tenths {
			return t.on, true
		}
	}
	return 0, false
}
