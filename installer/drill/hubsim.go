package drill

// hubsim runs seeded faults on simulated disks and a simulated network under
// the hub's cluster, in fake time, and checks what schools saw.
var hubsim = Drill{
	Name: "hubsim", Holds: []int{2, 3, 4},
	Run: Tests("./hub/cluster", "^TestUnderFire$"),
}
