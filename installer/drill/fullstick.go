package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"shangu/installer/stage"
	"shangu/schema/text"
	"shangu/sync/disk"
)

// fullStick writes to sticks that are full, and to sticks that cannot be written.
var fullStick = Drill{Name: "fullstick", Holds: []int{1, 7, 8}, Run: runFullStick}

// filmFile is what somebody's stick is full of.
const filmFile = "film.mp4"

func runFullStick(ctx context.Context, b *Bench) (Outcome, error) { return b.withStick(ctx, stuffed) }

// stuffed writes to a stick that is full again and again, and then to one that
// cannot be written.
func stuffed(ctx context.Context, b *Bench, s *stage.Stage, h *stage.Hub, l *ledger, p plug) (o Outcome, err error) {
	k := courier{s: s, h: h, stick: p.mount}
	c, err := k.enrol(ctx, "school", sampleSchool)
	if err != nil {
		return o, err
	}
	if err := c.Import(ctx, "roster", l.file("roster.xlsx")); err != nil {
		return o, err
	}
	if _, err := k.round(ctx, &o, c); err != nil {
		return o, err
	}
	full, locked := 0, 0
	for o.Trials < b.trials(2, 20) {
		o.Trials++
		if err := l.record(ctx, c, min(2, len(l.sheets))); err != nil {
			return o, err
		}
		if err := p.stuff(); err != nil {
			return o, err
		}
		n, err := p.refuses(ctx, k, c, "bundle.stick_full", &o)
		if err != nil {
			return o, err
		}
		full += n
		if err := os.Remove(filepath.Join(p.mount, filmFile)); err != nil {
			return o, err
		}
		if err := p.lock(ctx, true); err != nil {
			return o, err
		}
		if n, err = p.refuses(ctx, k, c, "bundle.stick_locked", &o); err != nil {
			return o, err
		}
		locked += n
		if err := p.lock(ctx, false); err != nil {
			return o, err
		}
		// With room and without the lock it goes on as if nothing had been.
		if _, err := k.round(ctx, &o, c); err != nil {
			return o, err
		}
		st, err := c.Status(ctx)
		if err != nil {
			return o, err
		}
		if st.Pending != 0 {
			o.Lose("trial %d: %d entries still wait after a whole round", o.Trials, st.Pending)
		}
	}
	if err := k.whole(ctx, l, &o, c); err != nil {
		return o, err
	}
	o.Saw = fmt.Sprintf("%s: %d writes refused on a full stick and %d on a locked one; older bundles untouched, nothing half", p.kind.name, full, locked)
	return o, nil
}

// stuff takes all the room that the stick has.
func (p plug) stuff() error {
	f, err := os.Create(filepath.Join(p.mount, filmFile))
	if err != nil {
		return err
	}
	_, err = fillUp(f, 0)
	return errors.Join(err, f.Sync(), f.Close())
}

// fillUp grows a file from a size on until its disk has no room, to the last
// byte, and returns its new size.
func fillUp(f *os.File, size int64) (int64, error) {
	block := make([]byte, 1<<20)
	for n := len(block); n >= 512; {
		k, err := f.WriteAt(block[:n], size)
		size += int64(k)
		switch {
		case disk.IsFull(err):
			n /= 2
		case err != nil:
			return size, err
		}
	}
	return size, nil
}

// lock sets or releases the stick's write protection.
func (p plug) lock(ctx context.Context, on bool) error {
	how := "remount,rw"
	if on {
		how = "remount,ro"
	}
	return system(ctx, "mount", "-o", how, p.mount)
}

// files are what lies on the stick.
func (p plug) files() (map[string][]byte, error) {
	list, err := os.ReadDir(p.mount)
	out := map[string][]byte{}
	for _, f := range list {
		if f.IsDir() {
			continue // lost+found
		}
		data, e := os.ReadFile(filepath.Join(p.mount, f.Name()))
		if err = errors.Join(err, e); err == nil {
			out[f.Name()] = data
		}
	}
	return out, err
}

// refuses has agent and hub write to a stick that takes nothing. Both must say
// so in the words of id, and leave every file on it as it was; what the hub took
// it has taken.
func (p plug) refuses(ctx context.Context, k courier, c *stage.School, id string, o *Outcome) (n int, err error) {
	before, err := p.files()
	if err != nil {
		return 0, err
	}
	_, err = k.export(ctx, c)
	switch {
	case err == nil:
		o.Lose("trial %d: an export to a stick that takes nothing succeeded", o.Trials)
	case !says(err.Error(), id, p.mount):
		o.Lose("trial %d: the agent does not say %s: %v", o.Trials, id, err)
	default:
		n++
	}
	got, err := k.deliver(ctx, p.mount)
	if err != nil {
		return n, err
	}
	for _, f := range got {
		if !says(f.Problem, id, p.mount) || f.Refused != "" {
			o.Lose("trial %d: the hub does not say %s: %+v", o.Trials, id, f)
			continue
		}
		n++
	}
	after, err := p.files()
	if err != nil {
		return n, err
	}
	for name, data := range before {
		if !bytes.Equal(after[name], data) {
			o.Lose("trial %d: %s was changed", o.Trials, name)
		}
	}
	if len(after) != len(before) {
		o.Lose("trial %d: %d files became %d", o.Trials, len(before), len(after))
	}
	return n, nil
}

// says reports whether a sentence of a file on the stick was said, in any
// language.
func says(said, id, dir string) bool {
	const mark = "\x00"
	for _, lang := range []text.Lang{text.ZH, text.EN} {
		head, tail, _ := strings.Cut(text.New(id, "file", mark).In(lang), mark)
		_, rest, ok := strings.Cut(said, head+dir+string(filepath.Separator))
		if ok && strings.Contains(rest, tail) {
			return true
		}
	}
	return false
}
