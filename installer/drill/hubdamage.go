package drill

// hubDamage harms the files of a hub node's state.
var hubDamage = Drill{
	Name: "hubdamage", Holds: []int{2, 4},
	Run: Tests("./hub/state", "^TestARandomlyDamagedStateHealsFromTheLog$"),
}
