package drill

// winPower kills the Windows build under Wine while it saves, and leaves of
// Badger's files what NTFS may.
var winPower = Drill{
	Name: "winpower", Holds: []int{1},
	Run: Tests("./installer", "^TestPowerCutsUnderWindows$"),
}
