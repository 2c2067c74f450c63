package link

import (
	"math"
	"strconv"
	"strings"

	"shangu/schema/text"
)

// Amount is an amount of data in bytes, as it is bought: 50MB are 50,000,000.
// It is a flag's value.
type Amount int64

// units of amounts, largest first.
var units = []struct {
	name  string
	bytes float64
}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}

// ParseAmount reads 50MB, 1.5 GB, 500kB, 800m or a number of bytes.
func ParseAmount(s string) (Amount, error) {
	wrong := text.New("link.amount", "text", s)
	t := strings.ToUpper(strings.TrimSpace(s))
	factor := 1.0
	for _, u := range units {
		name := strings.ToUpper(u.name)
		rest, ok := strings.CutSuffix(t, name)
		if !ok && u.bytes > 1 {
			rest, ok = strings.CutSuffix(t, name[:1])
		}
		if ok {
			t, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n*factor > 1e15 || strings.ContainsAny(t, "xXeEpP_") {
		return 0, wrong
	}
	return Amount(math.Round(n * factor)), nil
}

// String writes the amount as people read it, to three digits or so.
func (a Amount) String() string {
	for _, u := range units {
		if n := float64(a) / u.bytes; n >= 1 {
			digits := 0
			if n < 100 && u.bytes > 1 {
				digits = 1
			}
			return strings.TrimSuffix(strconv.FormatFloat(n, 'f', digits, 64), ".0") + " " + u.name
		}
	}
	return "0"
}

// Set implements a flag's value.
func (a *Amount) Set(s string) (err error) {
	*a, err = ParseAmount(s)
	return err
}

// Type implements a flag's value.
func (*Amount) Type() string { return "SIZE" }
