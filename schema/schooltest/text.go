package schooltest

import (
	"fmt"
	"math/rand/v2"

	"shangu/schema"
)

// The words that files use, in the order of their codes.
var (
	VisitKinds = []string{"送教下乡", "听评课", "联合教研", "主题教研", "管理帮扶", "跟岗学习", "同步课堂",
		"学生互访", "物资支持", "教研员驻点", "督导", "包联走访", "困境学生关爱"}
	VisitModes      = []string{"现场", "线上", "混合"}
	TrainingLevels  = []string{"校级", "区级", "市级", "省级", "国家级"}
	TrainingModes   = []string{"线下", "线上", "混合", "校本", "境外"}
	TrainingResults = []string{"合格", "优秀", "未完成"}
	Programmes      = []string{"启航", "续航", "护航", "助航", "领航"}
	Titles          = []string{"乡村教师支持计划培训", "信息素养提升工程2.0", "名优校长培养", "名师工作室活动", "师德师风专题",
		"心理健康教育C证", "新任教师岗前培训", "新课标解读", "研修员专题研修", "脱产轮岗研修", "特教通识", "校本教研", "班主任基本功"}
)

var (
	topics = []string{"乡土课程开发", "低年级拼音教学", "信息科技双师课", "分数的初步认识", "复式班教学", "大单元整体设计",
		"实验教学示范", "心理健康团辅", "班级管理与家校沟通", "阅读课例研讨"}
	topicWhere = []string{"一年级", "二年级", "三年级", "四年级", "五年级", "六年级", "七年级", "八年级", "九年级", "全校"}
	topicWhat  = []string{"《背影》", "《草船借箭》", "《圆的面积》", "《小数乘法》", "《我的家乡》", "整本书阅读", "口语交际", "习作讲评",
		"应用题", "图形与几何", "英语对话", "自然拼读", "合唱", "剪纸", "足球", "植物观察", "电路实验", "民族团结", "家乡地理", "劳动实践", "安全教育"}
	topicHow = []string{"示范课", "同课异构", "说课评课", "集体备课", "教学诊断", "复习课研讨", "作业设计", "分层教学", "观摩交流", "命题研究"}
	notes    = []string{"下次需准备投影", "与镇政府共同走访", "携带教具一套", "留守儿童谈心活动", "雨天山路塌方，改为线上", "家长代表参加", "网络中断十分钟"}
)

func topic(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		return pick(r, topics)
	}
	return pick(r, topicWhere) + pick(r, topicWhat) + pick(r, topicHow)
}

func (s *School) visit(r *rand.Rand, date schema.Date) Visit {
	v := Visit{
		Date: date, Kind: 1 + r.IntN(len(VisitKinds)), Mode: 1, Direction: 1, Topic: topic(r),
		Visitors: 1 + r.IntN(6), Hours: 5 * (1 + r.IntN(12)), Pupils: 1 + r.IntN(60), Teachers: 1 + r.IntN(12),
		Agreement: "P001", Helper: "3199109006",
		At: midnight(date) + int64(16*3600+r.IntN(3600))*1000 + int64(r.IntN(1000)),
	}
	if s.Agreement != nil {
		v.Agreement, v.Helper = s.Agreement.Number, s.Agreement.Lead
	}
	if VisitKinds[v.Kind-1] == "同步课堂" || r.IntN(5) == 0 {
		v.Mode = 2
	}
	if r.IntN(4) == 0 {
		v.Note = pick(r, notes)
	}
	return v
}

func (s *School) training(r *rand.Rand, date schema.Date) Training {
	t := Training{
		Teacher: s.Teachers[r.IntN(len(s.Teachers))].ID, Date: date, End: date, Programme: pick(r, Programmes), Title: pick(r, Titles),
		Level: 1 + r.IntN(len(TrainingLevels)), Mode: 1 + r.IntN(3), Hours: 10 * (1 + r.IntN(32)), Result: 1 + r.IntN(len(TrainingResults)),
		At: midnight(date) + int64(16*3600+r.IntN(3600))*1000 + int64(r.IntN(1000)),
	}
	if r.IntN(5) == 0 {
		t.End += schema.Date(r.IntN(4))
	}
	if r.IntN(7) < 3 {
		t.Certificate = fmt.Sprintf("云教培%d字第%05d号", Year, r.IntN(100000))
	}
	return t
}
