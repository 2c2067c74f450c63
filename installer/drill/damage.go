package drill

// damage harms Badger's files in the directory of a real agent with five years
// of records.
var damage = Drill{
	Name: "damage", Holds: []int{1, 8},
	Run: Tests("./agent", "^TestDamagedDocumentsAreRebuilt$"),
}
