package drill

// All lists the drills in the order in which they run.
func All() []Drill {
	return []Drill{
		cuts,
		twins,
		oldImage,
		oldHub,
		storecuts,
		smallFiles,
		installs,
		storm,
		hubsim,
		fullDisk,
		hubDisk,
		clocks,
		histories,
		fire,
		rolling,
		restored,
		links,
		holes,
		portal,
		access,
		revoked,
		power,
		hubPower,
		damage,
		hubDamage,
		raftDamage,
		winPower,
		sticks,
		couriers,
		unplugged,
		fullStick,
		fatStick,
		stickMonths,
		stickCuts,
		audit,
		mend,
		receipts,
		poison,
		rest,
	}
}

// cuts cuts the power under the journal at every instant that a seed chooses.
var cuts = Drill{
	Name: "cuts", Holds: []int{1, 8},
	Run: Tests("./sync/journal", "^TestPowerCuts$"),
}

// stickMonths simulates schools whose bundles come late, twice or never.
var stickMonths = Drill{
	Name: "stickmonths", Holds: []int{1, 2, 3, 4, 5},
	Run: Tests("./installer/term", "^TestVirtualMonthBySticks$"),
}

// stickCuts pulls a simulated stick out at every instant of a write.
var stickCuts = Drill{
	Name: "stickcuts", Holds: []int{1, 8},
	Run: Tests("./sync/bundle", "^TestPutSurvivesCuts$"),
}
