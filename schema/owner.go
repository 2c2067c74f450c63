package schema

// Owner returns the role whose value stands when two writers disagree on a
// field: the host school for what it records, the helper school for its
// confirmation of a visit, the district for reference data that it keeps.
func Owner(k Kind, f FieldNum) Role {
	switch k {
	case KindSchool, KindAgreement, KindCalendar, KindProgramme, KindSetting, KindContact,
		KindPosting, KindStudio, KindInspection, KindQuarantine:
		return RoleDistrict
	case KindVisit:
		if f >= VisitConfirmed && f < FieldVoid {
			return RoleHelper
		}
	}
	return RoleHost
}
