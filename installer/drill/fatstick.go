package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"shangu/sync/bundle"
	"shangu/sync/disk"
)

// fatStick pulls a FAT32 stick out of a whole machine that writes bundles,
// reports and backups to it.
var fatStick = Drill{Name: "fatstick", Holds: []int{1, 8}, Run: runFatStick}

// fatTools are needed besides vmTools.
var fatTools = []string{"mkfs.vfat", "fsck.vfat"}

// fatModules are what the kernel needs to read a stick.
var fatModules = []string{"fs/nls/nls_cp437.ko", "fs/nls/nls_ascii.ko", "fs/nls/nls_utf8.ko", "fs/fat/fat.ko", "fs/fat/vfat.ko"}

func runFatStick(ctx context.Context, b *Bench) (o Outcome, err error) {
	if missing := missingTool(append(fatTools, vmTools...)...); missing != "" {
		return Skip("needs %s", missing)
	}
	if b.Source == "" {
		return Skip("needs Go and the source, to build what runs in the machine")
	}
	w, err := newFatStick(ctx, b, &o)
	if err != nil {
		return o, err
	}
	trials := b.trials(3, 300)
	for o.Trials < trials && len(o.Lost) == 0 {
		o.Trials++
		if err := w.life(ctx, true); err != nil {
			return o, fmt.Errorf("pull %d: %w\n%s", o.Trials, err, w.console())
		}
	}
	if err := w.life(ctx, false); err != nil {
		return o, fmt.Errorf("after the last pull: %w\n%s", err, w.console())
	}
	if len(w.last) == 0 {
		return o, errors.New("not one file was written")
	}
	o.Saw = fmt.Sprintf("FAT32: %d bundles, %d reports, %d backups written, %d pages of unflushed writes dropped, %d unfinished files left beside whole ones, fsck.vfat had %d remarks",
		w.wrote[bundle.UpEnding], w.wrote[".csv"], w.wrote[".sgbk"], w.dropped, w.parts, w.remarks)
	return o, nil
}

// fat is a machine whose disk is a stick, with the witness outside it.
type fat struct {
	*vm
	o   *Outcome
	rnd *rand.Rand

	last  map[string]string // the file of each sort that was last said to be there
	wrote map[string]int    // by ending

	dropped, parts, remarks int
}

// sortOf tells files apart that do not take each other's place.
func sortOf(name string) string {
	sort, _, _ := strings.Cut(name, "-")
	return sort
}

func newFatStick(ctx context.Context, b *Bench, o *Outcome) (*fat, error) {
	s, h, _, c, err := b.school(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := c.Drained(ctx, h, 0); err != nil {
		return nil, err
	}
	guest, programs := filepath.Join(b.Work(), "guest"), filepath.Join(b.Work(), "bin")
	if err := os.Mkdir(programs, 0o700); err != nil {
		return nil, fmt.Errorf("make disks: %w", err)
	}
	if err := os.Rename(filepath.Join(s.Work, "school"), filepath.Join(programs, "school")); err != nil {
		return nil, fmt.Errorf("make disks: %w", err)
	}
	for out, args := range map[string]string{guest: "./installer/drill/guest", filepath.Join(programs, "agent"): "./agent"} {
		if err := build(ctx, b, out, "-ldflags=-s -w", args); err != nil {
			return nil, err
		}
	}
	v, err := newVM(ctx, b.Work(), guest, "", programs, "384", fatModules...)
	if err != nil {
		return nil, err
	}
	// As sold: FAT32, with clusters of 4 KiB.
	if err := os.WriteFile(v.disk, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(v.disk, 300<<20); err != nil {
		return nil, err
	}
	if _, err := run(ctx, b.Work(), "mkfs.vfat", "-F", "32", "-s", "8", v.disk); err != nil {
		return nil, err
	}
	return &fat{vm: v, o: o, rnd: rand.New(rand.NewPCG(b.Seed, 0xfa7)), last: map[string]string{}, wrote: map[string]int{}}, nil
}

// life is one stay of the stick in the machine: what is on it is checked, then
// bundles are written until it is pulled out.
func (w *fat) life(ctx context.Context, write bool) error {
	r, err := w.boot(w.rnd.Uint64(), "drill.stick=1")
	if err != nil {
		return err
	}
	wait, after := 1+w.rnd.IntN(30), time.Duration(w.rnd.IntN(30))*time.Millisecond
	heard := w.listen(ctx, r, write, wait, after)
	dropped, err := r.pull(w.rnd)
	w.dropped += dropped
	if err = errors.Join(heard, err); err != nil {
		return err
	}
	return w.fsck(ctx)
}

// listen hears the guest until so many lines after it has checked the stick, and
// a moment more.
func (w *fat) listen(ctx context.Context, r *running, write bool, lines int, after time.Duration) error {
	said, stop := r.lines()
	defer stop()
	late := time.NewTimer(bootWithin)
	defer late.Stop()
	has := map[string]string{}
	var now <-chan time.Time
	checked, n := false, 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-now:
			return nil
		case <-late.C:
			return fmt.Errorf("the machine does not come to writing within %v", bootWithin)
		case line, ok := <-said:
			if !ok {
				return fmt.Errorf("the machine went off by itself: %s", &r.stderr)
			}
			word := strings.Fields(line)
			switch {
			case len(word) == 0:
			case word[0] == "bad":
				w.o.Lose("pull %d: %s", w.o.Trials, line)
				return nil
			case word[0] == "has" && len(word) == 3:
				has[word[1]] = word[2]
			case word[0] == "state":
				w.judge(has)
				if checked = true; !write || len(w.o.Lost) > 0 {
					return nil
				}
			case word[0] == "wrote" && len(word) == 2:
				w.last[sortOf(word[1])] = word[1]
				w.wrote[filepath.Ext(word[1])]++
			}
			if n++; checked && now == nil && n >= lines {
				now = time.After(after)
			}
		}
	}
}

// judge holds what is on the stick against what was written: each file whole,
// and of each sort the last one that was said to be there still there, or a newer
// one.
func (w *fat) judge(has map[string]string) {
	newest := map[string]string{}
	for name, whole := range has {
		if strings.HasSuffix(name, disk.PartEnding) {
			w.parts++
			continue
		}
		if whole != "true" {
			w.o.Lose("pull %d: %s is there and not whole", w.o.Trials, name)
		}
		newest[sortOf(name)] = max(newest[sortOf(name)], name)
	}
	for sort, last := range w.last {
		if newest[sort] < last {
			w.o.Lose("pull %d: %s was said to be there; the newest is %q", w.o.Trials, last, newest[sort])
		}
	}
}

// fsck has another program look at the stick. A stick that was pulled out is
// not tidy, but nobody may find it unreadable.
func (w *fat) fsck(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "fsck.vfat", "-n", w.disk).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		w.remarks++
		return nil
	}
	if err != nil {
		return fmt.Errorf("fsck.vfat: %w: %s", err, tail(out))
	}
	return nil
}
