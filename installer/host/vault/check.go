package vault

import (
	"errors"
	"os/exec"

	"shangu/schema/text"
)

// ErrAway: the key is on this machine, and not where the service looks for it.
var ErrAway = errors.New("vault: the key is not where the service looks")

// Check tells whether an installed service gets the key of its data directory,
// and in words what to do if it does not: ErrMissing, ErrAway, ErrWrong, or what
// keeps the caller from finding out. It changes nothing.
func Check(dir, probe string) error { return system.check(dir, probe) }

func (s keeper) check(dir, probe string) error {
	st, err := read(dir)
	if err != nil {
		return err
	}
	if st.Key == "" && !sealed(probes(dir, probe)) {
		return nil // nothing is locked yet
	}
	k, err := s.find(dir, st)
	// The machine's own key, under which systemd sealed it, may be another now.
	if refusal, ok := errors.AsType[*exec.ExitError](err); ok {
		err = errors.Join(ErrMissing, refusal)
	}
	switch {
	case errors.Is(err, ErrMissing) && s.keys == "":
		return text.Wrap(err, "vault.missing", "dir", dir)
	case errors.Is(err, ErrMissing):
		return text.Wrap(err, "vault.lost", "dir", dir, "file", s.path(dir, ".cred"))
	case err != nil || s.keys == "":
		return err
	}
	for _, h := range s.outside(dir) {
		if got, err := h.get(dir); err == nil && got == k {
			return nil
		}
	}
	return text.Wrap(ErrAway, "vault.away", "dir", dir, "file", s.path(dir, ".cred"))
}
