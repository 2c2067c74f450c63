package schema

// Field numbers of attendance sheets. A sheet's class, date and session are in
// its id; see SheetID.
const (
	SheetState  FieldNum = 1 // int: SheetTaken or SheetNoSchool; unset is "not taken"
	SheetTaker  FieldNum = 2 // string: who took the roll
	SheetRoll   FieldNum = 3 // int: pupils on the roster that it was taken against
	SheetMark   FieldNum = 4 // map by pupil id: Mark
	SheetReason FieldNum = 5 // string: why there was no school
	SheetNote   FieldNum = 6 // string
	SheetWhy    FieldNum = 7 // string: why it was changed after its day was over
)

// States of a sheet.
const (
	SheetTaken    = 1 // 已点名
	SheetNoSchool = 2 // 当日不上课
)

// Field numbers of visits. The host school owns all but the Confirm fields,
// which the helper school owns, so that the two never conflict.
const (
	VisitDate          FieldNum = 1  // int: Date of the first day
	VisitEnd           FieldNum = 2  // int: Date of the last day of a stay (蹲点)
	VisitAgreement     FieldNum = 3  // string: agreement number
	VisitHelper        FieldNum = 4  // string: helper school code
	VisitDirection     FieldNum = 5  // int: code list VisitDirections
	VisitKind          FieldNum = 6  // int: code list VisitKinds
	VisitMode          FieldNum = 7  // int: code list VisitModes
	VisitTopic         FieldNum = 8  // string
	VisitVisitors      FieldNum = 9  // int: how many came
	VisitVisitorNames  FieldNum = 10 // list of string
	VisitHours         FieldNum = 11 // int: tenths of an hour
	VisitPupils        FieldNum = 12 // int: pupils reached
	VisitTeachers      FieldNum = 13 // int: teachers reached
	VisitNote          FieldNum = 14 // string
	VisitClasses       FieldNum = 15 // list of string: classes reached (同步课堂)
	VisitDropped       FieldNum = 16 // bool: the link dropped (同步课堂)
	VisitCredits       FieldNum = 17 // map by teacher id: int, tenths of an hour credited
	VisitConfirmed     FieldNum = 30 // int: Date on which the helper confirmed
	VisitConfirmedBy   FieldNum = 31 // string
	VisitHelperNote    FieldNum = 32 // string
	VisitHelperCredits FieldNum = 33 // map by teacher id of the helper: int, tenths of an hour
	VisitConfirmedCode FieldNum = 34 // string: short code of what the helper confirmed
)

// Field numbers of training records.
const (
	TrainingTeacher     FieldNum = 1  // string: teacher id
	TrainingDate        FieldNum = 2  // int: Date of the first day
	TrainingEnd         FieldNum = 3  // int: Date of the last day
	TrainingProgramme   FieldNum = 4  // string: programme name, from the district's list
	TrainingTitle       FieldNum = 5  // string
	TrainingLevel       FieldNum = 6  // int: code list TrainingLevels
	TrainingMode        FieldNum = 7  // int: code list TrainingModes
	TrainingHours       FieldNum = 8  // int: tenths of an hour (学时)
	TrainingResult      FieldNum = 9  // int: code list TrainingResults
	TrainingCertificate FieldNum = 10 // string
	TrainingProvider    FieldNum = 11 // string
	TrainingCost        FieldNum = 12 // int: fen (0.01 yuan)
)

// Field numbers of schools. The id is the 学校标识码.
const (
	SchoolName     FieldNum = 1 // string
	SchoolCategory FieldNum = 2 // string: 办学类型
	SchoolRegion   FieldNum = 3 // string: GB/T 2260 code, 6 to 12 digits
	SchoolTownship FieldNum = 4 // string
	SchoolMountain FieldNum = 5 // bool: 山区校
	SchoolWeak     FieldNum = 6 // bool: 薄弱校
)

// Field numbers of agreements. The id is the agreement number.
const (
	AgreementLead     FieldNum = 1  // string: school code of the lead (helper) school
	AgreementLeadName FieldNum = 2  // string
	AgreementMember   FieldNum = 3  // map by school code: string, the member's name
	AgreementForm     FieldNum = 4  // int: code list AgreementForms
	AgreementTight    FieldNum = 5  // bool: 紧密型
	AgreementOfficial FieldNum = 6  // string: 包联领导
	AgreementFrom     FieldNum = 7  // int: Date
	AgreementTo       FieldNum = 8  // int: Date
	AgreementSeries   FieldNum = 9  // string: 山谷系列, 京西系列 ...
	AgreementState    FieldNum = 10 // int: code list AgreementStates
	AgreementReason   FieldNum = 11 // string: why the state was changed
)

// Field numbers of classes. The id is ClassID.
const (
	ClassName  FieldNum = 1 // string
	ClassGrade FieldNum = 2 // string: 年级
	ClassHead  FieldNum = 3 // string: teacher id of the class teacher
	ClassOrder FieldNum = 4 // int: place in lists
)

// Field numbers of pupils. The id is the 全国学籍号.
const (
	PupilName       FieldNum = 1  // string
	PupilSex        FieldNum = 2  // int: GB/T 2261.1
	PupilBirth      FieldNum = 3  // int: Date
	PupilEthnic     FieldNum = 4  // int: GB/T 3304
	PupilBoarder    FieldNum = 5  // bool: 住宿生
	PupilLeftBehind FieldNum = 6  // bool: 留守儿童
	PupilDisability FieldNum = 7  // bool
	PupilAdmitted   FieldNum = 8  // int: year*100+month (入学年月)
	PupilAdmission  FieldNum = 9  // string: 入学方式
	PupilWatch      FieldNum = 10 // bool: on the dropout watch list
	PupilConsent    FieldNum = 11 // int: code list ConsentStates

	// Stored only where the district's setting SettingKeepContacts says so.
	PupilCitizenID FieldNum = 12 // string: number of the identity document
	PupilAddress   FieldNum = 13 // string
	PupilGuardian  FieldNum = 14 // string: name
	PupilPhone     FieldNum = 15 // string
)

// Field numbers of enrolments. The id is EnrolmentID.
const (
	EnrolmentFrom FieldNum = 1 // int: Date of the first day in the class
	EnrolmentTo   FieldNum = 2 // int: Date of the last day; unset while it goes on
	EnrolmentIn   FieldNum = 3 // int: code list EnrolmentReasons (学籍异动), how it began
	EnrolmentOut  FieldNum = 4 // int: code list EnrolmentReasons, how it ended
	EnrolmentRow  FieldNum = 5 // int: place in the class list
)

// Field numbers of teachers. The id is the teacher number.
const (
	TeacherName     FieldNum = 1 // string
	TeacherSex      FieldNum = 2 // int: GB/T 2261.1
	TeacherBirth    FieldNum = 3 // int: year of birth
	TeacherSubject  FieldNum = 4 // string
	TeacherTitle    FieldNum = 5 // string: 职称
	TeacherPost     FieldNum = 6 // string: 编制
	TeacherMountain FieldNum = 7 // bool: mountain post
	TeacherBackbone FieldNum = 8 // bool: 骨干教师
)

// Field numbers of calendars. The id is the school year, "2026".
const (
	CalendarDay FieldNum = 1 // map by date "2026-09-01": int, code list DayKinds
)

// Field numbers of postings.
const (
	PostingPerson FieldNum = 1 // string
	PostingFrom   FieldNum = 2 // string: school code
	PostingTo     FieldNum = 3 // string: school code
	PostingRole   FieldNum = 4 // string
	PostingStart  FieldNum = 5 // int: Date
	PostingEnd    FieldNum = 6 // int: Date
	PostingKind   FieldNum = 7 // int: code list PostingKinds
)

// Field numbers of studios (名师工作室).
const (
	StudioName   FieldNum = 1 // string
	StudioHead   FieldNum = 2 // string
	StudioMember FieldNum = 3 // map by teacher id: string, name
)

// Field numbers of researchers' contact points (教研员联系点).
const (
	ContactResearcher FieldNum = 1 // string
	ContactSubject    FieldNum = 2 // string
	ContactFrom       FieldNum = 3 // int: Date
	ContactTo         FieldNum = 4 // int: Date
)

// Field numbers of inspections (督导).
const (
	InspectionDate      FieldNum = 1 // int: Date
	InspectionInspector FieldNum = 2 // string
	InspectionFinding   FieldNum = 3 // string
	InspectionDue       FieldNum = 4 // int: Date
	InspectionClosed    FieldNum = 5 // int: Date
	InspectionOutcome   FieldNum = 6 // string
)

// Field numbers of programmes. The id is the programme's name.
const (
	ProgrammeGroup FieldNum = 1 // string
	ProgrammeFor   FieldNum = 2 // string: for whom
)

// Field numbers of settings. The id is the setting's name.
const (
	SettingValue FieldNum = 1 // int or string
)

// Field numbers of planned leave (请假, 公假). When the roll of a day is taken it is
// what pupils begin with.
const (
	LeaveFrom    FieldNum = 1 // int: Date of the first day
	LeaveTo      FieldNum = 2 // int: Date of the last day
	LeaveStatus  FieldNum = 3 // int: code list Statuses
	LeavePupil   FieldNum = 4 // map by pupil id: bool
	LeaveReason  FieldNum = 5 // string
	LeaveSymptom FieldNum = 6 // int: code list Symptoms, with StatusSick
	LeaveSession FieldNum = 7 // int: Session; unset or 0: the whole day
)

// Field numbers of absence cases (控辍个案). The id is CaseID.
const (
	CasePupil  FieldNum = 1 // string: pupil id
	CaseOpened FieldNum = 2 // int: Date
	CaseRule   FieldNum = 3 // int: code list CaseRules
	CaseClosed FieldNum = 4 // int: Date; unset while it is open
	CaseEnd    FieldNum = 5 // int: code list CaseEnds (动态销号)
	CaseNote   FieldNum = 6 // string
	CaseBy     FieldNum = 7 // string: who follows it
)

// Field numbers of the steps of a case.
const (
	StepCase   FieldNum = 1 // string: CaseID
	StepDate   FieldNum = 2 // int: Date
	StepKind   FieldNum = 3 // int: code list StepKinds
	StepBy     FieldNum = 4 // string
	StepResult FieldNum = 5 // string
)

// Field numbers of monthly reports (一月一报告). The id is ReportID.
const (
	ReportMonth  FieldNum = 1 // int: year*100+month
	ReportFrozen FieldNum = 2 // int: Date
	ReportBy     FieldNum = 3 // string
	ReportDigest FieldNum = 4 // bin: SHA-256 of the figures
	ReportClass  FieldNum = 5 // map by class id: bin, the figures of its pupils
	ReportBase   FieldNum = 6 // bin: digest of the report that a correction sheet corrects
	ReportReason FieldNum = 7 // string: why there is a correction sheet
	ReportSchool FieldNum = 8 // bin: figures of the school: visits, training, cases
	ReportTrace  FieldNum = 9 // list of [pupil, sheet, status, by, at]: who wrote into sheets since the report, as far as was known
)

// Field numbers of conflict cards. Only the hub writes them, but for Settled
// fields, which the school or the district writes.
const (
	CardKind     FieldNum = 1  // int: kind of the document
	CardDoc      FieldNum = 2  // string: its id
	CardField    FieldNum = 3  // list [int num, string sub]
	CardLost     FieldNum = 4  // the value that lost, wrapped in bin
	CardLostBy   FieldNum = 5  // string: account
	CardLostAt   FieldNum = 6  // int: corrected unix seconds
	CardLostFrom FieldNum = 7  // bin: chain of the entry that lost
	CardKept     FieldNum = 8  // the value that won, wrapped in bin
	CardKeptBy   FieldNum = 9  // string
	CardKeptAt   FieldNum = 10 // int
	CardSettled  FieldNum = 20 // int: 1 keep as is, 2 took the other
	CardSettler  FieldNum = 21 // string
)

// Field numbers of quarantined entries. Only the hub writes them.
const (
	QuarantineChain  FieldNum = 1 // bin: chain
	QuarantineSeq    FieldNum = 2 // int
	QuarantineEntry  FieldNum = 3 // bin: the entry's canonical bytes
	QuarantineReason FieldNum = 4 // string: message id and arguments, see text.Parse
	QuarantineState  FieldNum = 5 // int: QuarantineWaiting, QuarantineFixed, QuarantineDropped
	QuarantineBy     FieldNum = 6 // string: operator
	QuarantineNote   FieldNum = 7 // string: the operator's reason
)

// States of a quarantined entry.
const (
	QuarantineWaiting = 1
	QuarantineFixed   = 2
	QuarantineDropped = 3
)
