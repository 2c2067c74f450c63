package pages

import (
	"testing"
)

// What everybody sees who sits at the computer, before and after sign-in, and the
// pages that it leads to.
func TestFront(t *testing.T) {
	d := open(t, mountainSchool, "roster", "attendance")
	stranger := d.Elsewhere()
	stranger.Go("/")
	stranger.See(".head")
	stranger.Check("front-nobody")
	d.Go("/")
	d.Check("front-alone")
	for _, path := range []string{"/sync/cards", "/sync/quarantine", "/sync/log", "/sync/receipts?date=2026-11-20"} {
		d.Go(path)
		d.Check("front" + path)
	}
}
