package intake

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"shangu/schema"
)

// OneVersion is a version of OneRoster's CSV binding that WriteOneRoster writes.
type OneVersion string

// Versions of OneRoster.
const (
	One11 OneVersion = "1.1"
	One12 OneVersion = "1.2"
)

// IsArchive reports whether a file's name asks for an archive.
func IsArchive(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".zip") }

// The files of an archive as the specification spells them, which Read does not
// ask for.
const (
	oneManifest = "manifest.csv"
	oneOrgs     = "orgs.csv"
	oneCourses  = "courses.csv"
	oneSessions = "academicSessions.csv"
)

// oneAbsent are the files of the specification that a school's roster has none of.
var oneAbsent = map[OneVersion][]string{
	One11: {"categories", "classResources", "courseResources", "lineItems", "resources", "results"},
	One12: {
		"categories", "classResources", "courseResources", "lineItems", "lineItemLearningObjectiveIds", "lineItemScoreScales", "resources",
		"results", "resultLearningObjectiveIds", "resultScoreScales", "scoreScales", "userProfiles", "userResources",
	},
}

// School is whose roster an archive is.
type School struct {
	Code string // "" before enrolment
	Name string
}

// WriteOneRoster writes the pupils who are in a class on a date (0: of the newest
// school year, who are in it still), their classes and the teachers as a OneRoster archive (1EdTech, CSV binding, bulk). Pupils and
// teachers are named by a sourcedId that says nothing; their numbers stand in
// identifier. Read takes the archive back and finds nothing to change.
func WriteOneRoster(w io.Writer, v OneVersion, view View, s School, on schema.Date) error {
	if oneAbsent[v] == nil {
		return fmt.Errorf("export OneRoster: no version %q", v)
	}
	in, err := members(view, on)
	if err != nil {
		return err
	}
	o := &oneWriter{zip: zip.NewWriter(w), v: v, view: view, school: oneID("org", s.Code), year: on.SchoolYear()}
	if on == 0 && len(in) > 0 {
		o.year, _, _ = schema.ParseClassID(in[0].Class)
	}
	o.manifest()
	o.file(oneOrgs, "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
		[]string{o.school, "", "", s.Name, "school", s.Code, ""})
	session := strconv.Itoa(o.year)
	o.file(oneSessions, "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
		[]string{session, "", "", fmt.Sprintf("%d-%d", o.year, o.year+1), "schoolYear", yearStart(o.year).String(), (yearStart(o.year+1) - 1).String(), "", strconv.Itoa(o.year + 1)})
	o.file(oneCourses, "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
		[]string{oneHome, "", "", session, "班级", "", "", o.school, "", ""})
	o.people(in)
	if o.err == nil {
		o.err = o.zip.Close()
	}
	if o.err != nil {
		return fmt.Errorf("export OneRoster: %w", o.err)
	}
	return nil
}

// members are the enrolments that an archive is of.
func members(view View, on schema.Date) ([]schema.Enrolment, error) {
	if on == 0 {
		return standingNow(view)
	}
	return standingOn(view, on)
}

// oneHome is the course that home rooms belong to: the specification wants one.
const oneHome = "homeroom"

// oneID is a sourcedId: the same for the same thing, and telling nothing about it.
func oneID(kind, id string) string {
	sum := sha256.Sum256([]byte("shangu oneroster " + kind + " " + id))
	return kind + "-" + hex.EncodeToString(sum[:10])
}

type oneWriter struct {
	zip    *zip.Writer
	v      OneVersion
	view   View
	school string
	year   int
	err    error
}

// file writes one file of the archive.
func (o *oneWriter) file(name, head string, rows ...[]string) {
	if o.err != nil {
		return
	}
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	c.UseCRLF = true
	if o.err = c.Write(strings.Split(head, ",")); o.err == nil {
		o.err = c.WriteAll(rows)
	}
	if o.err != nil {
		return
	}
	f, err := o.zip.Create(name)
	if err == nil {
		_, err = f.Write(b.Bytes())
	}
	o.err = err
}

func (o *oneWriter) manifest() {
	rows := [][]string{{"manifest.version", "1.0"}, {"oneroster.version", string(o.v)}}
	present := []string{"academicSessions", "classes", "courses", "demographics", "enrollments", "orgs", "users"}
	if o.v == One12 {
		present = append(present, "roles")
	}
	for _, f := range present {
		rows = append(rows, []string{"file." + f, "bulk"})
	}
	for _, f := range oneAbsent[o.v] {
		rows = append(rows, []string{"file." + f, "absent"})
	}
	o.file(oneManifest, "propertyName,value", append(rows, []string{"source.systemName", "shangu"}, []string{"source.systemCode", "shangu"})...)
}

// people writes classes, users, demographics, enrollments and, in 1.2, roles.
func (o *oneWriter) people(in []schema.Enrolment) {
	var classes, users, facts, places, roles [][]string
	user := func(kind, role, number, name, grades string) (id string) {
		id = oneID(kind, number)
		family, middle, given := oneName(name)
		switch o.v {
		case One11:
			users = append(users, []string{id, "", "", "true", o.school, role, id, "", given, family, middle, number, "", "", "", "", grades, ""})
		default:
			users = append(users, []string{id, "", "", "true", id, "", given, family, middle, number, "", "", "", "", grades, "", number, "", "", "", "", o.school, ""})
			roles = append(roles, []string{oneID("role", number), "", "", id, "primary", role, "", "", o.school, ""})
		}
		return id
	}
	heads := map[string]string{} // class teachers' classes
	seen := map[string]bool{}
	for _, e := range in {
		doc, err := o.view.Doc("", schema.KindPupil, e.Pupil)
		if err != nil {
			o.err = fmt.Errorf("read pupil: %w", err)
			return
		}
		if doc == nil || doc.Void() {
			continue
		}
		class := oneID("class", e.Class)
		if !seen[e.Class] {
			c, err := o.view.Doc("", schema.KindClass, e.Class)
			if err != nil {
				o.err = fmt.Errorf("read class: %w", err)
				return
			}
			seen[e.Class] = true
			_, name, _ := schema.ParseClassID(e.Class)
			classes = append(classes, []string{class, "", "", name, ceds(name), oneHome, name, "homeroom", "", o.school, strconv.Itoa(o.year), "", "", ""})
			if head := c.Value(schema.ClassHead).Text(); head != "" {
				heads[head] = class
			}
		}
		_, name, _ := schema.ParseClassID(e.Class)
		id := user("pupil", "student", e.Pupil, doc.Value(schema.PupilName).Text(), ceds(name))
		end := ""
		if e.To != 0 {
			end = e.To.String()
		}
		places = append(places, []string{oneID("place", e.Pupil+e.Class), "", "", class, o.school, id, "student", "", e.From.String(), end})
		birth, _ := dateCell(doc.Value(schema.PupilBirth)).(string)
		facts = append(facts, append([]string{id, "", "", birth, oneSex(doc.Value(schema.PupilSex))}, make([]string, 11)...))
	}
	for d, err := range own(o.view, schema.KindTeacher, "") {
		if err != nil {
			o.err = fmt.Errorf("read teachers: %w", err)
			return
		}
		if d.Void() {
			continue
		}
		id := user("teacher", "teacher", d.ID, d.Value(schema.TeacherName).Text(), "")
		if class := heads[d.ID]; class != "" {
			places = append(places, []string{oneID("head", d.ID+class), "", "", class, o.school, id, "teacher", "true", "", ""})
		}
	}
	o.file(fileClasses, "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods", classes...)
	switch o.v {
	case One11:
		o.file(fileUsers, "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password", users...)
	default:
		o.file(fileUsers, "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns", users...)
		o.file(fileRoles, "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId", roles...)
	}
	o.file(fileDemographics, "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus", facts...)
	o.file(fileEnrollments, "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate", places...)
}

// ceds is the grade of a class as CEDS codes it, "" if its name says none.
func ceds(class string) string {
	_, year, ok := gradeOf(class)
	switch {
	case !ok:
		return ""
	case year == 0:
		return "KG"
	}
	return fmt.Sprintf("%02d", year)
}

func oneSex(v schema.Value) string {
	switch n, _ := v.Int(); n {
	case schema.SexMale:
		return "male"
	case schema.SexFemale:
		return "female"
	}
	return ""
}

// compound are the surnames of two characters that are not rare.
var compound = []string{
	"欧阳", "上官", "皇甫", "令狐", "诸葛", "司徒", "司马", "申屠", "夏侯", "贺兰", "完颜", "慕容", "尉迟", "长孙", "公孙", "轩辕", "东方", "宇文", "呼延", "端木", "南宫", "独孤",
}

// oneName parts a name so that family, middle and given, one after the other, are
// the name again: a Chinese surname, or what stands before the point of a name that
// has one.
func oneName(name string) (family, middle, given string) {
	if before, after, ok := strings.Cut(name, "·"); ok {
		return before, "·", after
	}
	for _, s := range compound {
		if rest, ok := strings.CutPrefix(name, s); ok && rest != "" {
			return s, "", rest
		}
	}
	_, n := utf8.DecodeRuneInString(name)
	return name[:n], "", name[n:]
}
