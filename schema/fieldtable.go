package schema

import "shangu/schema/text"

var kindLabels = map[Kind]text.Label{
	KindSheet: {ZH: "考勤表", EN: "attendance sheet"}, KindVisit: {ZH: "帮扶活动", EN: "helper-school visit"},
	KindTraining: {ZH: "培训记录", EN: "training record"}, KindSchool: {ZH: "学校", EN: "school"},
	KindAgreement: {ZH: "结对协议", EN: "agreement"}, KindClass: {ZH: "班级", EN: "class"},
	KindPupil: {ZH: "学生", EN: "pupil"}, KindEnrolment: {ZH: "学籍", EN: "enrolment"},
	KindTeacher: {ZH: "教师", EN: "teacher"}, KindCalendar: {ZH: "校历", EN: "calendar"},
	KindPosting: {ZH: "交流派出", EN: "posting"}, KindStudio: {ZH: "名师工作室", EN: "studio"},
	KindContact: {ZH: "教研员联系点", EN: "researcher's contact point"}, KindInspection: {ZH: "督导", EN: "inspection"},
	KindProgramme: {ZH: "培训项目", EN: "training programme"}, KindSetting: {ZH: "设置", EN: "setting"},
	KindLeave: {ZH: "请假", EN: "planned leave"}, KindCase: {ZH: "控辍个案", EN: "absence case"},
	KindStep: {ZH: "劝返记录", EN: "step of a case"}, KindReport: {ZH: "月报", EN: "monthly report"},
	KindCard: {ZH: "冲突卡", EN: "conflict card"}, KindQuarantine: {ZH: "隔离记录", EN: "quarantined entry"},
}

// Limits that several fields share.
const (
	nameLen  = 60   // runes of a name
	lineLen  = 200  // runes of a line
	noteLen  = 2000 // runes of a note
	headsMax = 100000
	hoursMax = 100000      // tenths: ten thousand hours
	fenMax   = 10000000000 // a hundred million yuan
)

func label(zh, en string) text.Label { return text.Label{ZH: zh, EN: en} }

// fieldTable returns the fields of a kind by ascending number.
func fieldTable(k Kind) []Field {
	switch k {
	case KindSheet:
		return sheetFields
	case KindVisit:
		return visitFields
	case KindTraining:
		return trainingFields
	case KindSchool:
		return schoolFields
	case KindAgreement:
		return agreementFields
	case KindClass:
		return classFields
	case KindPupil:
		return pupilFields
	case KindEnrolment:
		return enrolmentFields
	case KindTeacher:
		return teacherFields
	case KindCalendar:
		return calendarFields
	case KindPosting:
		return postingFields
	case KindStudio:
		return studioFields
	case KindContact:
		return contactFields
	case KindInspection:
		return inspectionFields
	case KindProgramme:
		return programmeFields
	case KindSetting:
		return settingFields
	case KindLeave:
		return leaveFields
	case KindCase:
		return caseFields
	case KindStep:
		return stepFields
	case KindReport:
		return reportFields
	case KindCard:
		return cardFields
	case KindQuarantine:
		return quarantineFields
	}
	return nil
}

var sheetFields = []Field{
	{Num: SheetState, Name: "state", Label: label("点名情况", "state"), Type: TypeCode, List: SheetStates},
	{Num: SheetTaker, Name: "taker", Label: label("点名人", "taken by"), Type: TypeText, Max: nameLen},
	{Num: SheetRoll, Name: "roll", Label: label("应到人数", "pupils on the roster"), Type: TypeInt, Max: 1000},
	{Num: SheetMark, Name: "mark", Label: label("出勤状态", "mark"), Type: TypeMark, Sub: SubPupil, Privacy: Personal},
	{Num: SheetReason, Name: "reason", Label: label("不上课原因", "why there was no school"), Type: TypeText, Max: lineLen},
	{Num: SheetNote, Name: "note", Label: label("备注", "note"), Type: TypeText, Max: noteLen},
	{Num: SheetWhy, Name: "why", Label: label("过后修改的原因", "why it was changed later"), Type: TypeText, Max: lineLen},
}

var visitFields = []Field{
	{Num: VisitDate, Name: "date", Label: label("日期", "date"), Type: TypeDate, Required: true},
	{Num: VisitEnd, Name: "end", Label: label("结束日期", "last day"), Type: TypeDate},
	{Num: VisitAgreement, Name: "agreement", Label: label("协议编号", "agreement"), Type: TypeText, Max: nameLen},
	{Num: VisitHelper, Name: "helper_school", Label: label("帮扶校标识码", "helper school"), Type: TypeText, Max: 10, Required: true},
	{Num: VisitDirection, Name: "direction", Label: label("方向", "direction"), Type: TypeCode, List: VisitDirections},
	{Num: VisitKind, Name: "kind", Label: label("活动类型", "kind"), Type: TypeCode, List: VisitKinds, Required: true},
	{Num: VisitMode, Name: "mode", Label: label("方式", "mode"), Type: TypeCode, List: VisitModes},
	{Num: VisitTopic, Name: "topic", Label: label("主题", "topic"), Type: TypeText, Max: lineLen},
	{Num: VisitVisitors, Name: "visitors", Label: label("来访人数", "visitors"), Type: TypeInt, Max: headsMax},
	{Num: VisitVisitorNames, Name: "visitor_names", Label: label("来访人员", "visitors' names"), Type: TypeTexts, Max: 100, Privacy: Personal},
	{Num: VisitHours, Name: "hours", Label: label("课时", "hours"), Type: TypeTenths, Max: hoursMax},
	{Num: VisitPupils, Name: "students_reached", Label: label("受益学生数", "pupils reached"), Type: TypeInt, Max: headsMax},
	{Num: VisitTeachers, Name: "teachers_reached", Label: label("受益教师数", "teachers reached"), Type: TypeInt, Max: headsMax},
	{Num: VisitNote, Name: "note", Label: label("备注", "note"), Type: TypeText, Max: noteLen},
	{Num: VisitClasses, Name: "classes", Label: label("覆盖班级", "classes reached"), Type: TypeTexts, Max: 100},
	{Num: VisitDropped, Name: "dropped", Label: label("是否掉线", "link dropped"), Type: TypeBool},
	{Num: VisitCredits, Name: "credits", Label: label("计入学时", "hours credited"), Type: TypeTenths, Max: hoursMax, Sub: SubTeacher},
	{Num: VisitConfirmed, Name: "confirmed", Label: label("确认日期", "confirmed on"), Type: TypeDate},
	{Num: VisitConfirmedBy, Name: "confirmed_by", Label: label("确认人", "confirmed by"), Type: TypeText, Max: nameLen},
	{Num: VisitHelperNote, Name: "helper_note", Label: label("帮扶校备注", "helper school's note"), Type: TypeText, Max: noteLen},
	{Num: VisitHelperCredits, Name: "helper_credits", Label: label("帮扶校计入学时", "hours credited at the helper school"), Type: TypeTenths, Max: hoursMax, Sub: SubTeacher},
	{Num: VisitConfirmedCode, Name: "confirmed_code", Label: label("确认时的核对码", "code of what was confirmed"), Type: TypeText, Max: nameLen},
}

var trainingFields = []Field{
	{Num: TrainingTeacher, Name: "teacher_id", Label: label("教师编号", "teacher"), Type: TypeText, Max: nameLen, Required: true, Privacy: Personal},
	{Num: TrainingDate, Name: "date", Label: label("日期", "date"), Type: TypeDate, Required: true},
	{Num: TrainingEnd, Name: "end", Label: label("结束日期", "last day"), Type: TypeDate},
	{Num: TrainingProgramme, Name: "programme", Label: label("培训项目", "programme"), Type: TypeText, Max: nameLen},
	{Num: TrainingTitle, Name: "title", Label: label("培训名称", "title"), Type: TypeText, Max: lineLen, Required: true},
	{Num: TrainingLevel, Name: "level", Label: label("级别", "level"), Type: TypeCode, List: TrainingLevels},
	{Num: TrainingMode, Name: "mode", Label: label("培训方式", "mode"), Type: TypeCode, List: TrainingModes},
	{Num: TrainingHours, Name: "hours", Label: label("学时", "hours"), Type: TypeTenths, Max: hoursMax},
	{Num: TrainingResult, Name: "result", Label: label("考核结果", "result"), Type: TypeCode, List: TrainingResults},
	{Num: TrainingCertificate, Name: "certificate", Label: label("证书编号", "certificate"), Type: TypeText, Max: nameLen},
	{Num: TrainingProvider, Name: "provider", Label: label("培训单位", "provider"), Type: TypeText, Max: lineLen},
	{Num: TrainingCost, Name: "cost", Label: label("费用", "cost"), Type: TypeMoney, Max: fenMax},
}

var schoolFields = []Field{
	{Num: SchoolName, Name: "name", Label: label("学校名称", "name"), Type: TypeText, Max: nameLen, Required: true},
	{Num: SchoolCategory, Name: "category", Label: label("办学类型", "category"), Type: TypeText, Max: nameLen},
	{Num: SchoolRegion, Name: "region", Label: label("所在地区划代码", "region code"), Type: TypeText, Max: 12},
	{Num: SchoolTownship, Name: "township", Label: label("乡镇街道", "township"), Type: TypeText, Max: nameLen},
	{Num: SchoolMountain, Name: "mountain", Label: label("是否山区校", "mountain school"), Type: TypeBool},
	{Num: SchoolWeak, Name: "weak", Label: label("是否薄弱校", "weak school"), Type: TypeBool},
}

var agreementFields = []Field{
	{Num: AgreementLead, Name: "lead", Label: label("帮扶校标识码", "lead school"), Type: TypeText, Max: 10, Required: true},
	{Num: AgreementLeadName, Name: "lead_name", Label: label("帮扶校", "lead school's name"), Type: TypeText, Max: nameLen},
	{Num: AgreementMember, Name: "member", Label: label("受援校", "member school"), Type: TypeText, Max: nameLen, Sub: SubSchool},
	{Num: AgreementForm, Name: "form", Label: label("帮扶形式", "form"), Type: TypeCode, List: AgreementForms},
	{Num: AgreementTight, Name: "tight", Label: label("是否紧密型", "tight"), Type: TypeBool},
	{Num: AgreementOfficial, Name: "official", Label: label("包联领导", "linked official"), Type: TypeText, Max: nameLen},
	{Num: AgreementFrom, Name: "from", Label: label("起始日期", "from"), Type: TypeDate},
	{Num: AgreementTo, Name: "to", Label: label("截止日期", "to"), Type: TypeDate},
	{Num: AgreementSeries, Name: "series", Label: label("系列", "series"), Type: TypeText, Max: nameLen},
	{Num: AgreementState, Name: "state", Label: label("协议状态", "state"), Type: TypeCode, List: AgreementStates},
	{Num: AgreementReason, Name: "reason", Label: label("状态原因", "reason for the state"), Type: TypeText, Max: lineLen},
}

var classFields = []Field{
	{Num: ClassName, Name: "name", Label: label("班级", "name"), Type: TypeText, Max: nameLen, Required: true},
	{Num: ClassGrade, Name: "grade", Label: label("年级", "grade"), Type: TypeText, Max: nameLen},
	{Num: ClassHead, Name: "head", Label: label("班主任", "class teacher"), Type: TypeText, Max: nameLen},
	{Num: ClassOrder, Name: "order", Label: label("排序", "order"), Type: TypeInt, Max: 10000},
}

var pupilFields = []Field{
	{Num: PupilName, Name: "name", Label: label("姓名", "name"), Type: TypeText, Max: nameLen, Required: true, Privacy: Personal},
	{Num: PupilSex, Name: "sex", Label: label("性别", "sex"), Type: TypeCode, List: Sexes},
	{Num: PupilBirth, Name: "birth", Label: label("出生日期", "date of birth"), Type: TypeDate, Privacy: Personal},
	{Num: PupilEthnic, Name: "ethnic", Label: label("民族", "ethnic group"), Type: TypeCode, List: EthnicGroups},
	{Num: PupilBoarder, Name: "boarder", Label: label("是否住宿生", "boarder"), Type: TypeBool},
	{Num: PupilLeftBehind, Name: "left_behind", Label: label("是否留守儿童", "left-behind"), Type: TypeBool, Privacy: Guarded},
	{Num: PupilDisability, Name: "disability", Label: label("是否残疾", "disability"), Type: TypeBool, Privacy: Guarded},
	{Num: PupilAdmitted, Name: "admitted", Label: label("入学年月", "admitted in"), Type: TypeMonth},
	{Num: PupilAdmission, Name: "admission", Label: label("入学方式", "way of admission"), Type: TypeText, Max: nameLen},
	{Num: PupilWatch, Name: "watch", Label: label("是否控辍重点关注", "on the dropout watch list"), Type: TypeBool, Privacy: Guarded},
	{Num: PupilConsent, Name: "consent", Label: label("监护人同意", "guardian's consent"), Type: TypeCode, List: ConsentStates},
	{Num: PupilCitizenID, Name: "citizen_id", Label: label("身份证件号", "identity number"), Type: TypeText, Max: 30, Privacy: Guarded},
	{Num: PupilAddress, Name: "address", Label: label("家庭住址", "address"), Type: TypeText, Max: lineLen, Privacy: Guarded},
	{Num: PupilGuardian, Name: "guardian", Label: label("监护人", "guardian"), Type: TypeText, Max: nameLen, Privacy: Guarded},
	{Num: PupilPhone, Name: "phone", Label: label("联系电话", "phone"), Type: TypeText, Max: 40, Privacy: Guarded},
}

var enrolmentFields = []Field{
	{Num: EnrolmentFrom, Name: "from", Label: label("起始日期", "first day"), Type: TypeDate, Required: true},
	{Num: EnrolmentTo, Name: "to", Label: label("结束日期", "last day"), Type: TypeDate},
	{Num: EnrolmentIn, Name: "in", Label: label("入班原因", "how it began"), Type: TypeCode, List: EnrolmentReasons},
	{Num: EnrolmentOut, Name: "out", Label: label("离班原因", "how it ended"), Type: TypeCode, List: EnrolmentReasons},
	{Num: EnrolmentRow, Name: "row", Label: label("序号", "place in the list"), Type: TypeInt, Max: headsMax},
}

var teacherFields = []Field{
	{Num: TeacherName, Name: "name", Label: label("姓名", "name"), Type: TypeText, Max: nameLen, Required: true, Privacy: Personal},
	{Num: TeacherSex, Name: "sex", Label: label("性别", "sex"), Type: TypeCode, List: Sexes},
	{Num: TeacherBirth, Name: "birth", Label: label("出生年份", "year of birth"), Type: TypeInt, Min: 1900, Max: 2100, Privacy: Personal},
	{Num: TeacherSubject, Name: "subject", Label: label("任教学科", "subject"), Type: TypeText, Max: nameLen},
	{Num: TeacherTitle, Name: "title", Label: label("职称", "title"), Type: TypeText, Max: nameLen},
	{Num: TeacherPost, Name: "post", Label: label("编制", "post"), Type: TypeText, Max: nameLen},
	{Num: TeacherMountain, Name: "mountain", Label: label("是否山区岗位", "mountain post"), Type: TypeBool},
	{Num: TeacherBackbone, Name: "backbone", Label: label("是否骨干教师", "leading teacher"), Type: TypeBool},
}

var calendarFields = []Field{
	{Num: CalendarDay, Name: "day", Label: label("日期类型", "kind of day"), Type: TypeCode, List: DayKinds, Sub: SubDate},
}

var postingFields = []Field{
	{Num: PostingPerson, Name: "person", Label: label("姓名", "person"), Type: TypeText, Max: nameLen, Required: true, Privacy: Personal},
	{Num: PostingFrom, Name: "from", Label: label("派出学校", "from school"), Type: TypeText, Max: 10},
	{Num: PostingTo, Name: "to", Label: label("派入学校", "to school"), Type: TypeText, Max: 10},
	{Num: PostingRole, Name: "role", Label: label("岗位", "role"), Type: TypeText, Max: nameLen},
	{Num: PostingStart, Name: "start", Label: label("起始日期", "from"), Type: TypeDate, Required: true},
	{Num: PostingEnd, Name: "end", Label: label("结束日期", "to"), Type: TypeDate},
	{Num: PostingKind, Name: "kind", Label: label("派出类型", "kind"), Type: TypeCode, List: PostingKinds},
}

var studioFields = []Field{
	{Num: StudioName, Name: "name", Label: label("工作室名称", "name"), Type: TypeText, Max: nameLen, Required: true},
	{Num: StudioHead, Name: "head", Label: label("主持人", "head"), Type: TypeText, Max: nameLen},
	{Num: StudioMember, Name: "member", Label: label("成员", "member"), Type: TypeText, Max: nameLen, Sub: SubTeacher, Privacy: Personal},
}

var contactFields = []Field{
	{Num: ContactResearcher, Name: "researcher", Label: label("教研员", "researcher"), Type: TypeText, Max: nameLen, Required: true},
	{Num: ContactSubject, Name: "subject", Label: label("学科", "subject"), Type: TypeText, Max: nameLen},
	{Num: ContactFrom, Name: "from", Label: label("起始日期", "from"), Type: TypeDate},
	{Num: ContactTo, Name: "to", Label: label("结束日期", "to"), Type: TypeDate},
}

var inspectionFields = []Field{
	{Num: InspectionDate, Name: "date", Label: label("日期", "date"), Type: TypeDate, Required: true},
	{Num: InspectionInspector, Name: "inspector", Label: label("责任督学", "inspector"), Type: TypeText, Max: nameLen, Required: true},
	{Num: InspectionFinding, Name: "finding", Label: label("发现的问题", "finding"), Type: TypeText, Max: noteLen},
	{Num: InspectionDue, Name: "due", Label: label("整改期限", "due"), Type: TypeDate},
	{Num: InspectionClosed, Name: "closed", Label: label("销号日期", "closed on"), Type: TypeDate},
	{Num: InspectionOutcome, Name: "outcome", Label: label("整改结果", "outcome"), Type: TypeText, Max: noteLen},
}

var programmeFields = []Field{
	{Num: ProgrammeGroup, Name: "group", Label: label("类别", "group"), Type: TypeText, Max: nameLen},
	{Num: ProgrammeFor, Name: "for", Label: label("对象", "for whom"), Type: TypeText, Max: lineLen},
}

var settingFields = []Field{
	{Num: SettingValue, Name: "value", Label: label("值", "value"), Type: TypeAny, Required: true},
}

var leaveFields = []Field{
	{Num: LeaveFrom, Name: "from", Label: label("开始日期", "first day"), Type: TypeDate, Required: true},
	{Num: LeaveTo, Name: "to", Label: label("结束日期", "last day"), Type: TypeDate, Required: true},
	{Num: LeaveStatus, Name: "status", Label: label("出勤状态", "status"), Type: TypeCode, List: Statuses, Required: true},
	{Num: LeavePupil, Name: "pupil", Label: label("学生", "pupil"), Type: TypeBool, Sub: SubPupil, Privacy: Personal},
	{Num: LeaveReason, Name: "reason", Label: label("事由", "reason"), Type: TypeText, Max: lineLen, Privacy: Personal},
	{Num: LeaveSymptom, Name: "symptom", Label: label("症状", "symptom"), Type: TypeCode, List: Symptoms, Privacy: Personal},
	{Num: LeaveSession, Name: "session", Label: label("时段（0为全天）", "session (0: all day)"), Type: TypeInt, Max: int64(SessionEve)},
}

var caseFields = []Field{
	{Num: CasePupil, Name: "pupil", Label: label("学籍号", "pupil"), Type: TypeText, Max: nameLen, Required: true, Privacy: Personal},
	{Num: CaseOpened, Name: "opened", Label: label("立案日期", "opened on"), Type: TypeDate, Required: true},
	{Num: CaseRule, Name: "rule", Label: label("立案依据", "why it was opened"), Type: TypeCode, List: CaseRules, Required: true},
	{Num: CaseClosed, Name: "closed", Label: label("销号日期", "closed on"), Type: TypeDate},
	{Num: CaseEnd, Name: "end", Label: label("销号原因", "why it was closed"), Type: TypeCode, List: CaseEnds},
	{Num: CaseNote, Name: "note", Label: label("情况说明", "note"), Type: TypeText, Max: noteLen, Privacy: Guarded},
	{Num: CaseBy, Name: "by", Label: label("负责人", "who follows it"), Type: TypeText, Max: nameLen},
}

var stepFields = []Field{
	{Num: StepCase, Name: "case", Label: label("个案", "case"), Type: TypeText, Max: maxID, Required: true, Privacy: Personal},
	{Num: StepDate, Name: "date", Label: label("日期", "date"), Type: TypeDate, Required: true},
	{Num: StepKind, Name: "kind", Label: label("方式", "kind"), Type: TypeCode, List: StepKinds, Required: true},
	{Num: StepBy, Name: "by", Label: label("经办人", "by"), Type: TypeText, Max: nameLen},
	{Num: StepResult, Name: "result", Label: label("结果", "result"), Type: TypeText, Max: noteLen, Privacy: Guarded},
}

var reportFields = []Field{
	{Num: ReportMonth, Name: "month", Label: label("月份", "month"), Type: TypeMonth, Required: true},
	{Num: ReportFrozen, Name: "frozen", Label: label("定稿日期", "frozen on"), Type: TypeDate, Required: true},
	{Num: ReportBy, Name: "by", Label: label("定稿人", "frozen by"), Type: TypeText, Max: nameLen},
	{Num: ReportDigest, Name: "digest", Label: label("校验值", "digest"), Type: TypeBin, Max: 32, Required: true},
	{Num: ReportClass, Name: "class", Label: label("班级数据", "figures of a class"), Type: TypeBin, Max: MaxValue, Sub: SubClass, Privacy: Personal},
	{Num: ReportBase, Name: "base", Label: label("更正所据的校验值", "digest of the report that it corrects"), Type: TypeBin, Max: 32},
	{Num: ReportReason, Name: "reason", Label: label("更正原因", "reason for the correction"), Type: TypeText, Max: lineLen},
	{Num: ReportSchool, Name: "school", Label: label("学校数据", "figures of the school"), Type: TypeBin, Max: 200},
	{Num: ReportTrace, Name: "trace", Label: label("修改记录", "who changed what"), Type: TypeAny, Privacy: Personal},
}

var cardFields = []Field{
	{Num: CardKind, Name: "kind", Label: label("记录类型", "kind"), Type: TypeInt, Max: 1<<16 - 1},
	{Num: CardDoc, Name: "doc", Label: label("记录", "document"), Type: TypeText, Max: maxID, Privacy: Personal},
	{Num: CardField, Name: "field", Label: label("字段", "field"), Type: TypeAny, Privacy: Personal},
	{Num: CardLost, Name: "lost", Label: label("未采用的值", "value not taken"), Type: TypeBin, Max: MaxValue, Privacy: Personal},
	{Num: CardLostBy, Name: "lost_by", Label: label("填写人", "entered by"), Type: TypeText, Max: lineLen},
	{Num: CardLostAt, Name: "lost_at", Label: label("填写时间", "entered at"), Type: TypeInt, Max: maxUnix},
	{Num: CardLostFrom, Name: "lost_from", Label: label("来源", "source"), Type: TypeBin, Max: 64},
	{Num: CardKept, Name: "kept", Label: label("现值", "value kept"), Type: TypeBin, Max: MaxValue, Privacy: Personal},
	{Num: CardKeptBy, Name: "kept_by", Label: label("现值填写人", "kept value entered by"), Type: TypeText, Max: lineLen},
	{Num: CardKeptAt, Name: "kept_at", Label: label("现值填写时间", "kept value entered at"), Type: TypeInt, Max: maxUnix},
	{Num: CardSettled, Name: "settled", Label: label("处理结果", "outcome"), Type: TypeCode, List: CardSettlements},
	{Num: CardSettler, Name: "settler", Label: label("处理人", "settled by"), Type: TypeText, Max: nameLen},
}

var quarantineFields = []Field{
	{Num: QuarantineChain, Name: "chain", Label: label("来源", "source"), Type: TypeBin, Max: 64},
	{Num: QuarantineSeq, Name: "seq", Label: label("序号", "number"), Type: TypeInt, Max: 1<<63 - 1},
	{Num: QuarantineEntry, Name: "entry", Label: label("原始记录", "entry"), Type: TypeBin, Max: MaxValue, Privacy: Personal},
	{Num: QuarantineReason, Name: "reason", Label: label("隔离原因", "reason"), Type: TypeText, Max: MaxValue},
	{Num: QuarantineState, Name: "state", Label: label("处理情况", "state"), Type: TypeCode, List: QuarantineStates},
	{Num: QuarantineBy, Name: "by", Label: label("处理人", "operator"), Type: TypeText, Max: nameLen},
	{Num: QuarantineNote, Name: "note", Label: label("处理说明", "operator's reason"), Type: TypeText, Max: noteLen},
}
