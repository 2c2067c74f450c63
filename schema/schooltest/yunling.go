package schooltest

import (
	"fmt"
	"math/rand/v2"

	"shangu/schema"
)

// District is a district with its schools and what they record.
type District struct {
	Schools    []*School
	Agreements []Agreement
	Days       []schema.Date
	Plans      []Plan // by school
	Terms      [][]Day
}

// yunling has the shape and counts of data/yunling, school by school.
var yunling = []struct {
	Shape
	Plan
	lead string // code of its helper school
	form string
}{
	{Shape{Code: "2199109001", Name: "云岭区第一小学", Category: "小学", Region: "990109001", Township: "云岭街道", Classes: 24, Pupils: 911}, Plan{4453, 0, 30, false}, "", ""},
	{Shape{Code: "2199109002", Name: "云岭区实验小学", Category: "小学", Region: "990109001", Township: "云岭街道", Classes: 24, Pupils: 915}, Plan{4533, 0, 30, false}, "", ""},
	{Shape{Code: "2199109003", Name: "云岭区河滩小学", Category: "小学", Region: "990109002", Township: "河滩街道", Classes: 18, Pupils: 640}, Plan{3293, 0, 30, false}, "", ""},
	{Shape{Code: "3199109004", Name: "云岭中学", Category: "初级中学", Region: "990109001", Township: "云岭街道", Classes: 18, Pupils: 720, First: 7, Grades: 3}, Plan{4027, 0, 30, false}, "", ""},
	{Shape{Code: "3199109005", Name: "云岭区河滩中学", Category: "初级中学", Region: "990109002", Township: "河滩街道", Classes: 12, Pupils: 455, First: 7, Grades: 3}, Plan{2136, 0, 30, false}, "", ""},
	{Shape{Code: "3199109006", Name: "云岭区育才学校", Category: "九年一贯制学校", Region: "990109002", Township: "河滩街道", Classes: 18, Pupils: 653, Grades: 9}, Plan{3166, 0, 30, false}, "", ""},
	{Shape{Code: "2199109011", Name: "清溪镇中心小学", Category: "小学", Region: "990109101", Township: "清溪镇", Mountain: true, Classes: 12, Pupils: 313}, Plan{1499, 4, 30, false}, "3199109006", "城乡结对"},
	{Shape{Code: "3199109012", Name: "清溪中学", Category: "初级中学", Region: "990109101", Township: "清溪镇", Mountain: true, Classes: 6, Pupils: 180, First: 7, Grades: 3}, Plan{1084, 14, 30, false}, "3199109004", "集团化办学"},
	{Shape{Code: "3199109013", Name: "斋岭九年一贯制学校", Category: "九年一贯制学校", Region: "990109102", Township: "斋岭镇", Mountain: true, Classes: 9, Pupils: 208, Grades: 9}, Plan{1298, 9, 30, false}, "2199109003", "城乡结对"},
	{Shape{Code: "2199109014", Name: "斋岭镇上岭小学", Category: "小学", Region: "990109102", Township: "斋岭镇", Mountain: true, Classes: 6, Pupils: 97}, Plan{485, 6, 30, false}, "2199109002", "集团化办学"},
	{Shape{Code: "2199109015", Name: "斋岭镇石门沟教学点", Category: "小学教学点", Region: "990109102", Township: "斋岭镇", Mountain: true, Classes: 3, Pupils: 11, Grades: 3}, Plan{90, 7, 30, false}, "3199109006", "集团化办学"},
	{Shape{Code: "2199109016", Name: "雁回镇民族小学", Category: "小学", Region: "990109103", Township: "雁回镇", Mountain: true, Classes: 6, Pupils: 120}, Plan{673, 8, 30, false}, "3199109006", "委托管理"},
	{Shape{Code: "3199109017", Name: "雁回中学", Category: "初级中学", Region: "990109103", Township: "雁回镇", Mountain: true, Classes: 3, Pupils: 81, First: 7, Grades: 3}, Plan{424, 4, 30, false}, "3199109006", "城乡结对"},
	{Shape{Code: "2199109018", Name: "雁回镇松林教学点", Category: "小学教学点", Region: "990109103", Township: "雁回镇", Mountain: true, Classes: 4, Pupils: 15, Grades: 4}, Plan{90, 5, 30, false}, "2199109002", "学校联盟"},
	{Shape{Code: "2199109019", Name: "妙泉镇中心小学", Category: "小学", Region: "990109104", Township: "妙泉镇", Mountain: true, Classes: 6, Pupils: 170}, Plan{906, 4, 30, false}, "2199109002", "委托管理"},
	{Shape{Code: "2199109020", Name: "妙泉镇涧沟小学", Category: "小学", Region: "990109104", Township: "妙泉镇", Mountain: true, Classes: 6, Pupils: 76}, Plan{450, 11, 30, false}, "2199109002", "集团化办学"},
	{Shape{Code: "2199109021", Name: "潭柏镇中心小学", Category: "小学", Region: "990109105", Township: "潭柏镇", Mountain: true, Classes: 12, Pupils: 327}, Plan{1533, 7, 30, false}, "2199109003", "学区制"},
	{Shape{Code: "3199109022", Name: "潭柏中学", Category: "初级中学", Region: "990109105", Township: "潭柏镇", Mountain: true, Classes: 6, Pupils: 175, First: 7, Grades: 3}, Plan{919, 7, 30, false}, "3199109004", "学校联盟"},
	{Shape{Code: "3199109023", Name: "王家坪学校", Category: "九年一贯制学校", Region: "990109106", Township: "王家坪镇", Mountain: true, Classes: 9, Pupils: 195, Grades: 9}, Plan{1030, 5, 30, false}, "3199109006", "集团化办学"},
	{Shape{Code: "2199109024", Name: "王家坪镇白虎头教学点", Category: "小学教学点", Region: "990109106", Township: "王家坪镇", Mountain: true, Classes: 2, Pupils: 13, Grades: 2}, Plan{87, 4, 30, false}, "2199109003", "学区制"},
}

// yunlingDays has 54 school days, as data/yunling has: 25 September is off,
// 10 October is a make-up Saturday.
func yunlingDays() (days []schema.Date) {
	off, extra := schema.DateOf(Year, 9, 25), schema.DateOf(Year, 10, 10)
	for _, d := range SchoolDays(60) {
		if d > extra && (len(days) == 0 || days[len(days)-1] < extra) {
			days = append(days, extra)
		}
		if d != off {
			days = append(days, d)
		}
	}
	return days[:54]
}

// Yunling makes a district with the twenty schools of data/yunling and the same
// counts of pupils, classes, days, sheets, marks, visits and training records.
// Who is who and who was away differs with the seed.
func Yunling(seed uint64) *District {
	r := rand.New(rand.NewPCG(seed, 0x9109))
	d := &District{Days: yunlingDays()}
	serial := 1
	names, used := map[string]string{}, map[string]bool{}
	for _, y := range yunling {
		names[y.Code] = y.Name
	}
	for _, y := range yunling {
		s := newSchool(r, y.Shape, serial, used)
		serial += y.Shape.Pupils
		if y.lead != "" {
			d.Agreements = append(d.Agreements, Agreement{
				Number: fmt.Sprintf("P%03d", len(d.Agreements)+1), Lead: y.lead, LeadName: names[y.lead], Member: y.Code, MemberName: y.Name,
				Form: y.form, Official: name(r), From: schema.DateOf(Year, 9, 1), To: schema.DateOf(Year+3, 8, 31),
			})
			a := d.Agreements[len(d.Agreements)-1]
			s.Agreement = &a
		}
		d.Schools = append(d.Schools, s)
		d.Plans = append(d.Plans, y.Plan)
		d.Terms = append(d.Terms, s.Term(r.Uint64(), d.Days, y.Plan))
	}
	return d
}
