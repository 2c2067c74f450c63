// Package pinyin orders names as a Chinese reader expects and finds them by the
// initials that a clerk types: 张小明 comes after 李四 and is found by "zxm".
//
// Order and readings are those of the Unicode collation for Chinese
// (golang.org/x/text/collate); surnames that are read otherwise than the same
// character elsewhere are put right here. It imports nothing of ours.
package pinyin

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// letters and the characters that each begins with in the collation's order.
const (
	letters = "abcdefghjklmnopqrstwxyz"
	firsts  = "阿八嚓哒妸发旮哈讥咔垃妈拏噢妑七呥仨它穵夕丫帀"
	last    = "蓙" // the last character that has a reading
)

// order is the collation. A Collator holds buffers, so one caller at a time.
type order struct {
	mu     sync.Mutex
	c      *collate.Collator
	buf    collate.Buffer
	firsts [][]byte // keys of the characters in firsts
	last   []byte
}

var chinese = sync.OnceValue(func() *order {
	o := &order{c: collate.New(language.Chinese)}
	for _, r := range firsts {
		o.firsts = append(o.firsts, o.key(string(r)))
	}
	o.last = o.key(last)
	return o
})

func (o *order) key(s string) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.buf.Reset()
	return slices.Clone(o.c.KeyFromString(&o.buf, s))
}

// Key is a name's place in the order: names stand as the bytes of their keys do.
func Key(name string) []byte { return chinese().key(asRead(name)) }

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
	k := o.key(string(r))
	if bytes.Compare(k, o.last) > 0 {
		return 0
	}
	i, found := slices.BinarySearchFunc(o.firsts, k, bytes.Compare)
	if !found {
		i--
	}
	if i < 0 {
		return 0
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
