//go:build !linux

package drill

import "context"

func runHoles(context.Context, *Bench) (Outcome, error) {
	return Skip("networks of their own are made on Linux only")
}
