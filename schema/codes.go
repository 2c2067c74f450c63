package schema

import "shangu/schema/text"

// Sex of a person, GB/T 2261.1.
const (
	SexUnknown = 0
	SexMale    = 1
	SexFemale  = 2
	SexUnsaid  = 9
)

// Sexes is GB/T 2261.1.
var Sexes = &CodeList{
	name: text.Label{ZH: "性别", EN: "sex"}, source: "GB/T 2261.1—2003", closed: true,
	codes: []Code{
		{SexUnknown, "unknown", text.Label{ZH: "未知的性别", EN: "unknown"}, []string{"未知"}},
		{SexMale, "male", text.Label{ZH: "男", EN: "male"}, []string{"男性", "M"}},
		{SexFemale, "female", text.Label{ZH: "女", EN: "female"}, []string{"女性", "F"}},
		{SexUnsaid, "unsaid", text.Label{ZH: "未说明的性别", EN: "not stated"}, []string{"未说明"}},
	},
}

// SheetStates are the states of an attendance sheet.
var SheetStates = &CodeList{
	name: text.Label{ZH: "点名情况", EN: "state of the roll"}, source: "shangu",
	codes: []Code{
		{SheetTaken, "taken", text.Label{ZH: "已点名", EN: "taken"}, nil},
		{SheetNoSchool, "no-school", text.Label{ZH: "当日不上课", EN: "no school"}, nil},
	},
}

// Directions of a visit.
const (
	VisitOut = 1 // the helper came to the helped school
	VisitIn  = 2 // the helped school went to the helper
)

// VisitDirections says who went to whom.
var VisitDirections = &CodeList{
	name: text.Label{ZH: "方向", EN: "direction"}, source: "区帮扶工作方案",
	codes: []Code{
		{VisitOut, "out", text.Label{ZH: "城→乡", EN: "town to country"}, []string{"城到乡", "城-乡", "城->乡", "下乡"}},
		{VisitIn, "in", text.Label{ZH: "乡→城", EN: "country to town"}, []string{"乡到城", "乡-城", "乡->城", "进城"}},
	},
}

// UsualDirection is who goes to whom on a kind of visit where nobody says: helpers
// come to the school that they help; those who learn by shadowing go to the helper.
func UsualDirection(kind int64) int64 {
	if kind == VisitShadow {
		return VisitIn
	}
	return VisitOut
}

// Kinds of a visit.
const (
	VisitLesson     = 1
	VisitObserve    = 2
	VisitResearch   = 3
	VisitTheme      = 4
	VisitManage     = 5
	VisitShadow     = 6
	VisitSync       = 7
	VisitExchange   = 8
	VisitSupplies   = 9
	VisitResident   = 10
	VisitInspection = 11
	VisitOfficial   = 12
	VisitCare       = 13
)

// VisitKinds says what a helper-school visit was for.
var VisitKinds = &CodeList{
	name: text.Label{ZH: "活动类型", EN: "kind of visit"}, source: "区帮扶工作方案",
	codes: []Code{
		{VisitLesson, "lesson", text.Label{ZH: "送教下乡", EN: "lessons brought to the school"}, []string{"示范课", "示范课/送教下乡", "送教"}},
		{VisitObserve, "observe", text.Label{ZH: "听评课", EN: "lesson observation"}, []string{"听课评课", "听课"}},
		{VisitResearch, "research", text.Label{ZH: "联合教研", EN: "joint teaching research"}, nil},
		{VisitTheme, "theme", text.Label{ZH: "主题教研", EN: "themed teaching research"}, nil},
		{VisitManage, "manage", text.Label{ZH: "管理帮扶", EN: "help with management"}, nil},
		{VisitShadow, "shadow", text.Label{ZH: "跟岗学习", EN: "job shadowing"}, []string{"跟岗"}},
		{VisitSync, "sync", text.Label{ZH: "同步课堂", EN: "shared online lesson"}, []string{"同步课堂(双师)", "双师课堂", "双师", "专递课堂"}},
		{VisitExchange, "exchange", text.Label{ZH: "学生互访", EN: "pupil exchange"}, nil},
		{VisitSupplies, "supplies", text.Label{ZH: "物资支持", EN: "supplies"}, []string{"物资帮扶", "捐赠"}},
		{VisitResident, "resident", text.Label{ZH: "教研员驻点", EN: "researcher in residence"}, []string{"驻点", "蹲点"}},
		{VisitInspection, "inspection", text.Label{ZH: "督导", EN: "inspection"}, nil},
		{VisitOfficial, "official", text.Label{ZH: "包联走访", EN: "linked official's visit"}, []string{"包联"}},
		{VisitCare, "care", text.Label{ZH: "困境学生关爱", EN: "care for pupils in need"}, nil},
	},
}

// VisitModes says how a visit was held.
var VisitModes = &CodeList{
	name: text.Label{ZH: "方式", EN: "mode"}, source: "区帮扶工作方案",
	codes: []Code{
		{1, "onsite", text.Label{ZH: "现场", EN: "on site"}, []string{"线下"}},
		{2, "online", text.Label{ZH: "线上", EN: "online"}, []string{"远程"}},
		{3, "mixed", text.Label{ZH: "混合", EN: "mixed"}, []string{"线上线下混合", "线上线下"}},
	},
}

// TrainingLevels says who organised a training.
var TrainingLevels = &CodeList{
	name: text.Label{ZH: "级别", EN: "level"}, source: "教师培训学分管理",
	codes: []Code{
		{1, "school", text.Label{ZH: "校级", EN: "school"}, []string{"校"}},
		{2, "district", text.Label{ZH: "区级", EN: "district"}, []string{"区", "县级", "县", "区县级"}},
		{3, "city", text.Label{ZH: "市级", EN: "city"}, []string{"市"}},
		{4, "province", text.Label{ZH: "省级", EN: "province"}, []string{"省", "省市级"}},
		{5, "nation", text.Label{ZH: "国家级", EN: "national"}, []string{"国", "国培", "国家"}},
	},
}

// TrainingModes says how a training was held.
var TrainingModes = &CodeList{
	name: text.Label{ZH: "培训方式", EN: "mode"}, source: "教师培训学分管理",
	codes: []Code{
		{1, "onsite", text.Label{ZH: "线下", EN: "on site"}, []string{"面授", "现场"}},
		{2, "online", text.Label{ZH: "线上", EN: "online"}, []string{"网络", "远程"}},
		{3, "mixed", text.Label{ZH: "混合", EN: "mixed"}, []string{"混合式"}},
		{4, "school", text.Label{ZH: "校本", EN: "in school"}, []string{"校本研修"}},
		{5, "abroad", text.Label{ZH: "境外", EN: "abroad"}, nil},
	},
}

// Results of a training.
const (
	TrainingPassed     = 1
	TrainingExcellent  = 2
	TrainingFailed     = 3
	TrainingUnfinished = 4
)

// TrainingResults says how a training ended for the teacher.
var TrainingResults = &CodeList{
	name: text.Label{ZH: "考核结果", EN: "result"}, source: "教师培训学分管理",
	codes: []Code{
		{TrainingPassed, "passed", text.Label{ZH: "合格", EN: "passed"}, nil},
		{TrainingExcellent, "excellent", text.Label{ZH: "优秀", EN: "excellent"}, nil},
		{TrainingFailed, "failed", text.Label{ZH: "不合格", EN: "failed"}, nil},
		{TrainingUnfinished, "unfinished", text.Label{ZH: "未完成", EN: "not finished"}, nil},
	},
}

// AgreementForms are the forms in which schools are tied together.
var AgreementForms = &CodeList{
	name: text.Label{ZH: "帮扶形式", EN: "form"}, source: "区结对帮扶协议",
	codes: []Code{
		{1, "pair", text.Label{ZH: "城乡结对", EN: "town-country pair"}, []string{"结对", "结对帮扶"}},
		{2, "group", text.Label{ZH: "集团化办学", EN: "school group"}, []string{"教育集团", "集团"}},
		{3, "zone", text.Label{ZH: "学区制", EN: "school zone"}, []string{"学区"}},
		{4, "league", text.Label{ZH: "学校联盟", EN: "league of schools"}, []string{"联盟"}},
		{5, "commission", text.Label{ZH: "委托管理", EN: "commissioned management"}, nil},
		{6, "trust", text.Label{ZH: "托管", EN: "trusteeship"}, nil},
		{7, "joint", text.Label{ZH: "合办", EN: "joint school"}, []string{"合作办学"}},
	},
}

// States of an agreement, in the order in which it may decline.
const (
	AgreementSound   = 1
	AgreementWarned  = 2
	AgreementPlanned = 3
	AgreementEnded   = 4
)

// AgreementStates are the states of an agreement: 预警与退出.
var AgreementStates = &CodeList{
	name: text.Label{ZH: "协议状态", EN: "state"}, source: "区帮扶预警与退出办法",
	codes: []Code{
		{AgreementSound, "sound", text.Label{ZH: "正常", EN: "sound"}, nil},
		{AgreementWarned, "warned", text.Label{ZH: "预警", EN: "warned"}, nil},
		{AgreementPlanned, "plan", text.Label{ZH: "整改", EN: "plan asked for"}, nil},
		{AgreementEnded, "ended", text.Label{ZH: "撤销", EN: "ended"}, []string{"退出"}},
	},
}

// Reasons for which an enrolment began or ended.
const (
	EnrolNew        = 1
	EnrolPromoted   = 2
	EnrolMoved      = 3
	EnrolTransferIn = 4
	EnrolResumed    = 5
	EnrolRepeated   = 6
	EnrolSkipped    = 7
	EnrolReturned   = 8

	EnrolGraduated   = 21
	EnrolCompleted   = 22
	EnrolTransferOut = 23
	EnrolSuspended   = 24
	EnrolLeft        = 25
	EnrolAbroad      = 26
	EnrolDied        = 27
	EnrolMissing     = 28
	EnrolMistaken    = 29
)

// EnrolmentReasons are the changes of a pupil's standing (学籍异动). Numbers up
// to 20 begin an enrolment, those above end it; 升级, 调班, 留级 and 跳级 do both.
var EnrolmentReasons = &CodeList{
	name: text.Label{ZH: "学籍异动", EN: "change of enrolment"}, source: "中小学生学籍管理办法",
	codes: []Code{
		{EnrolNew, "new", text.Label{ZH: "新生入学", EN: "new pupil"}, []string{"入学", "招生"}},
		{EnrolPromoted, "promoted", text.Label{ZH: "升级", EN: "moved up"}, []string{"升学"}},
		{EnrolMoved, "moved", text.Label{ZH: "调班", EN: "changed class"}, []string{"转班"}},
		{EnrolTransferIn, "transfer-in", text.Label{ZH: "转入", EN: "transferred in"}, nil},
		{EnrolResumed, "resumed", text.Label{ZH: "复学", EN: "resumed"}, nil},
		{EnrolRepeated, "repeated", text.Label{ZH: "留级", EN: "repeats the year"}, nil},
		{EnrolSkipped, "skipped", text.Label{ZH: "跳级", EN: "skipped a year"}, nil},
		{EnrolReturned, "returned", text.Label{ZH: "劝返复学", EN: "brought back to school"}, []string{"劝返"}},
		{EnrolGraduated, "graduated", text.Label{ZH: "毕业", EN: "graduated"}, nil},
		{EnrolCompleted, "completed", text.Label{ZH: "结业", EN: "completed without graduating"}, []string{"肄业"}},
		{EnrolTransferOut, "transfer-out", text.Label{ZH: "转出", EN: "transferred out"}, nil},
		{EnrolSuspended, "suspended", text.Label{ZH: "休学", EN: "suspended"}, nil},
		{EnrolLeft, "left", text.Label{ZH: "退学", EN: "left school"}, []string{"辍学"}},
		{EnrolAbroad, "abroad", text.Label{ZH: "出国（境）", EN: "went abroad"}, []string{"出国"}},
		{EnrolDied, "died", text.Label{ZH: "死亡", EN: "died"}, nil},
		{EnrolMissing, "missing", text.Label{ZH: "失踪", EN: "missing"}, nil},
		{EnrolMistaken, "mistaken", text.Label{ZH: "误录", EN: "entered by mistake"}, nil},
	},
}

// Kinds of a day.
const (
	DaySchool  = 1
	DayHoliday = 2
	DayMakeUp  = 3
	DaySnow    = 4
	DayRoad    = 5
	DayClosed  = 6
)

// DayKinds says what a day of the calendar is.
var DayKinds = &CodeList{
	name: text.Label{ZH: "日期类型", EN: "kind of day"}, source: "区校历",
	codes: []Code{
		{DaySchool, "school", text.Label{ZH: "上课日", EN: "school day"}, []string{"上课"}},
		{DayHoliday, "holiday", text.Label{ZH: "节假日", EN: "holiday"}, []string{"放假", "休息日"}},
		{DayMakeUp, "make-up", text.Label{ZH: "调休上课", EN: "make-up day"}, []string{"调休", "补课"}},
		{DaySnow, "snow", text.Label{ZH: "雪天停课", EN: "closed for snow"}, []string{"雪停"}},
		{DayRoad, "road", text.Label{ZH: "道路中断停课", EN: "road closed"}, []string{"道路中断"}},
		{DayClosed, "closed", text.Label{ZH: "其他停课", EN: "closed for another reason"}, []string{"停课"}},
	},
}

// Why an absence case was opened.
const (
	CaseRun     = 1
	CaseCount   = 2
	CaseWatched = 3
	CaseUnknown = 4
	CaseGone    = 5
	CaseByHand  = 6
)

// CaseRules say why an absence case was opened.
var CaseRules = &CodeList{
	name: text.Label{ZH: "立案依据", EN: "reason for a case"}, source: "控辍保学工作方案",
	codes: []Code{
		{CaseRun, "run", text.Label{ZH: "连续旷课", EN: "absent days in a row"}, nil},
		{CaseCount, "count", text.Label{ZH: "累计旷课", EN: "absent days within a period"}, nil},
		{CaseWatched, "watched", text.Label{ZH: "重点关注学生旷课", EN: "absence of a watched pupil"}, nil},
		{CaseUnknown, "unknown", text.Label{ZH: "去向待查", EN: "whereabouts unknown"}, nil},
		{CaseGone, "gone", text.Label{ZH: "名在人不在", EN: "on the roster, never seen"}, nil},
		{CaseByHand, "hand", text.Label{ZH: "人工立案", EN: "opened by hand"}, nil},
	},
}

// CaseEnds are the reasons for which an absence case may be closed (动态销号).
var CaseEnds = &CodeList{
	name: text.Label{ZH: "销号原因", EN: "reason for closing"}, source: "控辍保学工作方案",
	codes: []Code{
		{1, "returned", text.Label{ZH: "已返校", EN: "back at school"}, []string{"劝返复学"}},
		{2, "transferred", text.Label{ZH: "已转学", EN: "transferred to another school"}, nil},
		{3, "suspended", text.Label{ZH: "已办休学", EN: "suspended, with papers"}, nil},
		{4, "home", text.Label{ZH: "送教上门", EN: "taught at home"}, nil},
		{5, "graduated", text.Label{ZH: "已毕业", EN: "graduated"}, nil},
		{6, "mistaken", text.Label{ZH: "误报", EN: "reported by mistake"}, nil},
		{7, "died", text.Label{ZH: "死亡", EN: "died"}, nil},
		{8, "abroad", text.Label{ZH: "出国（境）", EN: "went abroad"}, nil},
		{9, "other", text.Label{ZH: "其他（须说明）", EN: "another reason (to be noted)"}, nil},
	},
}

// StepKinds are the steps of an absence case.
var StepKinds = &CodeList{
	name: text.Label{ZH: "劝返方式", EN: "kind of step"}, source: "控辍保学工作方案",
	codes: []Code{
		{1, "call", text.Label{ZH: "电话联系", EN: "call"}, []string{"电话"}},
		{2, "visit", text.Label{ZH: "家访", EN: "home visit"}, nil},
		{3, "persuade", text.Label{ZH: "劝返", EN: "persuaded to return"}, nil},
		{4, "letter", text.Label{ZH: "书面通知", EN: "letter"}, nil},
		{5, "report", text.Label{ZH: "报告乡镇或教委", EN: "reported to township or district"}, nil},
		{6, "other", text.Label{ZH: "其他", EN: "another step"}, nil},
	},
}

// PostingKinds are the ways in which a person is lent to another school.
var PostingKinds = &CodeList{
	name: text.Label{ZH: "派出类型", EN: "kind of posting"}, source: "教师交流轮岗办法",
	codes: []Code{
		{1, "rotation", text.Label{ZH: "交流轮岗", EN: "rotation"}, []string{"轮岗", "交流"}},
		{2, "teaching", text.Label{ZH: "支教", EN: "volunteer teaching"}, nil},
		{3, "aid", text.Label{ZH: "援派", EN: "sent in aid"}, nil},
		{4, "secondment", text.Label{ZH: "挂职", EN: "secondment"}, nil},
	},
}

// ConsentStates say what a guardian agreed to.
var ConsentStates = &CodeList{
	name: text.Label{ZH: "监护人同意", EN: "guardian's consent"}, source: "儿童个人信息网络保护规定",
	codes: []Code{
		{1, "asked", text.Label{ZH: "已告知", EN: "asked"}, nil},
		{2, "given", text.Label{ZH: "同意", EN: "given"}, nil},
		{3, "refused", text.Label{ZH: "不同意", EN: "refused"}, nil},
		{4, "withdrawn", text.Label{ZH: "已撤回", EN: "withdrawn"}, nil},
	},
}

// QuarantineStates are the states of a quarantined entry.
var QuarantineStates = &CodeList{
	name: text.Label{ZH: "处理情况", EN: "state"}, source: "shangu",
	codes: []Code{
		{QuarantineWaiting, "waiting", text.Label{ZH: "待处理", EN: "waiting"}, nil},
		{QuarantineFixed, "fixed", text.Label{ZH: "已修正", EN: "fixed"}, nil},
		{QuarantineDropped, "dropped", text.Label{ZH: "已放弃", EN: "dropped"}, nil},
	},
}

// Ways in which a conflict card was settled.
const (
	CardKeep = 1
	CardTake = 2
)

// CardSettlements are the ways in which a conflict card was settled.
var CardSettlements = &CodeList{
	name: text.Label{ZH: "处理结果", EN: "outcome"}, source: "shangu",
	codes: []Code{
		{CardKeep, "keep", text.Label{ZH: "保留现值", EN: "kept as it is"}, nil},
		{CardTake, "take", text.Label{ZH: "改用另一值", EN: "took the other"}, nil},
	},
}
