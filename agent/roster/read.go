package roster

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"shangu/schema"
	"shangu/sync/change"
)

func flag(d *change.Doc, n schema.FieldNum) bool { b, _ := d.Value(n).Bool(); return b }

func date(d *change.Doc, n schema.FieldNum) schema.Date {
	i, _ := d.Value(n).Int()
	return schema.Date(i)
}

func pupilOf(d *change.Doc) *Pupil {
	return &Pupil{
		Person:  person(d.ID, d.Value(schema.PupilName).Text(), d.Value(schema.PupilSex)),
		Birth:   date(d, schema.PupilBirth),
		Boarder: flag(d, schema.PupilBoarder), LeftBehind: flag(d, schema.PupilLeftBehind), Watch: flag(d, schema.PupilWatch),
		Able: !flag(d, schema.PupilDisability),
	}
}

func teacherOf(d *change.Doc) *Teacher {
	return &Teacher{
		Person:  person(d.ID, d.Value(schema.TeacherName).Text(), d.Value(schema.TeacherSex)),
		Subject: d.Value(schema.TeacherSubject).Text(), Title: d.Value(schema.TeacherTitle).Text(),
		Mountain: flag(d, schema.TeacherMountain), Backbone: flag(d, schema.TeacherBackbone),
	}
}

func agreementOf(d *change.Doc) *Agreement {
	state, _ := d.Value(schema.AgreementState).Int()
	a := &Agreement{
		ID: d.ID, Lead: d.Value(schema.AgreementLead).Text(), LeadName: d.Value(schema.AgreementLeadName).Text(), Members: map[string]string{},
		From: date(d, schema.AgreementFrom), To: date(d, schema.AgreementTo), Series: d.Value(schema.AgreementSeries).Text(), State: int(state),
	}
	d.Each(func(k schema.Key, v schema.Value) {
		if k.Num == schema.AgreementMember && !v.IsNil() {
			a.Members[k.Sub] = v.Text()
		}
	})
	return a
}

// calendar keeps a school year's calendar: the district's, or the school's own
// exceptions. Years are asked for one after the other.
func (r *Roster) calendar(own func(*change.Doc) bool) func(*change.Doc) {
	either := func(was, more func(schema.Key) schema.Value) func(schema.Key) schema.Value {
		if was == nil {
			return more
		}
		return func(k schema.Key) schema.Value {
			if v := was(k); !v.IsNil() {
				return v
			}
			return more(k)
		}
	}
	return func(d *change.Doc) {
		if own(d) {
			r.own = either(r.own, d.Lookup)
		} else {
			r.district = either(r.district, d.Lookup)
			r.lists(d)
		}
	}
}

// lists notes from when to when the district's calendar lists the school days of a
// year one by one. One that names holidays and make-up days alone lists none.
func (r *Roster) lists(d *change.Doc) {
	var l span
	d.Each(func(k schema.Key, v schema.Value) {
		on, ok := schema.ParseDate(k.Sub)
		if n, _ := v.Int(); k.Num != schema.CalendarDay || !ok || n != schema.DaySchool {
			return
		}
		if l.from == 0 || on < l.from {
			l.from = on
		}
		l.to = max(l.to, on)
	})
	if l.from != 0 {
		r.listed = append(r.listed, l)
	}
}

// order puts a class's enrolments in the order of its list: by row, then in pinyin
// order. It is the same on every date, so that lists of a date need no sorting.
func (r *Roster) order(in []schema.Enrolment) {
	row := func(e schema.Enrolment) int {
		if e.Row == 0 {
			return 1 << 30
		}
		return e.Row
	}
	slices.SortStableFunc(in, func(a, b schema.Enrolment) int {
		return cmp.Or(cmp.Compare(row(a), row(b)), bytes.Compare(r.pupils[a.Pupil].key, r.pupils[b.Pupil].key), strings.Compare(a.Pupil, b.Pupil))
	})
}
