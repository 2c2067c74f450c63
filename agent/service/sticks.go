package service

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"shangu/agent/intake"
	"shangu/agent/stick"
	"shangu/agent/web/front"
	"shangu/schema/text"
)

// sticks does for the page what `agent bundle` does.
type sticks struct{ *Agent }

var _ front.Sticks = sticks{}

func (sticks) Volumes() []stick.Volume { return stick.Volumes() }

// stickPatience is how long somebody at the page waits for a session that is under
// way.
const stickPatience = 20 * time.Second

func (s sticks) wait(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, stickPatience, text.New("front.stick_busy"))
}

// Export writes what the district does not have to a folder.
func (s sticks) Export(ctx context.Context, folder string) (out front.Written, err error) {
	ctx, cancel := s.wait(ctx)
	defer cancel()
	err = s.ExportBundle(ctx, func(b Bundled, r io.Reader) (err error) {
		out = s.written(b)
		out.File, err = stick.Put(folder, b.Name, b.Bytes, r)
		return err
	})
	return out, err
}

// Bundle makes what Export writes, for a browser.
func (s sticks) Bundle(ctx context.Context) (out front.Written, file []byte, err error) {
	ctx, cancel := s.wait(ctx)
	defer cancel()
	err = s.ExportBundle(ctx, func(b Bundled, r io.Reader) error {
		out, file = s.written(b), make([]byte, b.Bytes)
		out.File = b.Name
		if _, err := io.ReadFull(r, file); err != nil {
			return fmt.Errorf("read bundle: %w", err)
		}
		return nil
	})
	return out, file, err
}

func (s sticks) written(b Bundled) front.Written {
	return front.Written{At: s.now(), Entries: b.Entries, Left: b.Left, Bytes: uint64(b.Bytes), Enrols: b.Enrols}
}

// Reply takes a reply that a browser sent.
func (s sticks) Reply(ctx context.Context, name string, file []byte) (out front.Taken, err error) {
	ctx, cancel := s.wait(ctx)
	defer cancel()
	r, err := s.ImportBundle(ctx, bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return out, err
	}
	add(&out, r)
	out.At, out.Files = s.now(), []string{name}
	return out, nil
}

// add counts in what one reply more brought.
func add(out *front.Taken, r Returned) {
	out.Safe, out.Came = out.Safe+r.Pushed, out.Came+r.Pulled
	out.Pending, out.Told = r.Pending, unclock(r.HubTime)
	out.Again, out.More = r.Again, r.More || r.Differ > 0
	out.LetIn = out.LetIn || r.Enrolled
}

// Import takes the replies that lie in a folder, or one.
func (s sticks) Import(ctx context.Context, path string) (out front.Taken, err error) {
	ctx, cancel := s.wait(ctx)
	defer cancel()
	own, ok := s.stand().Replies()
	if !ok {
		return out, errNotEnrolled
	}
	files, err := stick.Replies(path, own)
	if err != nil {
		return out, err
	}
	for _, name := range files {
		r, err := s.importFile(ctx, name)
		if err != nil {
			return out, err
		}
		add(&out, r)
	}
	out.At, out.Files = s.now(), files
	return out, nil
}

func (s sticks) importFile(ctx context.Context, name string) (Returned, error) {
	f, err := intake.Open(name)
	if err != nil {
		return Returned{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Returned{}, text.Wrap(err, "intake.unreadable", "file", name, "cause", err)
	}
	return s.ImportBundle(ctx, f, st.Size())
}
