// Package schooltest makes schools for tests and benchmarks: pupils with valid
// 学籍号, classes, teachers, agreements, and days of attendance, visits and
// training. The same seed gives the same school, byte for byte, on every
// machine. Nobody in it is real: the region 990109 exists nowhere.
//
// What it makes looks like what schools write down. Absences have a heavy
// tail: most pupils are hardly ever away, a few are away for weeks; who is sick
// in the morning is mostly sick in the afternoon, and often the next day; sheets
// are taken one after the other, 20 to 120 seconds apart.
//
//	s := schooltest.New(7, schooltest.Shape{Code: "2199109021", Classes: 12, Pupils: 480})
//	for _, day := range s.Term(7, schooltest.SchoolDays(100), schooltest.Plan{Exceptions: 4300, Visits: 50, Trainings: 50}) {
//		...
//	}
//
//	d := schooltest.Yunling(7) // twenty schools with the counts of data/yunling
//
// Records are plain structs that know nothing of changes; sync/frame/frametest
// turns them into entries. The package imports schema alone.
package schooltest
