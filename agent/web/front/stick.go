package front

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"shangu/agent/stick"
	"shangu/agent/web/ui"
	"shangu/schema/text"
)

// Sticks carry what the link does not.
type Sticks interface {
	Volumes() []stick.Volume
	// Export writes what the district does not have to a folder.
	Export(ctx context.Context, folder string) (Written, error)
	// Import takes the replies that lie in a folder, or one of them.
	Import(ctx context.Context, path string) (Taken, error)
	// Bundle is what Export would write, whole, for a browser to keep.
	Bundle(ctx context.Context) (made Written, file []byte, err error)
	// Reply takes a reply that a browser sent.
	Reply(ctx context.Context, name string, file []byte) (Taken, error)
}

// Written is a bundle on a stick.
type Written struct {
	At      time.Time
	File    string // "" where a browser has it
	Entries uint64
	Left    uint64 // entries that did not fit
	Bytes   uint64
	Enrols  bool // it asks the district to let this computer in
}

// Taken is what replies brought.
type Taken struct {
	At      time.Time
	Told    time.Time // when the district wrote the newest
	Files   []string
	Safe    uint64 // entries that became safe
	Came    int    // documents from the district
	Pending uint64
	Again   bool // entries are to be carried again
	More    bool // the district has more
	LetIn   bool // this computer was let in
}

// trip is what was done with sticks since the program started: the page shows it
// after the browser was sent on.
type trip struct {
	mu      sync.Mutex
	written *Written
	taken   *Taken
}

// wizard is what the page of sticks shows.
type wizard struct {
	Remote  bool // somebody on another computer asks: only that one's browser sees the stick
	Volumes []choice
	Shut    []stick.Volume // that people see and the program does not
	Out, In *ui.Form
	Written *Written
	Taken   *Taken
}

// choice is a stick that may be chosen.
type choice struct {
	stick.Volume
	Size string // free on it
}

func (p *pages) stick(r *ui.Request) (ui.Answer, error) {
	return p.showStick(r, r.NewForm(), r.NewForm(), 0)
}

func (p *pages) showStick(r *ui.Request, out, in *ui.Form, code int) (ui.Answer, error) {
	v := wizard{Remote: r.Remote(), Out: out, In: in}
	if !v.Remote {
		for _, s := range p.d.Sticks.Volumes() {
			if s.Shut {
				v.Shut = append(v.Shut, s)
				continue
			}
			v.Volumes = append(v.Volumes, choice{s, Size(s.Free)})
		}
	}
	p.trip.mu.Lock()
	v.Written, v.Taken = p.trip.written, p.trip.taken
	p.trip.mu.Unlock()
	return ui.Show{Template: "front/stick", Title: r.Say("front.stick_title"), Active: "front", Data: v, Code: code}, nil
}

// folder is the stick that was chosen, or what was typed into a field.
func folder(r *ui.Request, f *ui.Form, field string) string {
	path := f.Text(field, 400)
	if path == "" {
		path = f.Value("volume")
	}
	switch {
	case r.Remote():
		_ = f.Refuse(field, text.New("front.stick_remote"))
	case path == "":
		_ = f.Refuse(field, text.New("front.stick_which"))
	case !filepath.IsAbs(path):
		_ = f.Refuse(field, text.New("front.stick_folder", "folder", path))
	}
	return path
}

func (p *pages) export(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	path := folder(r, f, "out")
	if f.OK() {
		// A folder, so that a name is ours to choose.
		made, err := p.d.Sticks.Export(r.Context(), path+string(filepath.Separator))
		if err := f.Refuse("out", plainly(err)); err != nil {
			return nil, err
		}
		if f.OK() {
			p.trip.mu.Lock()
			p.trip.written, p.trip.taken = &made, nil
			p.trip.mu.Unlock()
			return ui.See("/sync/stick"), nil
		}
	}
	return p.showStick(r, f, r.NewForm(), 422)
}

func (p *pages) reply(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	path := folder(r, f, "in")
	if f.OK() {
		taken, err := p.d.Sticks.Import(r.Context(), path)
		if err := f.Refuse("in", plainly(err)); err != nil {
			return nil, err
		}
		if f.OK() {
			p.trip.mu.Lock()
			p.trip.taken = &taken
			p.trip.mu.Unlock()
			return ui.See("/sync/stick"), nil
		}
	}
	return p.showStick(r, r.NewForm(), f, 422)
}

// download gives the bundle to the browser. What is in it waits here until the reply
// has come, as with one on a stick.
func (p *pages) download(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	made, file, err := p.d.Sticks.Bundle(r.Context())
	if err := f.Refuse("file", plainly(err)); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.showStick(r, f, r.NewForm(), 422)
	}
	name := made.File
	made.File = ""
	p.trip.mu.Lock()
	p.trip.written, p.trip.taken = &made, nil
	p.trip.mu.Unlock()
	return ui.Download{Name: name, Type: "application/octet-stream", Body: file}, nil
}

// upload takes a reply that the browser sends.
func (p *pages) upload(r *ui.Request) (ui.Answer, error) {
	f := r.Typed()
	if r.File == nil || len(r.File.Body) == 0 {
		_ = f.Refuse("reply", text.New("front.stick_no_file"))
		return p.showStick(r, r.NewForm(), f, 422)
	}
	taken, err := p.d.Sticks.Reply(r.Context(), r.File.Name, r.File.Body)
	if err := f.Refuse("reply", plainly(err)); err != nil {
		return nil, err
	}
	if !f.OK() {
		return p.showStick(r, r.NewForm(), f, 422)
	}
	p.trip.mu.Lock()
	p.trip.taken = &taken
	p.trip.mu.Unlock()
	return ui.See("/sync/stick"), nil
}

// plainly says for the page what sentences for commands say with commands.
func plainly(err error) error {
	m := text.Of(err)
	if m == nil {
		return err
	}
	switch m.ID() {
	case "agent.bundle_not_enrolled", "agent.not_enrolled":
		return text.Wrap(err, "front.stick_not_enrolled")
	case "agent.bundle_no_recipient":
		return text.Wrap(err, "front.stick_no_recipient")
	case "agent.bundle_no_reply":
		return text.Wrap(err, "front.stick_no_reply")
	case "bundle.is_no_reply":
		return text.Wrap(err, "front.stick_is_no_reply")
	}
	return err
}
