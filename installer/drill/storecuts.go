package drill

// storecuts cuts the power under the whole store: journal and small files lose
// what was not synced, and Badger's files come back as any mixture of what they
// once were.
var storecuts = Drill{
	Name: "storecuts", Holds: []int{1, 2, 8},
	Run: Tests("./agent/store", "^TestPowerCutsUnderTheStore$"),
}
