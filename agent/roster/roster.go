// Package roster is a school as it stands on a date: its classes and who is in
// them, its teachers, its calendar and the agreements that it is in.
//
// Pages ask for it at every step, so a Book keeps it in memory, read from the
// store's documents once and again whenever one of them has changed. It imports
// schema with its tables and sync/change alone, and changes nothing.
package roster

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"shangu/schema"
	"shangu/schema/pinyin"
	"shangu/sync/change"
)

// Class is one class of a school year.
type Class struct {
	ID    string // schema.ClassID
	Name  string
	Grade string
	Head  string // teacher id of the class teacher, "" if not known
	Year  int    // of school, 2026 for 2026-09 to 2027-07
	order int64
}

// Person is what pupils and teachers have in common.
type Person struct {
	ID       string
	Name     string
	Sex      int    // schema.Sexes
	Initials string // of the name in pinyin: "zxm"
	key      []byte // place in pinyin order
}

// Pupil is a pupil of this school, at any time.
type Pupil struct {
	Person
	Birth                            schema.Date // 0 if not known
	Boarder, LeftBehind, Watch, Able bool        // Able: no disability is known
	places                           []schema.Enrolment
}

// Teacher is a teacher of this school.
type Teacher struct {
	Person
	Subject, Title     string
	Mountain, Backbone bool
}

// Agreement is one that this school is in, as lead or as member.
type Agreement struct {
	ID, Lead, LeadName string
	Members            map[string]string // school code: name
	From, To           schema.Date       // 0: not said
	Series             string
	State              int // schema.AgreementStates; 0 counts as sound
}

// On reports whether an agreement is alive on a day.
func (a *Agreement) On(d schema.Date) bool {
	return a.From <= d && (a.To == 0 || d <= a.To) && a.State != schema.AgreementEnded
}

// Roster is a school as its documents say, of all dates. Nothing in it changes.
type Roster struct {
	Home       string // school code, "" before enrolment
	Name       string // of the school, "" while not known
	classes    map[string]*Class
	pupils     map[string]*Pupil
	teachers   []*Teacher // in pinyin order
	byTeacher  map[string]*Teacher
	agreements []*Agreement
	schools    map[string]string             // names of all schools known here
	in         map[string][]schema.Enrolment // of known pupils, by class, in the order of its list
	own        func(schema.Key) schema.Value // the school's own exceptions to the calendar
	district   func(schema.Key) schema.Value
	listed     []span // of dates whose school days the district's calendar lists
	settings   map[string]*change.Doc
	secret     []byte
	byKey      map[string]string // ids of classes, pupils and teachers
}

// span is from a date to a date.
type span struct{ from, to schema.Date }

// Kinds are the kinds that a Roster is made of.
var Kinds = []schema.Kind{
	schema.KindSchool, schema.KindAgreement, schema.KindClass, schema.KindPupil, schema.KindEnrolment, schema.KindTeacher,
	schema.KindCalendar, schema.KindSetting,
}

// Key stands for a class, pupil or teacher in addresses, which browsers keep and which
// must tell nobody anything: 16 hexadecimal digits that only this agent can make.
func (r *Roster) Key(id string) string {
	h := hmac.New(sha256.New, r.secret)
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// ByKey finds what Key stands for, "" if nothing that is here.
func (r *Roster) ByKey(key string) (id string) { return r.byKey[key] }

// Class returns a class by its id, nil if there is none.
func (r *Roster) Class(id string) *Class { return r.classes[id] }

// Classes are those of a date's school year, as schools list them: by grade, then
// by number.
func (r *Roster) Classes(on schema.Date) []*Class {
	var out []*Class
	for _, c := range r.classes {
		if c.Year == on.SchoolYear() {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *Class) int { return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.Name, b.Name)) })
	return out
}

// Pupil returns a pupil by the pupil's number, nil if there is none.
func (r *Roster) Pupil(id string) *Pupil { return r.pupils[id] }

// Pupils are those of a class on a date, in the order of the class list; pupils
// that have no place in it follow in pinyin order. Each comes once.
func (r *Roster) Pupils(class string, on schema.Date) []*Pupil {
	in := r.in[class]
	out := make([]*Pupil, 0, len(in))
	seen := make(map[string]bool, len(in))
	for _, e := range in {
		if e.On(on) && !seen[e.Pupil] {
			seen[e.Pupil] = true
			out = append(out, r.pupils[e.Pupil])
		}
	}
	return out
}

// Everybody is every pupil that this school has had, in pinyin order.
func (r *Roster) Everybody() []*Pupil {
	out := make([]*Pupil, 0, len(r.pupils))
	for _, p := range r.pupils {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Pupil) int { return cmp.Or(bytes.Compare(a.key, b.key), strings.Compare(a.ID, b.ID)) })
	return out
}

// Places are a pupil's classes through the years, the earliest first.
func (p *Pupil) Places() []schema.Enrolment { return slices.Clone(p.places) }

// ClassOn is the class that a pupil is in on a date, nil if none.
func (r *Roster) ClassOn(p *Pupil, on schema.Date) *Class {
	return r.classes[schema.ClassOn(p.places, p.ID, on)]
}

// Teachers are the school's, in pinyin order.
func (r *Roster) Teachers() []*Teacher { return slices.Clone(r.teachers) }

// Teacher returns a teacher by number, nil if there is none.
func (r *Roster) Teacher(id string) *Teacher { return r.byTeacher[id] }

// Agreements are those that the school is in, by number.
func (r *Roster) Agreements() []*Agreement { return slices.Clone(r.agreements) }

// TeacherName is the name of a teacher, or the number where no name is known here.
func (r *Roster) TeacherName(id string) string {
	if t := r.byTeacher[id]; t != nil {
		return t.Name
	}
	return id
}

// SchoolName is the name of a school, or its code where no name is known here. Few
// schools see the district's register: agreements name the others.
func (r *Roster) SchoolName(code string) string { return cmp.Or(r.schools[code], code) }

// Day is what a date is by the calendars: schema.DayKinds. Where neither the
// district nor the school says, Monday to Friday are school days, but not among days
// that the district lists one by one: what it leaves out is none, to the hub as well.
func (r *Roster) Day(d schema.Date) int {
	if kind := schema.DayOf(d, r.district, r.own); kind != 0 {
		return kind
	}
	if d.Weekend() || slices.ContainsFunc(r.listed, func(l span) bool { return l.from <= d && d <= l.to }) {
		return schema.DayHoliday
	}
	return schema.DaySchool
}

// Threshold is a setting's number: the district's, or its default.
func (r *Roster) Threshold(name string) int64 { return schema.Threshold(name, r.settings[name].Lookup) }

// Size is how many pupils a class has on a date, and how many of them board.
func (r *Roster) Size(class string, on schema.Date) (pupils, boarders int) {
	seen := make(map[string]bool, len(r.in[class]))
	for _, e := range r.in[class] {
		if p := r.pupils[e.Pupil]; p != nil && e.On(on) && !seen[e.Pupil] {
			seen[e.Pupil] = true
			pupils++
			if p.Boarder {
				boarders++
			}
		}
	}
	return pupils, boarders
}

// Sessions are those for which a class's roll is due on a school day: the evening
// only where the class has boarders.
func (r *Roster) Sessions(class string, on schema.Date) []schema.Session {
	due := []schema.Session{schema.SessionAM, schema.SessionPM}
	if _, boarders := r.Size(class, on); boarders > 0 {
		due = append(due, schema.SessionEve)
	}
	return due
}

// yearOf is the school year that a class's id begins with.
func yearOf(id string) (int, bool) {
	year, _, ok := strings.Cut(id, "/")
	n, err := strconv.Atoi(year)
	return n, ok && err == nil
}

func person(id, name string, sex schema.Value) Person {
	n, _ := sex.Int()
	return Person{ID: id, Name: name, Sex: int(n), Initials: pinyin.Initials(name), key: pinyin.Key(name)}
}
