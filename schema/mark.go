package schema

import "shangu/schema/text"

// Status is a pupil's attendance in one session.
type Status uint8

// Statuses, in wire numbers.
const (
	StatusPresent  Status = 1 // 出勤
	StatusLate     Status = 2 // 迟到
	StatusEarly    Status = 3 // 早退
	StatusSick     Status = 4 // 病假
	StatusLeave    Status = 5 // 事假
	StatusAbsent   Status = 6 // 旷课
	StatusUnknown  Status = 7 // 待查
	StatusOfficial Status = 8 // 公假
	StatusHome     Status = 9 // 送教上门
)

// Present reports whether the status counts as present.
func (s Status) Present() bool {
	switch s {
	case StatusPresent, StatusLate, StatusEarly, StatusOfficial, StatusHome:
		return true
	}
	return false
}

// Unexcused reports whether the status counts as an unexcused absence.
func (s Status) Unexcused() bool { return s == StatusAbsent || s == StatusUnknown }

// Timed reports whether the status has minutes.
func (s Status) Timed() bool { return s == StatusLate || s == StatusEarly }

// CEDS is the status in the Common Education Data Standards and Ed-Fi.
func (s Status) CEDS() string {
	switch s {
	case StatusPresent, StatusOfficial, StatusHome:
		return "Present"
	case StatusLate:
		return "Tardy"
	case StatusEarly:
		return "EarlyDeparture"
	case StatusSick, StatusLeave:
		return "ExcusedAbsence"
	case StatusAbsent, StatusUnknown:
		return "UnexcusedAbsence"
	}
	return ""
}

// String is the status's name in files: "sick".
func (s Status) String() string {
	c, _ := Statuses.ByNum(int64(s))
	return c.Key
}

// Statuses are the codes of a mark.
var Statuses = &CodeList{
	name: text.Label{ZH: "出勤状态", EN: "attendance"}, source: "CEDS Attendance Status; 中小学考勤",
	codes: []Code{
		{int64(StatusPresent), "present", text.Label{ZH: "出勤", EN: "present"}, []string{"到", "√"}},
		{int64(StatusLate), "late", text.Label{ZH: "迟到", EN: "late"}, nil},
		{int64(StatusEarly), "early", text.Label{ZH: "早退", EN: "left early"}, nil},
		{int64(StatusSick), "sick", text.Label{ZH: "病假", EN: "sick"}, []string{"因病缺课", "病"}},
		{int64(StatusLeave), "leave", text.Label{ZH: "事假", EN: "on leave"}, []string{"请假"}},
		{int64(StatusAbsent), "absent", text.Label{ZH: "旷课", EN: "absent"}, []string{"缺课", "缺勤"}},
		{int64(StatusUnknown), "unknown", text.Label{ZH: "待查", EN: "not yet known"}, []string{"未到原因待查"}},
		{int64(StatusOfficial), "official", text.Label{ZH: "公假", EN: "on school business"}, nil},
		{int64(StatusHome), "home", text.Label{ZH: "送教上门", EN: "taught at home"}, []string{"送教"}},
	},
}

// Symptom is why a pupil is sick, as far as the school knows.
type Symptom uint8

// Symptoms are the codes of WS/T 772, 学校传染病症状监测预警.
var Symptoms = &CodeList{
	name: text.Label{ZH: "症状", EN: "symptom"}, source: "WS/T 772",
	codes: []Code{
		{1, "fever", text.Label{ZH: "发热", EN: "fever"}, []string{"发烧"}},
		{2, "cough", text.Label{ZH: "咳嗽", EN: "cough"}, nil},
		{3, "headache", text.Label{ZH: "头痛", EN: "headache"}, []string{"头疼"}},
		{4, "throat", text.Label{ZH: "咽痛", EN: "sore throat"}, []string{"嗓子疼"}},
		{5, "parotid", text.Label{ZH: "腮腺肿大", EN: "swollen parotid"}, []string{"腮腺炎"}},
		{6, "belly", text.Label{ZH: "腹痛", EN: "stomach ache"}, []string{"肚子疼"}},
		{7, "diarrhoea", text.Label{ZH: "腹泻", EN: "diarrhoea"}, []string{"拉肚子"}},
		{8, "vomiting", text.Label{ZH: "呕吐", EN: "vomiting"}, nil},
		{9, "rash", text.Label{ZH: "皮疹", EN: "rash"}, nil},
		{10, "dizzy", text.Label{ZH: "头晕", EN: "dizziness"}, nil},
		{11, "weak", text.Label{ZH: "乏力", EN: "weakness"}, nil},
		{12, "redeye", text.Label{ZH: "红眼", EN: "red eyes"}, []string{"结膜炎"}},
		{13, "injury", text.Label{ZH: "外伤", EN: "injury"}, []string{"受伤"}},
		{14, "other", text.Label{ZH: "其他", EN: "other"}, nil},
	},
}

// Mark is what an attendance sheet says of one pupil. On a sheet that was
// taken, a pupil without a mark was present.
type Mark struct {
	Status  Status
	Minutes int // late or early by so many; 0 if not known
	Symptom Symptom
}

// Encode is the mark's one canonical value: [status, minutes, symptom] without
// zeros at the end.
func (m Mark) Encode() Value {
	items := []Value{Int(int64(m.Status))}
	if m.Minutes != 0 || m.Symptom != 0 {
		items = append(items, Int(int64(m.Minutes)))
	}
	if m.Symptom != 0 {
		items = append(items, Int(int64(m.Symptom)))
	}
	return List(items...)
}

// maxMinutes is the longest that a pupil can be late or leave early in a session.
const maxMinutes = 600

// ParseMark reads what Encode wrote. Items that a newer version appended are
// passed over; the value that holds them is to be kept as it came.
func ParseMark(v Value) (m Mark, ok bool) {
	count, rest, ok := readArray(string(v))
	if !ok || count == 0 || count > len(rest) {
		return m, false
	}
	var n [3]int64
	for i := range count {
		end := scan(rest, 1)
		if end < 0 {
			return m, false
		}
		item, isInt := Value(rest[:end]).Int()
		if i < len(n) {
			if n[i] = item; !isInt || item < 0 {
				return m, false
			}
		}
		if i == count-1 && isInt && item == 0 {
			return m, false
		}
		rest = rest[end:]
	}
	if rest != "" || n[0] == 0 || n[0] > maxCode || n[1] > maxMinutes || n[2] > maxCode {
		return m, false
	}
	return Mark{Status(n[0]), int(n[1]), Symptom(n[2])}, true
}
