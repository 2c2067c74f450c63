package pinyin

import (
	"bytes"
	"slices"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"张小明": "zxm", "李四": "ls", "欧阳娜娜": "oynn", "沈梦": "sm", "曾国强": "zgq", "单田芳": "stf", "仇和": "qh", "解晓东": "xxd", "查良镛": "zly",
		"尉迟恭": "ycg", "长孙无忌": "zswj", "覃雪梅": "qxm", "翟天": "zt", "阿依古丽·买买提": "aygmmt"[:3] + "lmmt", "Tom李": "toml", "罗3": "l3", "": "", "王": "w",
		"单": "d", "堃": "k", "玥": "y", "昕": "x", "璟": "j", "翯": "h",
	} {
		if got := Initials(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestOrder(t *testing.T) {
	names := []string{"张三", "沈七", "李四", "欧阳八", "阿依", "王五", "增九", "曾八", "孙六", "Tom"}
	slices.SortFunc(names, func(a, b string) int { return bytes.Compare(Key(a), Key(b)) })
	want := []string{"Tom", "阿依", "李四", "欧阳八", "沈七", "孙六", "王五", "曾八", "增九", "张三"}
	if !slices.Equal(names, want) {
		t.Errorf("%v", names)
	}
}

// GB 2312 has its first 3,755 characters in the order of their readings: the
// collation agrees but for characters of several readings.
func TestReadingsOfCommonCharacters(t *testing.T) {
	starts := []struct {
		code   int
		letter byte
	}{
		{0xB0A1, 'a'}, {0xB0C5, 'b'}, {0xB2C1, 'c'}, {0xB4EE, 'd'}, {0xB6EA, 'e'}, {0xB7A2, 'f'}, {0xB8C1, 'g'}, {0xB9FE, 'h'},
		{0xBBF7, 'j'}, {0xBFA6, 'k'}, {0xC0AC, 'l'}, {0xC2E8, 'm'}, {0xC4C3, 'n'}, {0xC5B6, 'o'}, {0xC5BE, 'p'}, {0xC6DA, 'q'},
		{0xC8BB, 'r'}, {0xC8F6, 's'}, {0xCBFA, 't'}, {0xCDDA, 'w'}, {0xCEF4, 'x'}, {0xD1B9, 'y'}, {0xD4D1, 'z'},
	}
	gbk := simplifiedchinese.GBK.NewDecoder()
	o, all, other := chinese(), 0, []string{}
	for code := 0xB0A1; code <= 0xD7F9; code++ {
		if code&0xFF < 0xA1 || code&0xFF > 0xFE {
			continue
		}
		s, err := gbk.String(string([]byte{byte(code >> 8), byte(code)}))
		if err != nil {
			t.Fatal(err)
		}
		want := byte(0)
		for _, st := range starts {
			if code >= st.code {
				want = st.letter
			}
		}
		all++
		if got := o.initial([]rune(s)[0]); got != want {
			other = append(other, s+string(got))
		}
	}
	if all != 3755 || len(other) > 27 {
		t.Errorf("%d of %d are read otherwise: %v", len(other), all, other)
	}
	t.Log(len(other), other)
}
