package drill

// All lists the drills in the order in which they run.
func All() []Drill {
	return []Drill{
		cuts,
		twins,
		oldImage,
		oldHub,
		storecuts,
		storm,
		hubsim,
		links,
		portal,
		power,
		hubPower,
		damage,
		winPower,
	}
}

// cuts cuts the power under the journal at every instant that a seed chooses.
var cuts = Drill{
	Name: "cuts", Holds: []int{1, 8},
	Run: Tests("./sync/journal", "^TestPowerCuts$"),
}
