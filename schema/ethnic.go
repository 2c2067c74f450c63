package schema

import (
	"strings"

	"shangu/schema/text"
)

// EthnicGroups is GB/T 3304: the 56 groups and the two codes for other people.
// A name is found with and without its last character 族.
var EthnicGroups = ethnicGroups(
	"汉 Han", "蒙古 Mongol", "回 Hui", "藏 Zang", "维吾尔 Uygur", "苗 Miao", "彝 Yi", "壮 Zhuang",
	"布依 Buyei", "朝鲜 Chosen", "满 Man", "侗 Dong", "瑶 Yao", "白 Bai", "土家 Tujia", "哈尼 Hani",
	"哈萨克 Kazak", "傣 Dai", "黎 Li", "傈僳 Lisu", "佤 Va", "畲 She", "高山 Gaoshan", "拉祜 Lahu",
	"水 Sui", "东乡 Dongxiang", "纳西 Naxi", "景颇 Jingpo", "柯尔克孜 Kirgiz", "土 Tu", "达斡尔 Daur",
	"仫佬 Mulao", "羌 Qiang", "布朗 Blang", "撒拉 Salar", "毛南 Maonan", "仡佬 Gelao", "锡伯 Xibe",
	"阿昌 Achang", "普米 Pumi", "塔吉克 Tajik", "怒 Nu", "乌孜别克 Uzbek", "俄罗斯 Russ", "鄂温克 Ewenki",
	"德昂 Deang", "保安 Bonan", "裕固 Yugur", "京 Gin", "塔塔尔 Tatar", "独龙 Derung", "鄂伦春 Oroqen",
	"赫哲 Hezhen", "门巴 Monba", "珞巴 Lhoba", "基诺 Jino",
)

func ethnicGroups(names ...string) *CodeList {
	l := &CodeList{name: text.Label{ZH: "民族", EN: "ethnic group"}, source: "GB/T 3304—1991", closed: true}
	for i, n := range names {
		zh, en, _ := strings.Cut(n, " ")
		l.codes = append(l.codes, Code{int64(i + 1), strings.ToLower(en), text.Label{ZH: zh + "族", EN: en}, []string{zh}})
	}
	l.codes = append(l.codes,
		Code{97, "other", text.Label{ZH: "其他", EN: "other"}, nil},
		Code{98, "naturalised", text.Label{ZH: "外国血统中国籍人士", EN: "Chinese citizen of foreign descent"}, []string{"外国血统"}})
	return l
}
