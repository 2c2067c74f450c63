package link

import "testing"

func TestAmountsAreReadAsTheyAreBought(t *testing.T) {
	for in, want := range map[string]struct {
		n    Amount
		text string
	}{
		"50MB": {50e6, "50 MB"}, " 1.5 GB ": {15e8, "1.5 GB"}, "500kB": {5e5, "500 kB"}, "800m": {8e8, "800 MB"},
		"0": {0, "0"}, "1234567": {1234567, "1.2 MB"}, "999 B": {999, "999 B"}, "30g": {30e9, "30 GB"},
	} {
		got, err := ParseAmount(in)
		if err != nil || got != want.n || got.String() != want.text {
			t.Errorf("%q is %d, %q, %v; want %d, %q", in, got, got, err, want.n, want.text)
		}
	}
	for _, in := range []string{"", "MB", "-1MB", "50 apples", "NaN", "inf", "1e5", "0x10", "5000000TB", "1_000"} {
		if got, err := ParseAmount(in); err == nil {
			t.Errorf("%q is taken for %d", in, got)
		}
	}
}
