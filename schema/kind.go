package schema

// Kind numbers a sort of document. The numbers are wire format.
type Kind uint16

// Document kinds. Kinds that a newer peer knows and we do not are stored and
// passed on untouched.
const (
	KindSheet      Kind = 1  // 考勤表: one class, date and session
	KindVisit      Kind = 2  // 帮扶活动
	KindTraining   Kind = 3  // 培训记录
	KindSchool     Kind = 10 // 学校
	KindAgreement  Kind = 11 // 结对协议
	KindClass      Kind = 12 // 班级
	KindPupil      Kind = 13 // 学生
	KindEnrolment  Kind = 14 // 学籍: a pupil in a class from a date to a date
	KindTeacher    Kind = 15 // 教师
	KindCalendar   Kind = 16 // 校历
	KindPosting    Kind = 17 // 交流轮岗/支教/援派
	KindStudio     Kind = 18 // 名师工作室
	KindContact    Kind = 19 // 教研员联系点
	KindInspection Kind = 20 // 督导
	KindProgramme  Kind = 21 // 培训项目: district data
	KindSetting    Kind = 22 // thresholds and switches of the district
	KindLeave      Kind = 23 // 请假、公假: planned for pupils over days
	KindCase       Kind = 24 // 控辍个案: a pupil who stays away, until that is settled
	KindStep       Kind = 25 // 劝返记录: a call, a visit or another step of a case
	KindReport     Kind = 26 // 月报: a month's figures, frozen
	KindCard       Kind = 30 // 冲突卡: the value that lost a merge, kept
	KindQuarantine Kind = 31 // 隔离: an entry that the hub could not accept, kept
)

// FieldNum numbers a field within its kind. The numbers are wire format.
type FieldNum uint16

// FieldVoid, common to all kinds, holds the reason why a document no longer
// counts (string). Deletion is a change like any other.
const FieldVoid FieldNum = 100

// Key names one mergeable field of a document. Sub is empty except in map
// fields, where it names the item: in an attendance sheet each pupil's mark is
// a field of its own, {SheetMark, pupil id}, so that marks of different pupils
// never conflict.
type Key struct {
	Num FieldNum
	Sub string
}

// Compare orders keys by number, then by item.
func (k Key) Compare(o Key) int {
	switch {
	case k.Num != o.Num && k.Num < o.Num:
		return -1
	case k.Num != o.Num:
		return 1
	case k.Sub < o.Sub:
		return -1
	case k.Sub > o.Sub:
		return 1
	}
	return 0
}

// Role says on whose behalf a device writes to one document. It settles
// conflicts: see Owner.
type Role uint8

// Roles, in wire numbers.
const (
	RoleNone     Role = 0
	RoleHost     Role = 1 // the school that the document belongs to
	RoleHelper   Role = 2 // the helper school (帮扶校) named in the document
	RoleDistrict Role = 3 // the district office, through the hub
)

// DistrictScope is the scope of documents that belong to no school.
const DistrictScope = "district"
