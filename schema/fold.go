package schema

import "strings"

// Fold brings text as clerks type it to one form: full-width letters, digits
// and signs become ASCII, blanks of all sorts become a space, runs of blanks
// become one, and none is left at the ends. Chinese characters and punctuation
// that has no ASCII twin stay.
func Fold(s string) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		switch {
		case r >= '！' && r <= '～':
			r -= '！' - '!'
		case r == '\u3000' || r == '\u00a0' || r == '\t' || r == '\n' || r == '\r' || r == ' ':
			blank = b.Len() > 0
			continue
		case r == '\u200b' || r == '\ufeff':
			continue
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
