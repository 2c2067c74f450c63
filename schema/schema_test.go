package schema

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shangu/schema/text"
)

var allLists = []*CodeList{
	Sexes, SheetStates, VisitDirections, VisitKinds, VisitModes, TrainingLevels, TrainingModes, TrainingResults,
	AgreementForms, AgreementStates, EnrolmentReasons, DayKinds, PostingKinds, ConsentStates, QuarantineStates,
	CardSettlements, CaseRules, CaseEnds, StepKinds, Statuses, Symptoms, EthnicGroups,
}

func TestCodeListsAreSound(t *testing.T) {
	for _, l := range allLists {
		if l.Name().ZH == "" || l.Name().EN == "" || l.Source() == "" {
			t.Errorf("%v has no name or source", l.Name())
		}
		nums, keys := map[int64]bool{}, map[string]bool{}
		for _, c := range l.All() {
			if nums[c.Num] || keys[c.Key] || c.Key == "" || c.Name.ZH == "" || c.Name.EN == "" || c.Num < 0 || c.Num > maxCode {
				t.Errorf("%s: %+v", l.Name().ZH, c)
			}
			nums[c.Num], keys[c.Key] = true, true
			for _, s := range append([]string{c.Name.ZH, c.Name.EN, c.Key, "　" + c.Name.ZH + " "}, c.Also...) {
				if got, ok := l.Parse(s); !ok || got.Num != c.Num {
					t.Errorf("%s: %q is %d, want %d", l.Name().ZH, s, got.Num, c.Num)
				}
			}
		}
		if _, ok := l.Parse("没有这一项"); ok {
			t.Errorf("%s takes anything", l.Name().ZH)
		}
		if _, ok := l.Parse(""); ok {
			t.Errorf("%s takes nothing", l.Name().ZH)
		}
	}
}

// TestNumbersAreStable is the wire: a change here is a change of the format,
// and old data would be read wrongly.
func TestNumbersAreStable(t *testing.T) {
	want := map[*CodeList]string{
		Sexes:           "0未知的性别 1男 2女 9未说明的性别",
		SheetStates:     "1已点名 2当日不上课",
		Statuses:        "1出勤 2迟到 3早退 4病假 5事假 6旷课 7待查 8公假 9送教上门",
		Symptoms:        "1发热 2咳嗽 3头痛 4咽痛 5腮腺肿大 6腹痛 7腹泻 8呕吐 9皮疹 10头晕 11乏力 12红眼 13外伤 14其他",
		VisitDirections: "1城→乡 2乡→城",
		VisitKinds:      "1送教下乡 2听评课 3联合教研 4主题教研 5管理帮扶 6跟岗学习 7同步课堂 8学生互访 9物资支持 10教研员驻点 11督导 12包联走访 13困境学生关爱",
		VisitModes:      "1现场 2线上 3混合",
		TrainingLevels:  "1校级 2区级 3市级 4省级 5国家级",
		TrainingModes:   "1线下 2线上 3混合 4校本 5境外",
		TrainingResults: "1合格 2优秀 3不合格 4未完成",
		AgreementForms:  "1城乡结对 2集团化办学 3学区制 4学校联盟 5委托管理 6托管 7合办",
		AgreementStates: "1正常 2预警 3整改 4撤销",
		EnrolmentReasons: "1新生入学 2升级 3调班 4转入 5复学 6留级 7跳级 8劝返复学 " +
			"21毕业 22结业 23转出 24休学 25退学 26出国（境） 27死亡 28失踪 29误录",
		DayKinds:     "1上课日 2节假日 3调休上课 4雪天停课 5道路中断停课 6其他停课",
		PostingKinds: "1交流轮岗 2支教 3援派 4挂职",
		CaseRules:    "1连续旷课 2累计旷课 3重点关注学生旷课 4去向待查 5名在人不在 6人工立案",
		CaseEnds:     "1已返校 2已转学 3已办休学 4送教上门 5已毕业 6误报 7死亡 8出国（境） 9其他（须说明）",
		StepKinds:    "1电话联系 2家访 3劝返 4书面通知 5报告乡镇或教委 6其他",
	}
	for l, w := range want {
		var got []string
		for _, c := range l.All() {
			got = append(got, l.Label(c.Num).ZH)
			got[len(got)-1] = Show(Int(c.Num)) + got[len(got)-1]
		}
		if s := strings.Join(got, " "); s != w {
			t.Errorf("%s:\n%s, want\n%s", l.Name().ZH, s, w)
		}
	}
	if n := len(EthnicGroups.All()); n != 58 {
		t.Errorf("%d ethnic groups, want 56 and 2", n)
	}
	for n, zh := range map[int64]string{1: "汉族", 5: "维吾尔族", 15: "土家族", 24: "拉祜族", 28: "景颇族", 30: "土族", 37: "仡佬族", 50: "塔塔尔族", 56: "基诺族", 97: "其他", 98: "外国血统中国籍人士"} {
		if got := EthnicGroups.Label(n).ZH; got != zh {
			t.Errorf("GB/T 3304 %d is %s, want %s", n, got, zh)
		}
	}
	kinds := "attendance visit training school agreement class pupil enrolment teacher calendar posting studio contact inspection programme setting leave case step report card quarantine"
	var got []string
	for _, k := range Kinds() {
		got = append(got, k.String())
	}
	if strings.Join(got, " ") != kinds {
		t.Error(got)
	}
}

func TestStatuses(t *testing.T) {
	for s, want := range map[Status]struct {
		ceds               string
		present, unexcused bool
	}{
		StatusPresent: {"Present", true, false}, StatusLate: {"Tardy", true, false}, StatusEarly: {"EarlyDeparture", true, false},
		StatusSick: {"ExcusedAbsence", false, false}, StatusLeave: {"ExcusedAbsence", false, false}, StatusAbsent: {"UnexcusedAbsence", false, true},
		StatusUnknown: {"UnexcusedAbsence", false, true}, StatusOfficial: {"Present", true, false}, StatusHome: {"Present", true, false},
	} {
		if s.CEDS() != want.ceds || s.Present() != want.present || s.Unexcused() != want.unexcused {
			t.Errorf("%s: %s %v %v", s, s.CEDS(), s.Present(), s.Unexcused())
		}
	}
}

func TestFieldTablesAreSound(t *testing.T) {
	for _, k := range Kinds() {
		fields := Fields(k)
		if len(fields) == 0 || k.Label().ZH == "" || k.Label().EN == "" {
			t.Errorf("%s has no fields or no name", k)
		}
		names := map[string]bool{}
		for i, f := range fields {
			if i > 0 && fields[i-1].Num >= f.Num {
				t.Errorf("%s: field %d is out of order", k, f.Num)
			}
			if names[f.Name] || f.Name == "" || f.Label.ZH == "" || f.Label.EN == "" || f.Num >= FieldVoid {
				t.Errorf("%s: field %+v", k, f)
			}
			names[f.Name] = true
			if (f.Type == TypeCode) != (f.List != nil) {
				t.Errorf("%s.%s: a list belongs to a code and to nothing else", k, f.Name)
			}
			limited := f.Type == TypeText || f.Type == TypeInt || f.Type == TypeTenths || f.Type == TypeMoney || f.Type == TypeTexts || f.Type == TypeBin
			if limited != (f.Max > 0) {
				t.Errorf("%s.%s: limit %d", k, f.Name, f.Max)
			}
			if f.Required && f.Sub != SubNone {
				t.Errorf("%s.%s: items cannot be required", k, f.Name)
			}
			if got, ok := FieldOf(k, f.Num); !ok || got.Name != f.Name {
				t.Errorf("%s.%s is not found by its number", k, f.Name)
			}
		}
		if got, ok := ParseKind(k.String()); !ok || got != k {
			t.Errorf("%s reads back as %s", k, got)
		}
		if _, ok := FieldOf(k, FieldVoid); !ok {
			t.Errorf("%s cannot be voided", k)
		}
	}
	if _, ok := FieldOf(Kind(999), 1); ok || Fields(Kind(999)) != nil {
		t.Error("an unknown kind has fields")
	}
}

func TestMarks(t *testing.T) {
	for m, want := range map[Mark]Value{
		{Status: StatusAbsent}:                     List(Int(6)),
		{Status: StatusLate, Minutes: 13}:          List(Int(2), Int(13)),
		{Status: StatusSick, Symptom: 9}:           List(Int(4), Int(0), Int(9)),
		{Status: 42, Minutes: 1, Symptom: maxCode}: List(Int(42), Int(1), Int(maxCode)),
	} {
		if got := m.Encode(); got != want {
			t.Errorf("%v: %q, want %q", m, got, want)
		}
		if got, ok := ParseMark(want); !ok || got != m {
			t.Errorf("%q: %v, %v", want, got, ok)
		}
	}
	for _, v := range []Value{"", Nil, Int(6), List(), List(Int(0)), List(Int(6), Int(0)), List(Int(4), Int(0), Int(0)), List(Int(-1)), List(Int(100)),
		List(Int(2), Int(601)), List(Int(2), Str("13")), List(Int(4), Int(0), Int(100))} {
		if m, ok := ParseMark(v); ok {
			t.Errorf("%q is %v", v, m)
		}
	}
	if m, ok := ParseMark(List(Int(6), Int(0), Int(0), Str("from a newer version"))); !ok || m.Status != StatusAbsent {
		t.Error("a mark with more items is not read")
	}
	rapid.Check(t, func(t *rapid.T) {
		m := Mark{Status(rapid.IntRange(1, maxCode).Draw(t, "status")), rapid.IntRange(0, maxMinutes).Draw(t, "minutes"), Symptom(rapid.IntRange(0, maxCode).Draw(t, "symptom"))}
		v := m.Encode()
		if got, ok := ParseMark(v); !ok || got != m || v.Check() != nil {
			t.Fatalf("%v: %v, %v", m, got, ok)
		}
	})
}

const (
	pupilA = "G990109201901210017"
	pupilB = "G99010920190926858X"
	class1 = "2026/一年级（1）班"
	school = "2199109001"
)

type doc map[Key]Value

func (d doc) each(f func(Key, Value)) {
	for _, k := range slices.SortedFunc(maps.Keys(d), Key.Compare) {
		f(k, d[k])
	}
}

func (d doc) lookup(k Key) Value { return d[k] }

func key(n FieldNum, sub ...string) Key {
	k := Key{Num: n}
	if len(sub) > 0 {
		k.Sub = sub[0]
	}
	return k
}

func TestValidate(t *testing.T) {
	day := Int(int64(DateOf(2026, 9, 1)))
	before := Int(int64(DateOf(2026, 8, 31)))
	sheet := SheetID{DateOf(2026, 9, 1), SessionAM, class1}.String()
	visit := func(more doc) doc {
		d := doc{key(VisitDate): day, key(VisitHelper): Str("3199109006"), key(VisitKind): Int(VisitLesson)}
		maps.Copy(d, more)
		return d
	}
	for name, c := range map[string]struct {
		k    Kind
		id   string
		d    doc
		want string // ids of the messages, in order
	}{
		"sheet":               {KindSheet, sheet, doc{key(SheetState): Int(SheetTaken), key(SheetRoll): Int(40), key(SheetMark, pupilA): Mark{Status: StatusSick, Symptom: 1}.Encode()}, ""},
		"nobody took it":      {KindSheet, sheet, doc{}, ""},
		"cleared mark":        {KindSheet, sheet, doc{key(SheetMark, pupilA): Nil}, ""},
		"mark of nobody":      {KindSheet, sheet, doc{key(SheetMark): List(Int(6))}, "schema.pupil_id_length"},
		"mark of a wrong id":  {KindSheet, sheet, doc{key(SheetMark, "G990109201901210018"): List(Int(6))}, "schema.pupil_id_check"},
		"minutes when sick":   {KindSheet, sheet, doc{key(SheetMark, pupilA): List(Int(4), Int(5))}, "schema.mark_minutes"},
		"symptom when late":   {KindSheet, sheet, doc{key(SheetMark, pupilA): List(Int(2), Int(5), Int(1))}, "schema.mark_symptom"},
		"mark is a number":    {KindSheet, sheet, doc{key(SheetMark, pupilA): Int(6)}, "schema.mark"},
		"newer status":        {KindSheet, sheet, doc{key(SheetMark, pupilA): List(Int(42), Int(5))}, ""},
		"state is a text":     {KindSheet, sheet, doc{key(SheetState): Str("taken")}, "schema.type"},
		"state out of range":  {KindSheet, sheet, doc{key(SheetState): Int(100)}, "schema.code"},
		"roll below zero":     {KindSheet, sheet, doc{key(SheetRoll): Int(-1)}, "schema.range"},
		"plain field's item":  {KindSheet, sheet, doc{key(SheetState, "x"): Int(1)}, "schema.no_items"},
		"bad id":              {KindSheet, "x", doc{}, "schema.id"},
		"visit":               {KindVisit, "v", visit(nil), ""},
		"visit ends early":    {KindVisit, "v", visit(doc{key(VisitEnd): before}), "schema.order"},
		"visit lacks all":     {KindVisit, "v", doc{}, "schema.required schema.required schema.required"},
		"required is cleared": {KindVisit, "v", visit(doc{key(VisitKind): Nil}), "schema.required"},
		"voided visit":        {KindVisit, "v", doc{key(FieldVoid): Str("录错")}, ""},
		"helper is no school": {KindVisit, "v", visit(doc{key(VisitHelper): Str("P001")}), "schema.in_field"},
		"credit of nobody":    {KindVisit, "v", visit(doc{key(VisitCredits): Int(5)}), "schema.item"},
		"credit":              {KindVisit, "v", visit(doc{key(VisitCredits, "T2199109001001"): Int(5)}), ""},
		"topic too long":      {KindVisit, "v", visit(doc{key(VisitTopic): Str(strings.Repeat("长", lineLen+1))}), "schema.too_long"},
		"bell in a topic":     {KindVisit, "v", visit(doc{key(VisitTopic): Str("a\ab")}), "schema.control"},
		"names are a text":    {KindVisit, "v", visit(doc{key(VisitVisitorNames): Str("张三")}), "schema.type"},
		"names":               {KindVisit, "v", visit(doc{key(VisitVisitorNames): List(Str("张三"), Str("李四"))}), ""},
		"date in 1800":        {KindVisit, "v", visit(doc{key(VisitDate): Int(int64(DateOf(1800, 1, 1)))}), "schema.date"},
		"newer field":         {KindVisit, "v", visit(doc{{Num: 77, Sub: "x"}: List(Int(1), Str("y"))}), ""},
		"newer field, broken": {KindVisit, "v", visit(doc{{Num: 77}: "\xca"}), "schema.value"},
		"newer kind":          {Kind(999), "", doc{key(1): Int(1)}, ""},
		"pupil":               {KindPupil, pupilA, doc{key(PupilName): Str("罗丽婷"), key(PupilSex): Int(2), key(PupilEthnic): Int(11), key(PupilAdmitted): Int(202609)}, ""},
		"pupil's sex is 3":    {KindPupil, pupilA, doc{key(PupilName): Str("罗"), key(PupilSex): Int(3)}, "schema.code"},
		"month 13":            {KindPupil, pupilA, doc{key(PupilName): Str("罗"), key(PupilAdmitted): Int(202613)}, "schema.month"},
		"member":              {KindAgreement, "P001", doc{key(AgreementLead): Str(school), key(AgreementMember, "2199109011"): Str("清溪")}, ""},
		"member is no school": {KindAgreement, "P001", doc{key(AgreementLead): Str(school), key(AgreementMember, "x"): Str("清溪")}, "schema.school_code_length"},
		"calendar":            {KindCalendar, "2026", doc{key(CalendarDay, "2026-09-01"): Int(DaySchool)}, ""},
		"calendar's date":     {KindCalendar, "2026", doc{key(CalendarDay, "9-1"): Int(DaySchool)}, "schema.item"},
		"region":              {KindSchool, school, doc{key(SchoolName): Str("一小"), key(SchoolRegion): Str("990109001")}, ""},
		"short region":        {KindSchool, school, doc{key(SchoolName): Str("一小"), key(SchoolRegion): Str("99")}, "schema.region"},
		"setting":             {KindSetting, SettingWarn, doc{key(SettingValue): Int(30)}, ""},
	} {
		var got []string
		for _, m := range Validate(c.k, c.id, c.d.each) {
			got = append(got, m.ID())
			for _, lang := range []text.Lang{text.ZH, text.EN} {
				if words := m.In(lang); strings.ContainsAny(words, "{}") || words == m.ID() {
					t.Errorf("%s: %q", name, words)
				}
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

func TestAClerkUnderstands(t *testing.T) {
	m := CheckField(KindPupil, key(PupilSex), Int(3))
	if got, want := m.In(text.ZH), "“性别”没有代码3，可填：未知的性别、男、女、未说明的性别"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	m = CheckField(KindTraining, key(TrainingHours), Int(-5))
	if got, want := m.In(text.EN), "hours must be between 0 and 10000, not -0.5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := CheckPupilID("G990109201901210018").In(text.ZH), "学籍号“G990109201901210018”的校验位不对，末位应是7，现在是8，请核对有没有输错的数字"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		k      Kind
		n      FieldNum
		v      Value
		zh, en string
	}{
		{KindSheet, SheetMark, Mark{Status: StatusLate, Minutes: 13}.Encode(), "迟到 13分钟", "late, 13 min"},
		{KindSheet, SheetMark, Mark{Status: StatusSick, Symptom: 1}.Encode(), "病假（发热）", "sick (fever)"},
		{KindVisit, VisitKind, Int(VisitSync), "同步课堂", "shared online lesson"},
		{KindVisit, VisitHours, Int(45), "4.5", "4.5"},
		{KindVisit, VisitDate, Int(int64(DateOf(2026, 9, 1))), "2026-09-01", "2026-09-01"},
		{KindVisit, VisitVisitorNames, List(Str("甲"), Str("乙")), "甲、乙", "甲, 乙"},
		{KindTraining, TrainingCost, Int(12305), "123.05", "123.05"},
		{KindPupil, PupilBoarder, Bool(true), "是", "yes"},
		{KindPupil, PupilAdmitted, Int(202609), "2026-09", "2026-09"},
		{KindPupil, PupilSex, Int(77), "77", "77"},
		{KindPupil, PupilName, Nil, "", ""},
		{Kind(999), 1, List(Int(1), Bin("\x0f")), "[1 0f]", "[1 0f]"},
	} {
		if got := Words(c.k, c.n, c.v); got.ZH != c.zh || got.EN != c.en {
			t.Errorf("%s %d: %v, want %s and %s", c.k, c.n, got, c.zh, c.en)
		}
	}
}

// TestValidateNeverFails feeds it whatever may come over the wire.
func TestValidateNeverFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(append(Kinds(), 999)).Draw(t, "kind")
		d := doc{}
		for range rapid.IntRange(0, 12).Draw(t, "fields") {
			sub := rapid.SampledFrom([]string{"", pupilA, school, "2026-09-01", "\xff"}).Draw(t, "sub")
			d[Key{FieldNum(rapid.IntRange(0, 101).Draw(t, "num")), sub}] = anyValue(0).Draw(t, "value")
		}
		for _, m := range Validate(k, rapid.String().Draw(t, "id"), d.each) {
			if text.Parse(m.Code()).In(text.ZH) != m.In(text.ZH) {
				t.Fatalf("%q does not survive the wire", m.In(text.ZH))
			}
		}
		for key, v := range d {
			Words(k, key.Num, v)
		}
	})
}

func TestRoster(t *testing.T) {
	sep, oct, nov := DateOf(2026, 9, 1), DateOf(2026, 10, 8), DateOf(2026, 11, 2)
	e := func(pupil, class string, from, to Date, row int) Enrolment {
		return Enrolment{Pupil: pupil, Class: class, From: from, To: to, Row: row}
	}
	class2 := "2026/一年级（2）班"
	all := []Enrolment{
		e("c", class1, sep, 0, 3), e("b", class1, sep, oct-1, 2), e("b", class2, oct, 0, 9), e("a", class1, sep, 0, 3),
		e("d", class1, oct, nov-1, 1), e("d", class1, nov, 0, 4), e("a", class1, oct, 0, 7),
	}
	for _, c := range []struct {
		class string
		on    Date
		want  string
	}{
		{class1, sep - 1, ""}, {class1, sep, "b a c"}, {class1, oct - 1, "b a c"}, {class1, oct, "d a c"},
		{class1, nov - 1, "d a c"}, {class1, nov, "a c d"}, {class2, oct, "b"}, {class2, sep, ""},
	} {
		if got := strings.Join(Roster(all, c.class, c.on), " "); got != c.want {
			t.Errorf("%s on %s: %q, want %q", c.class, c.on, got, c.want)
		}
	}
	if got := ClassOn(all, "b", sep) + " " + ClassOn(all, "b", oct) + " " + ClassOn(all, "b", sep-1); got != class1+" "+class2+" " {
		t.Error(got)
	}
	id := EnrolmentID(pupilA, class1, sep)
	d := doc{key(EnrolmentFrom): Int(int64(sep)), key(EnrolmentTo): Int(int64(oct)), key(EnrolmentOut): Int(EnrolTransferOut), key(EnrolmentRow): Int(1)}
	want := Enrolment{pupilA, class1, sep, oct, 0, EnrolTransferOut, 1}
	if got, ok := EnrolmentOf(id, d.lookup); !ok || got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	d[key(FieldVoid)] = Str("误录")
	if _, ok := EnrolmentOf(id, d.lookup); ok {
		t.Error("a voided enrolment counts")
	}
	// In any order of the enrolments the roster is the same.
	rapid.Check(t, func(t *rapid.T) {
		mixed := rapid.Permutation(all).Draw(t, "order")
		if got, want := Roster(mixed, class1, nov), Roster(all, class1, nov); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestCalendarAndSettings(t *testing.T) {
	d := DateOf(2026, 12, 1)
	district := doc{key(CalendarDay, d.String()): Int(DaySchool)}
	own := doc{key(CalendarDay, d.String()): Int(DaySnow)}
	if DayOf(d, district.lookup, nil) != DaySchool || DayOf(d, district.lookup, own.lookup) != DaySnow || DayOf(d+1, district.lookup, own.lookup) != 0 || DayOf(d, nil, nil) != 0 {
		t.Error("the school's own exception does not go before the district's calendar")
	}
	if !SchoolDay(DayMakeUp) || SchoolDay(DaySnow) || SchoolDay(0) {
		t.Error("days with lessons are not told from others")
	}
	for _, s := range Settings() {
		if s.Default < s.Min || s.Default > s.Max || s.Label.ZH == "" || s.Label.EN == "" {
			t.Errorf("%+v", s)
		}
		if got := Threshold(s.Name, nil); got != s.Default {
			t.Errorf("%s: %d", s.Name, got)
		}
	}
	set := func(v Value) func(Key) Value { return doc{key(SettingValue): v}.lookup }
	if Threshold(SettingWarn, set(Int(45))) != 45 || Threshold(SettingWarn, set(Int(-1))) != 30 || Threshold(SettingWarn, set(Str("x"))) != 30 {
		t.Error("the district's setting is not taken, or one that makes no sense is")
	}
	if len(DefaultProgrammes()) != 10 {
		t.Error("the list of programmes changed")
	}
}

func TestViewersAndMonths(t *testing.T) {
	date := Int(int64(DateOf(2026, 9, 1)))
	for _, c := range []struct {
		k         Kind
		scope, id string
		d         doc
		viewers   string
		all       bool
		month     string
	}{
		{KindVisit, school, "v", doc{key(VisitHelper): Str("3199109006"), key(VisitDate): date}, school + " 3199109006", false, "2026-09"},
		{KindVisit, school, "v", doc{key(VisitHelper): Str(school)}, school, false, NoMonth},
		{KindSheet, school, "2026-10-08/am/" + class1, nil, school, false, "2026-10"},
		{KindSheet, school, "?", nil, school, false, NoMonth},
		{KindTraining, school, "t", doc{key(TrainingDate): date}, school, false, "2026-09"},
		{KindSchool, DistrictScope, school, nil, school, false, NoMonth},
		{KindAgreement, DistrictScope, "P001", doc{key(AgreementLead): Str("3199109006"), key(AgreementMember, school): Str("一小"), key(AgreementMember, "2199109011"): Nil}, "3199109006 " + school, false, NoMonth},
		{KindPosting, DistrictScope, "p", doc{key(PostingFrom): Str(school), key(PostingTo): Str("2199109011")}, school + " 2199109011", false, NoMonth},
		{KindCalendar, DistrictScope, "2026", nil, "", true, NoMonth},
		{KindCalendar, school, "2026", nil, school, false, NoMonth},
		{KindSetting, DistrictScope, SettingWarn, nil, "", true, NoMonth},
	} {
		viewers, all := Viewers(c.k, c.scope, c.id, c.d.each)
		if strings.Join(viewers, " ") != c.viewers || all != c.all {
			t.Errorf("%s %s is seen by %v, %v", c.k, c.id, viewers, all)
		}
		if got := MonthOf(c.k, c.id, c.d.lookup); got != c.month {
			t.Errorf("%s %s lies in %s, want %s", c.k, c.id, got, c.month)
		}
	}
	if Owner(KindVisit, VisitTopic) != RoleHost || Owner(KindVisit, VisitConfirmed) != RoleHelper || Owner(KindVisit, FieldVoid) != RoleHost ||
		Owner(KindSchool, SchoolName) != RoleDistrict || Owner(KindSheet, SheetMark) != RoleHost {
		t.Error("ownership changed")
	}
}
