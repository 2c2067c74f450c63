package ui

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// tooNew is what styles and scripts must not use: schools have browsers from
// Chromium 86 on, and an unknown selector drops its whole rule without a word. The
// number is the Chromium that first knew it.
var tooNew = map[string][]struct {
	what  string
	since int
	sign  *regexp.Regexp
}{
	".css": {
		{":is()", 88, regexp.MustCompile(`:is\(`)},
		{":where()", 88, regexp.MustCompile(`:where\(`)},
		{":not() of a list", 88, regexp.MustCompile(`:not\([^()]*,`)},
		{":has()", 105, regexp.MustCompile(`:has\(`)},
		{"inset", 87, regexp.MustCompile(`(?m)[{;]\s*inset(-block|-inline)?\s*:`)},
		{"aspect-ratio", 88, regexp.MustCompile(`[{;]\s*aspect-ratio\s*:`)},
		{"@layer, @container, @scope", 99, regexp.MustCompile(`@(layer|container|scope)\b`)},
		{"nesting", 112, regexp.MustCompile(`(?m)^\s*&`)},
		{"color-mix()", 111, regexp.MustCompile(`color-mix\(|oklch\(|oklab\(|light-dark\(`)},
		{"small, large and dynamic viewport units", 108, regexp.MustCompile(`\d[dsl]v[hw]\b`)},
		{"ranges in media queries", 104, regexp.MustCompile(`@media[^{]*[<>]=?`)},
		{"overflow: clip", 90, regexp.MustCompile(`overflow[^;]*:\s*clip`)},
		{":user-invalid", 119, regexp.MustCompile(`:user-(in)?valid`)},
		{"subgrid", 117, regexp.MustCompile(`subgrid`)},
	},
	".js": {
		{".at()", 92, regexp.MustCompile(`\.at\(`)},
		{"Object.hasOwn", 93, regexp.MustCompile(`Object\.hasOwn`)},
		{"structuredClone", 98, regexp.MustCompile(`structuredClone`)},
		{"findLast", 97, regexp.MustCompile(`\.findLast`)},
		{"sorted and reversed copies", 110, regexp.MustCompile(`\.(toSorted|toReversed|toSpliced|with)\(`)},
		{"groupBy", 117, regexp.MustCompile(`\.groupBy\(`)},
		{"crypto.randomUUID", 92, regexp.MustCompile(`randomUUID`)},
		{"AbortSignal.timeout", 103, regexp.MustCompile(`AbortSignal\.(timeout|any)`)},
		{"popover, inert, showPicker", 99, regexp.MustCompile(`showPopover|\.inert\b|showPicker`)},
		{"modules with top-level await", 89, regexp.MustCompile(`(?m)^(await|import|export) `)},
		{"static blocks", 94, regexp.MustCompile(`static\s*\{`)},
		{"Set methods", 122, regexp.MustCompile(`\.(isSubsetOf|symmetricDifference|isDisjointFrom)\(`)},
		{"Promise.withResolvers", 119, regexp.MustCompile(`withResolvers`)},
	},
}

func TestOldBrowsersKnowAllOfIt(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		rules := tooNew[filepath.Ext(path)]
		if err != nil || d.IsDir() || rules == nil {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		for _, r := range rules {
			if at := r.sign.Find(body); at != nil {
				t.Errorf("%s: %s came with Chromium %d: %q", path, r.what, r.since, at)
			}
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d files, %v", seen, err)
	}
}
