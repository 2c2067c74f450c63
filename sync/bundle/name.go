package bundle

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"shangu/sync/change"
)

// Name is what a bundle is called on a stick: the school's code, the beginning
// of the machine's chain, the number of the export, and an ending for each
// direction. It is plain ASCII in lower case, so that every FAT keeps it, and
// names nobody.
//
//	2199109001-1a2b3c4d-000012.sgup
type Name struct {
	School string // code, as far as it is letters and digits
	Chain  string // 8 hex digits
	Number uint64
	Kind   Kind
}

// Endings of names.
const (
	UpEnding   = ".sgup"
	DownEnding = ".sgdn"
	PackEnding = ".sgpk"
)

// maxSchoolName bounds the school's part of a name.
const maxSchoolName = 20

// NameOf names a bundle.
func NameOf(kind Kind, school string, chain change.ChainID, number uint64) Name {
	return Name{plain(school), hex.EncodeToString(chain[:4]), number, kind}
}

// plain keeps of a school's code what may stand in a name.
func plain(school string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, school)
	if s = s[:min(len(s), maxSchoolName)]; s == "" {
		s = "school"
	}
	return s
}

func (n Name) String() string {
	ending := UpEnding
	if n.Kind == Down {
		ending = DownEnding
	}
	return fmt.Sprintf("%s-%s-%06d%s", n.School, n.Chain, n.Number, ending)
}

// PackName names a school's pack.
func PackName(school string) string { return plain(school) + PackEnding }

var form = regexp.MustCompile(`^([0-9a-z]{1,20})-([0-9a-f]{8})-([0-9]{6,20})(\.sgup|\.sgdn)$`)

// ParseName reads a name as a directory has it, in any case. What sticks collect
// besides, hidden files of other systems above all, is none.
func ParseName(file string) (Name, bool) {
	m := form.FindStringSubmatch(strings.ToLower(file))
	if m == nil {
		return Name{}, false
	}
	number, err := strconv.ParseUint(m[3], 10, 64)
	n := Name{School: m[1], Chain: m[2], Number: number, Kind: Up}
	if m[4] == DownEnding {
		n.Kind = Down
	}
	return n, err == nil
}

// Pick returns the files of a directory that are bundles of a kind, by school
// and machine, oldest export first.
func Pick(files []string, kind Kind) []string {
	type pick struct {
		Name
		file string
	}
	var found []pick
	for _, f := range files {
		if n, ok := ParseName(f); ok && n.Kind == kind {
			found = append(found, pick{n, f})
		}
	}
	slices.SortFunc(found, func(a, b pick) int {
		return cmp.Or(cmp.Compare(a.School, b.School), cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.Number, b.Number), cmp.Compare(a.file, b.file))
	})
	out := make([]string, len(found))
	for i, p := range found {
		out[i] = p.file
	}
	return out
}
