package intake_test

import (
	"shangu/agent/intake"
	"shangu/agent/store"
)

// The school's store is what plans are made against.
var _ intake.View = (*store.Store)(nil)
