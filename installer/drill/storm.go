package drill

import (
	"context"
	"fmt"
	"path/filepath"

	"shangu/hub/bench"
)

// Schools of a storm.
const (
	stormShort = 150
	stormLong  = 2000
)

// storm has schools come back together after a week. The long form does it a
// second time with the leader killed in the middle.
var storm = Drill{
	Name: "storm", Holds: []int{2, 3, 4},
	Run: func(ctx context.Context, b *Bench) (Outcome, error) {
		n, runs := b.N, []bool{false, true}
		switch {
		case n > 0:
		case b.Long:
			n = stormLong
		default:
			n, runs = stormShort, runs[:1]
		}
		bin, err := b.Programs(ctx)
		if err != nil {
			return Outcome{}, err
		}
		o := Outcome{Trials: n * len(runs)}
		for i, kill := range runs {
			s, err := bench.Weather(ctx, bench.StormOptions{
				Program: filepath.Join(bin, "hub"), Dir: filepath.Join(b.Work(), fmt.Sprint(i)), Schools: n, Kill: kill, Seed: b.Seed,
				Note: func(said string) { b.Log.Info(said) },
			})
			if err != nil {
				return o, err
			}
			for _, l := range s.Lost {
				o.Lose("%s", l)
			}
			if o.Saw != "" {
				o.Saw += "; "
			}
			o.Saw += s.String()
		}
		return o, nil
	},
}
