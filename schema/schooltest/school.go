package schooltest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"shangu/schema"
)

// Shape is the size of a school.
type Shape struct {
	Code     string // 学校标识码; "" takes that of a school that is not in Yunling
	Name     string
	Category string // 办学类型
	Region   string // GB/T 2260 code
	Township string
	Mountain bool
	Classes  int
	Pupils   int
	Teachers int // 0: 30 for a small school, more for a large one
	First    int // first grade: 1, or 7 for a 初级中学; 0 is 1
	Grades   int // number of grades; 0 is 6
}

// School is one school with its roster.
type School struct {
	Shape
	Classes   []Class
	Pupils    []Pupil // by class, then row
	Teachers  []Teacher
	Agreement *Agreement // in which it is helped; nil for most town schools
}

// Class is one class of the school year.
type Class struct {
	Name  string // 一年级（1）班
	Grade string // 一年级
	Head  string // teacher number
	From  int    // Pupils[From:To] are in it
	To    int
}

// Pupil is one pupil, enrolled on 1 September of the school year.
type Pupil struct {
	ID         string // 全国学籍号
	Name       string
	Sex        int // GB/T 2261.1
	Birth      schema.Date
	Ethnic     int // GB/T 3304
	Class      int // index into School.Classes
	Row        int // place in the class list, from 1
	Boarder    bool
	LeftBehind bool
	Admitted   int // year*100+month
}

// Teacher is one teacher.
type Teacher struct {
	ID      string
	Name    string
	Sex     int
	Birth   int // year
	Subject string
	Title   string // 职称
	Post    string // 编制
}

// Agreement is a 结对协议 between a helper school and a helped one.
type Agreement struct {
	Number     string
	Lead       string // school code of the helper
	LeadName   string
	Member     string // school code of the helped
	MemberName string
	Form       string
	Official   string // 包联领导
	From, To   schema.Date
}

// Year is the school year in which all schools of this package live.
const Year = 2026

// Admission is how all pupils came into school.
const Admission = "就近入学"

var (
	gradeNames = []string{"一年级", "二年级", "三年级", "四年级", "五年级", "六年级", "七年级", "八年级", "九年级"}
	surnames   = []rune("姚姜汪高顾范付龙段程丁沈余郭肖任马崔彭毛卢龚赵王徐严邓雷张邵白黄尹吴方朱许石侯刘韩邱周曹杨唐曾廖孔韦万董袁贾江闫陶覃罗蔡胡吕梁郑何陈贺杜武金田薛夏史黎林孙宋易冯蒋文戴钱常乔苏谢汤安潘康谭陆孟李郝秦熊莫邹钟于叶魏向")
	givens     = []rune("志国明瑶琪婷轩馨文静杰东雪永紫彤军辰琳立娟秀博家溪珺梅宇书皓扬悦钰煜铭一海怡嘉阳红强栋晨萱子思炜可承春涵兰哲松睿梓雅曦英心沐诺艺安若建斌桂晔语伟清燕俊玉佳雨芳欣豪泽德佑美浩晓丽雯诗天梦奕")
	ethnics    = []int{1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 11} // 汉 蒙古 回 满
	subjects   = []string{"语文", "数学", "英语", "道德与法治", "科学", "物理", "历史", "地理", "信息科技", "音乐", "美术", "体育与健康"}
	titles     = []string{"一级教师", "一级教师", "高级教师", "二级教师", "正高级教师"}
	posts      = []string{"在编", "在编", "在编", "聘任"}
)

// New makes the school of a shape.
func New(seed uint64, shape Shape) *School {
	return newSchool(rand.New(rand.NewPCG(seed, 0x5c4001)), shape, 1, map[string]bool{})
}

// newSchool numbers its pupils from serial on and takes no number that is used.
func newSchool(r *rand.Rand, shape Shape, serial int, used map[string]bool) *School {
	if shape.Code == "" {
		shape.Code, shape.Name, shape.Category = "2199109099", "双溪镇中心小学", "小学"
	}
	if shape.Region == "" {
		shape.Region = "990109105"
	}
	if shape.First == 0 {
		shape.First = 1
	}
	if shape.Grades == 0 {
		shape.Grades = 6
	}
	if shape.Teachers == 0 {
		shape.Teachers = max(6, 2*shape.Classes+5)
	}
	s := &School{Shape: shape}
	for i := range shape.Teachers {
		s.Teachers = append(s.Teachers, Teacher{
			ID: fmt.Sprintf("T%s%03d", shape.Code, i+1), Name: name(r), Sex: 1 + r.IntN(2), Birth: 1967 + r.IntN(36),
			Subject: pick(r, subjects), Title: pick(r, titles), Post: pick(r, posts),
		})
	}
	for c := range shape.Classes {
		grade, number := place(shape, c)
		from, to := shape.Pupils*c/shape.Classes, shape.Pupils*(c+1)/shape.Classes
		s.Classes = append(s.Classes, Class{
			Name: fmt.Sprintf("%s（%d）班", gradeNames[grade-1], number), Grade: gradeNames[grade-1],
			Head: s.Teachers[c%len(s.Teachers)].ID, From: from, To: to,
		})
		for row := range to - from {
			birth := schema.DateOf(Year-6-grade, 1, 1) + schema.Date(r.IntN(365))
			id := PupilNumber(shape.Region[:6], birth, serial%1000)
			for used[id] {
				birth++
				id = PupilNumber(shape.Region[:6], birth, serial%1000)
			}
			used[id] = true
			s.Pupils = append(s.Pupils, Pupil{
				ID: id, Name: name(r), Sex: 1 + r.IntN(2), Birth: birth,
				Ethnic: ethnics[r.IntN(len(ethnics))], Class: c, Row: row + 1, Boarder: r.IntN(100) < 8, LeftBehind: r.IntN(100) < 10,
				Admitted: (Year+1-grade+(shape.First-1))*100 + 9,
			})
			serial++
		}
	}
	return s
}

// place returns the grade of a school's c-th class and its number in the grade.
func place(shape Shape, c int) (grade, number int) {
	for g := range shape.Grades {
		from, to := shape.Classes*g/shape.Grades, shape.Classes*(g+1)/shape.Grades
		if c >= from && c < to {
			return min(shape.First+g, len(gradeNames)), c - from + 1
		}
	}
	return shape.First, c + 1
}

// PupilNumber makes a G 全国学籍号: area (6 digits), birth, serial (0 to 999) and
// the MOD 11-2 check character.
func PupilNumber(area string, birth schema.Date, serial int) string {
	digits := area + strings.ReplaceAll(birth.String(), "-", "") + fmt.Sprintf("%03d", serial)
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(digits[i]-'0')
	}
	return "G" + digits + "10X98765432"[sum%11:sum%11+1]
}

func name(r *rand.Rand) string {
	n := string(surnames[r.IntN(len(surnames))]) + string(givens[r.IntN(len(givens))])
	if r.IntN(4) > 0 {
		n += string(givens[r.IntN(len(givens))])
	}
	return n
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }
