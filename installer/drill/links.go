package drill

// links makes lines slow, cuts them at random bytes, and has them swallow what
// goes over them.
var links = Drill{
	Name: "links", Holds: []int{3, 8},
	Run: Tests("./hub/gate", "^(TestSchoolDayOnASlowLine|TestRecordsOverResets|TestLinesThatSwallow|TestMonthOfThrift)$"),
}

// portal puts login pages, proxies and liars between a school and its hub.
var portal = Drill{
	Name: "portal", Holds: []int{8},
	Run: Tests("./sync/link", "^(TestPortals|TestLyingNames|TestLoopNeverGivesUp|TestMonthOnABudget)$"),
}

// access lets in who may not come: hostile devices, guessers, the revoked, crowds.
var access = Drill{
	Name: "access", Holds: []int{7},
	Run: Tests("./hub/gate", "^(TestHostileDevice|TestScopeIsExact|TestOneTokenTwoNodes|TestRevocationIsAtOnce|TestCrowd)$"),
}
