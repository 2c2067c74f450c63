package uptime

import (
	"runtime"
	"testing"
	"time"
)

func TestSince(t *testing.T) {
	a := Reading{"a", 10 * time.Second}
	for _, c := range []struct {
		later, earlier Reading
		want           time.Duration
		ok             bool
	}{
		{Reading{"a", 15 * time.Second}, a, 5 * time.Second, true},
		{a, a, 0, true},
		{Reading{"b", 15 * time.Second}, a, 0, false}, // another start
		{Reading{"a", 9 * time.Second}, a, 0, false},
		{Reading{}, Reading{}, 0, false}, // the system names none
	} {
		if d, ok := c.later.Since(c.earlier); d != c.want || ok != c.ok {
			t.Errorf("%v since %v: %v %v", c.later, c.earlier, d, ok)
		}
	}
}

func TestRead(t *testing.T) {
	a, ok := Read()
	if ok != (runtime.GOOS == "linux") {
		t.Fatalf("%v, %v", a, ok)
	}
	if b, _ := Read(); ok && (b.Boot != a.Boot || b.Up < a.Up || a.Up == 0) {
		t.Errorf("%v, then %v", a, b)
	}
}
