// Package frametest turns the records of schema/schooltest into entries, as an
// agent would save them: in a chain, with the versions that the writer saw and
// with both clocks cut to seconds. It is for tests and benchmarks.
package frametest

import (
	"slices"

	"shangu/schema"
	"shangu/schema/schooltest"
	"shangu/sync/change"
	"shangu/sync/frame"
)

// Writer writes one chain.
type Writer struct {
	Chain   change.ChainID
	Account string
	Tip     frame.Tip // of the chain written so far

	boot     uint32
	start    int64 // unix milliseconds
	seq      uint64
	counter  uint64
	versions map[field]uint64
	buf      []byte
}

type field struct {
	kind schema.Kind
	id   string
	key  schema.Key
}

// NewWriter starts the chain of a device's epoch.
func NewWriter(device, epoch [16]byte, account string) *Writer {
	chain := frame.ChainOf(device, epoch)
	return &Writer{Chain: chain, Account: account, Tip: frame.Genesis(chain), versions: map[field]uint64{}}
}

// Boot notes that the agent started, at unix milliseconds.
func (w *Writer) Boot(at int64) { w.boot, w.start = w.boot+1, at }

// Save makes an entry that sets fields of a document at unix milliseconds. The
// bases are the versions of this chain.
func (w *Writer) Save(at int64, kind schema.Kind, id string, fields []change.Field) *change.Entry {
	w.seq++
	e := &change.Entry{Seq: w.seq, At: at / 1000, Boot: w.boot, Up: (at - w.start) / 1000, Account: w.Account, Kind: kind, ID: id}
	e.Fields = slices.Clone(fields)
	slices.SortFunc(e.Fields, func(a, b change.Field) int { return a.Key.Compare(b.Key) })
	for i := range e.Fields {
		f := field{kind, id, e.Fields[i].Key}
		if v := w.versions[f]; v != 0 {
			e.Fields[i].Base = change.Ref{Chain: w.Chain, Seq: v}
		}
		w.versions[f] = w.seq
	}
	w.buf = frame.AppendEntry(w.buf[:0], w.Chain, e)
	w.Tip = w.Tip.Next(w.buf)
	return e
}

// fields builds a list of fields, leaving out zeros and empty texts.
type fields []change.Field

func (f *fields) set(n schema.FieldNum, v schema.Value) {
	*f = append(*f, change.Field{Key: schema.Key{Num: n}, Value: v})
}

func (f *fields) str(n schema.FieldNum, s string) {
	if s != "" {
		f.set(n, schema.Str(s))
	}
}

func (f *fields) int(n schema.FieldNum, v int) {
	if v != 0 {
		f.set(n, schema.Int(int64(v)))
	}
}

// Roster makes the entries of a roster's import at unix milliseconds: classes,
// teachers, and each pupil with the enrolment.
func (w *Writer) Roster(s *schooltest.School, at int64) (out []*change.Entry) {
	for i, t := range s.Teachers {
		var f fields
		f.str(schema.TeacherName, t.Name)
		f.int(schema.TeacherSex, t.Sex)
		f.int(schema.TeacherBirth, t.Birth)
		f.str(schema.TeacherSubject, t.Subject)
		f.str(schema.TeacherTitle, t.Title)
		f.str(schema.TeacherPost, t.Post)
		out = append(out, w.Save(at+int64(i), schema.KindTeacher, t.ID, f))
	}
	for i, c := range s.Classes {
		var f fields
		f.str(schema.ClassName, c.Name)
		f.str(schema.ClassGrade, c.Grade)
		f.int(schema.ClassOrder, i+1)
		out = append(out, w.Save(at+1000, schema.KindClass, schema.ClassID(schooltest.Year, c.Name), f))
	}
	first := schema.DateOf(schooltest.Year, 9, 1)
	for i, p := range s.Pupils {
		at := at + 2000 + int64(i)
		var f fields
		f.str(schema.PupilName, p.Name)
		f.int(schema.PupilSex, p.Sex)
		f.int(schema.PupilBirth, int(p.Birth))
		f.int(schema.PupilEthnic, p.Ethnic)
		f.set(schema.PupilBoarder, schema.Bool(p.Boarder))
		f.set(schema.PupilLeftBehind, schema.Bool(p.LeftBehind))
		f.int(schema.PupilAdmitted, p.Admitted)
		f.str(schema.PupilAdmission, schooltest.Admission)
		out = append(out, w.Save(at, schema.KindPupil, p.ID, f))
		f = nil
		f.int(schema.EnrolmentFrom, int(first))
		f.int(schema.EnrolmentRow, p.Row)
		class := schema.ClassID(schooltest.Year, s.Classes[p.Class].Name)
		out = append(out, w.Save(at, schema.KindEnrolment, schema.EnrolmentID(p.ID, class, first), f))
	}
	return out
}

// Day makes the entries of a day's records, after a start of the agent.
func (w *Writer) Day(d *schooltest.Day) (out []*change.Entry) {
	w.Boot(d.Start)
	d.Records(func(record any, at int64) {
		switch r := record.(type) {
		case *schooltest.Sheet:
			out = append(out, w.Sheet(r))
		case *schooltest.Visit:
			out = append(out, w.Visit(r))
		case *schooltest.Training:
			out = append(out, w.Training(r))
		}
	})
	return out
}

// Sheet makes the entry of a roll that was taken.
func (w *Writer) Sheet(s *schooltest.Sheet) *change.Entry {
	var f fields
	f.int(schema.SheetState, schema.SheetTaken)
	f.str(schema.SheetTaker, s.Taker)
	f.set(schema.SheetRoll, schema.Int(int64(s.Roll)))
	for _, m := range s.Marks {
		v := schema.Mark{Status: schema.Status(m.Status), Minutes: m.Minutes, Symptom: schema.Symptom(m.Symptom)}.Encode()
		f = append(f, change.Field{Key: schema.Key{Num: schema.SheetMark, Sub: m.Pupil}, Value: v})
	}
	id := schema.SheetID{Date: s.Date, Session: s.Session, Class: schema.ClassID(schooltest.Year, s.Class)}
	return w.Save(s.At, schema.KindSheet, id.String(), f)
}

// Visit makes the entry of a new visit.
func (w *Writer) Visit(v *schooltest.Visit) *change.Entry {
	var f fields
	f.int(schema.VisitDate, int(v.Date))
	f.str(schema.VisitAgreement, v.Agreement)
	f.str(schema.VisitHelper, v.Helper)
	f.int(schema.VisitDirection, v.Direction)
	f.int(schema.VisitKind, v.Kind)
	f.int(schema.VisitMode, v.Mode)
	f.str(schema.VisitTopic, v.Topic)
	f.int(schema.VisitVisitors, v.Visitors)
	f.int(schema.VisitHours, v.Hours)
	f.int(schema.VisitPupils, v.Pupils)
	f.int(schema.VisitTeachers, v.Teachers)
	f.str(schema.VisitNote, v.Note)
	return w.Save(v.At, schema.KindVisit, w.newID(), f)
}

// Training makes the entry of a new training record.
func (w *Writer) Training(t *schooltest.Training) *change.Entry {
	var f fields
	f.str(schema.TrainingTeacher, t.Teacher)
	f.int(schema.TrainingDate, int(t.Date))
	if t.End != t.Date {
		f.int(schema.TrainingEnd, int(t.End))
	}
	f.str(schema.TrainingProgramme, t.Programme)
	f.str(schema.TrainingTitle, t.Title)
	f.int(schema.TrainingLevel, t.Level)
	f.int(schema.TrainingMode, t.Mode)
	f.int(schema.TrainingHours, t.Hours)
	f.int(schema.TrainingResult, t.Result)
	f.str(schema.TrainingCertificate, t.Certificate)
	return w.Save(t.At, schema.KindTraining, w.newID(), f)
}

func (w *Writer) newID() string {
	w.counter++
	return schema.NewID(w.Chain, w.counter)
}
