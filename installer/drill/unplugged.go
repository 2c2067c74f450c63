package drill

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"shangu/installer/stage"
)

// unplugged pulls a real stick out while bundles are written to it.
var unplugged = Drill{Name: "unplugged", Holds: []int{1, 8}, Run: runUnplugged}

// stickBytes is the size of the stick: small, so that it can be photographed in
// a moment.
const stickBytes = 2 << 20

// plug is an image of a stick, mounted over a loop device.
type plug struct {
	image, mount string
	kind         filesystem
}

// filesystem is one without a journal, so that what was not synced may be there
// or not, as on any stick.
type filesystem struct {
	name string // as mount knows it
	make []string
}

// filesystems are those that a stick may have, FAT32 first. Kernels of servers
// often lack it.
var filesystems = []filesystem{
	{"vfat", []string{"mkfs.vfat", "-F", "32", "-s", "1"}},
	{"ext2", []string{"mkfs.ext2", "-q"}},
}

// plugIn makes an image and mounts it.
func plugIn(ctx context.Context, dir string) (p plug, err error) {
	p = plug{image: filepath.Join(dir, "stick.img"), mount: filepath.Join(dir, "stick")}
	for _, p.kind = range filesystems {
		if err = os.WriteFile(p.image, make([]byte, stickBytes), 0o600); err != nil {
			return p, err
		}
		if err = system(ctx, p.kind.make[0], append(p.kind.make[1:], p.image)...); err != nil {
			continue
		}
		if err = p.in(ctx, ""); err == nil {
			return p, nil
		}
	}
	return p, err
}

func system(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(out))
	}
	return nil
}

// in mounts an image.
func (p plug) in(ctx context.Context, options string) error {
	if err := os.MkdirAll(p.mount, 0o700); err != nil {
		return err
	}
	return system(ctx, "mount", "-t", p.kind.name, "-o", "loop"+options, p.image, p.mount)
}

func (p plug) out() error { return system(context.Background(), "umount", p.mount) }

// film keeps every state that the stick itself was in while f ran: what it would
// hold had it been pulled out then.
func (p plug) film(f func() error) (shots [][]byte, err error) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() {
		var last []byte
		for {
			// Two equal looks in a row are one state, and no mixture.
			a, err1 := os.ReadFile(p.image)
			b, err2 := os.ReadFile(p.image)
			if err1 != nil || err2 != nil {
				failed = fmt.Errorf("photograph stick: %v, %v", err1, err2)
				return
			}
			if bytes.Equal(a, b) && !bytes.Equal(a, last) {
				shots, last = append(shots, a), a
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	err = f()
	close(done)
	wg.Wait()
	if err == nil {
		err = failed
	}
	return shots, err
}

func runUnplugged(ctx context.Context, b *Bench) (Outcome, error) { return b.withStick(ctx, pulls) }

// withStick runs a drill of a district of one node and a stick that is plugged in.
func (b *Bench) withStick(ctx context.Context, run func(context.Context, *Bench, *stage.Stage, *stage.Hub, *ledger, plug) (Outcome, error)) (o Outcome, err error) {
	if os.Geteuid() != 0 {
		return Skip("needs root, to mount a stick")
	}
	s, h, l, err := b.district(ctx, 1)
	if err != nil {
		return o, err
	}
	defer s.Close()
	p, err := plugIn(ctx, s.Work)
	if err != nil {
		return Skip("cannot mount a stick here: %v", err)
	}
	defer func() {
		if e := p.out(); err == nil {
			err = e
		}
	}()
	return run(ctx, b, s, h, l, p)
}

// pulls exports again and again, and looks at each state that the stick was in.
func pulls(ctx context.Context, b *Bench, s *stage.Stage, h *stage.Hub, l *ledger, p plug) (o Outcome, err error) {
	k := courier{s: s, h: h, stick: p.mount}
	c, err := k.enrol(ctx, "school", sampleSchool)
	if err != nil {
		return o, err
	}
	if err := c.Import(ctx, "roster", l.file("roster.xlsx")); err != nil {
		return o, err
	}
	known := map[string][]byte{} // what was written, whole
	keep := func(file string) error {
		data, err := os.ReadFile(file)
		known[filepath.Base(file)] = data
		return err
	}
	file, err := k.export(ctx, c)
	if err == nil {
		err = keep(file)
	}
	if err != nil {
		return o, err
	}
	var shots [][]byte
	for range b.trials(6, 60) {
		if err := l.record(ctx, c, min(4, len(l.sheets))); err != nil {
			return o, err
		}
		film, err := p.film(func() (err error) {
			file, err = k.export(ctx, c)
			return err
		})
		if err == nil {
			err = keep(file)
		}
		if err != nil {
			return o, err
		}
		shots = append(shots, film...)
	}
	old := plug{filepath.Join(s.Work, "shot.img"), filepath.Join(s.Work, "shot"), p.kind}
	whole, part := 0, 0
	for i, shot := range shots {
		o.Trials++
		if err := os.WriteFile(old.image, shot, 0o600); err != nil {
			return o, err
		}
		n, left, err := old.look(ctx, known, k, &o)
		if err != nil {
			return o, err
		}
		if n == 0 {
			o.Lose("pulled out at instant %d: no whole bundle is left", i)
		}
		whole, part = whole+n, part+left
	}
	o.Saw = fmt.Sprintf("%s, %d exports, %d instants: %d whole bundles found, %d unfinished ones beside them", p.kind.name, len(known)-1, len(shots), whole, part)
	return o, nil
}

// look mounts what is left of a stick and counts whole bundles, and unfinished
// ones under names that nobody takes for whole. A bundle that is neither whole
// nor refused by the hub is a loss.
func (p plug) look(ctx context.Context, known map[string][]byte, k courier, o *Outcome) (whole, part int, err error) {
	if err := p.in(ctx, ",ro"); err != nil {
		return 0, 0, err
	}
	defer func() {
		if e := p.out(); err == nil {
			err = e
		}
	}()
	files, err := os.ReadDir(p.mount)
	if err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".sgup") {
			if strings.HasSuffix(f.Name(), ".part") {
				part++
			}
			continue
		}
		data, err := os.ReadFile(filepath.Join(p.mount, f.Name()))
		if err == nil && bytes.Equal(data, known[f.Name()]) {
			whole++
			continue
		}
		o.Lose("%s is there and not whole: %d bytes", f.Name(), len(data))
		bad := filepath.Join(filepath.Dir(p.mount), f.Name())
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			return whole, part, err
		}
		if got, err := k.deliver(ctx, bad); err != nil || got[0].Refused == "" {
			o.Lose("and the hub takes it: %+v %v", got, err)
		}
	}
	return whole, part, nil
}
