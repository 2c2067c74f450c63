package schema

import "strconv"

// NoMonth is the digest month of kinds that have no date.
const NoMonth = "0000-00"

var kindNames = map[Kind]string{
	KindSheet: "attendance", KindVisit: "visit", KindTraining: "training", KindSchool: "school",
	KindAgreement: "agreement", KindClass: "class", KindPupil: "pupil", KindEnrolment: "enrolment",
	KindTeacher: "teacher", KindCalendar: "calendar", KindPosting: "posting", KindStudio: "studio",
	KindContact: "contact", KindInspection: "inspection", KindProgramme: "programme",
	KindSetting: "setting", KindLeave: "leave", KindCase: "case", KindStep: "step", KindReport: "report",
	KindCard: "card", KindQuarantine: "quarantine",
}

// String is the name of the kind in commands and JSON.
func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return "kind-" + strconv.Itoa(int(k))
}

// DocDate returns the date that a document is about; ok is false for kinds that
// have none, and for those that the first release did not know: both sides have to
// digest a document under the same month. lookup reads the document's fields.
func DocDate(k Kind, id string, lookup func(Key) Value) (day Date, ok bool) {
	var n FieldNum
	switch k {
	case KindSheet:
		s, ok := ParseSheetID(id)
		return s.Date, ok
	case KindVisit:
		n = VisitDate
	case KindTraining:
		n = TrainingDate
	case KindInspection:
		n = InspectionDate
	default:
		return 0, false
	}
	d, ok := lookup(Key{Num: n}).Int()
	return Date(d), ok
}

// MonthOf returns the month, yyyy-mm, that a document is digested under, or
// NoMonth. lookup reads the document's fields.
func MonthOf(k Kind, id string, lookup func(Key) Value) string {
	if d, ok := DocDate(k, id, lookup); ok {
		return d.Month()
	}
	return NoMonth
}

// Viewers returns the school codes that see a document of the given scope:
// the school it belongs to, and those that it names as partners. "" in the
// result stands for nobody and is left out. A document of the district that
// names no school is seen by all: all is true.
func Viewers(k Kind, scope, id string, each func(func(Key, Value))) (schools []string, all bool) {
	switch k {
	case KindSchool, KindVisit, KindAgreement, KindPosting:
	default:
		if scope != "" && scope != DistrictScope {
			schools = []string{scope}
		}
		all = scope == DistrictScope && (k == KindCalendar || k == KindProgramme || k == KindSetting)
		return schools, all
	}
	add := func(s string) {
		for _, x := range schools {
			if x == s {
				return
			}
		}
		if s != "" && s != DistrictScope {
			schools = append(schools, s)
		}
	}
	add(scope)
	switch k {
	case KindSchool:
		add(id)
	case KindVisit:
		each(func(k Key, v Value) {
			if k.Num == VisitHelper {
				add(v.Text())
			}
		})
	case KindAgreement:
		each(func(k Key, v Value) {
			switch {
			case k.Num == AgreementLead:
				add(v.Text())
			case k.Num == AgreementMember && !v.IsNil():
				add(k.Sub)
			}
		})
	case KindPosting:
		each(func(k Key, v Value) {
			if k.Num == PostingFrom || k.Num == PostingTo {
				add(v.Text())
			}
		})
	}
	return schools, false
}
