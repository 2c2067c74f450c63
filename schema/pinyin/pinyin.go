// Package pinyin orders names as a Chinese reader expects and finds them by the
// initials that a clerk types: 张小明 comes after 李四 and is found by "zxm".
//
// Order and readings are those of the Unicode collation for Chinese, kept as a list of
// characters: the collation's own tables would be a twentieth of the agent. Surnames
// that are read otherwise than the same character elsewhere are put right here. It
// imports nothing of ours.
package pinyin

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// list is every character that has a reading, in the order of the readings, one line
// for each first letter.
//
//go:embed order.txt
var list string

// letters are the first letters of the lines of list: no reading begins with i, u or v.
const letters = "abcdefghjklmnopqrstwxyz"

// order is where a character stands in list.
type order struct {
	place  [1 << 16]uint16 // 1 is the first; 0: in no line. All that are lie in the first plane
	starts []uint16        // of each letter
}

var chinese = sync.OnceValue(func() *order {
	o := &order{}
	at := uint16(1)
	for line := range strings.Lines(list) {
		o.starts = append(o.starts, at)
		for _, r := range strings.TrimSuffix(line, "\n") {
			o.place[r] = at
			at++
		}
	}
	return o
})

func (o *order) find(r rune) (place uint16, ok bool) {
	if int(r) >= len(o.place) {
		return 0, false
	}
	return o.place[r], o.place[r] != 0
}

// Sorts of characters, in the order in which names list them.
const (
	latin = iota + 1
	foreign
	read
	unread
)

// Key is a name's place in the order: names stand as the bytes of their keys do.
func Key(name string) []byte {
	o := chinese()
	var b []byte
	for _, r := range asRead(name) {
		place, ok := o.find(r)
		switch {
		case r < unicode.MaxASCII:
			b = append(b, latin, byte(unicode.ToLower(r)))
		case ok:
			b = append(b, read, byte(place>>8), byte(place))
		case unicode.Is(unicode.Han, r):
			b = append(b, unread, byte(r>>16), byte(r>>8), byte(r))
		default:
			b = append(b, foreign, byte(r>>16), byte(r>>8), byte(r))
		}
	}
	return append(append(b, 0), name...)
}

// Initials are the first letters of a name's characters, in lower case: "zxm" for
// 张小明. Latin letters and digits stand for themselves; what has no reading is
// passed over.
func Initials(name string) string {
	o := chinese()
	var b strings.Builder
	for _, r := range asRead(name) {
		switch {
		case r < unicode.MaxASCII:
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				b.WriteRune(unicode.ToLower(r))
			}
		case unicode.Is(unicode.Han, r):
			if l := o.initial(r); l != 0 {
				b.WriteByte(l)
			}
		}
	}
	return b.String()
}

// initial is 0 for a character whose reading is not known.
func (o *order) initial(r rune) byte {
	place, ok := o.find(r)
	if !ok {
		return 0
	}
	i, found := slices.BinarySearch(o.starts, place)
	if !found {
		i--
	}
	return letters[i]
}

// asRead puts a character of the same sound for a surname that is read in its
// own way.
func asRead(name string) string {
	r := []rune(name)
	if len(r) > 2 {
		if read, ok := doubles[string(r[:2])]; ok {
			return read + string(r[2:])
		}
	}
	if len(r) > 1 {
		if read, ok := surnames[r[0]]; ok {
			r[0] = read
		}
	}
	return string(r)
}

// surnames that are read otherwise than the collation has them, with a character
// that sounds as they do; doubles are those of two characters.
var (
	doubles  = map[string]string{"万俟": "墨其", "尉迟": "玉迟", "长孙": "掌孙", "澹台": "谈台", "单于": "禅于"}
	surnames = map[rune]rune{
		'沈': '审', '曾': '增', '单': '善', '仇': '求', '解': '谢', '查': '扎', '区': '欧', '盖': '葛', '覃': '秦', '缪': '妙',
		'翟': '宅', '洗': '显', '冼': '显', '朴': '瓢', '乐': '悦', '员': '运', '折': '舌', '种': '虫', '繁': '婆', '召': '邵',
		'黑': '贺', '重': '虫', '尉': '未', '臧': '脏', '纪': '季', '阚': '看', '宿': '素', '那': '娜', '祭': '债', '隗': '伟',
	}
)
