package drill

// smallFiles loses and damages what lies beside a school's records: keys, the
// enrolment, notes, the epoch.
var smallFiles = Drill{
	Name: "smallfiles", Holds: []int{1, 8},
	Run: Tests("./agent/service", "^TestAnySmallFileMayBeLost$"),
}

// installs kills the installer at any instant, on a machine of its own.
var installs = Drill{
	Name: "installs", Holds: []int{1, 8},
	Run: Tests("./installer", "^TestInstallSurvivesKills$"),
}
