package schema

import (
	"slices"

	"shangu/schema/text"
)

// Setting is a threshold or switch of the district. Counties and years differ,
// so none of these numbers stands in code; a document of KindSetting with the
// name as its id overrides the default.
type Setting struct {
	Name     string // id of the setting's document
	Label    text.Label
	Default  int64
	Min, Max int64
}

// Names of the settings.
const (
	SettingExpiring      = "agreement.expiring_days"
	SettingWarn          = "agreement.warn_days"
	SettingPlan          = "agreement.plan_days"
	SettingExit          = "agreement.exit_days"
	SettingDropoutRun    = "dropout.run_days"
	SettingDropoutCount  = "dropout.count_days"
	SettingDropoutWindow = "dropout.window_days"
	SettingDropoutWatch  = "dropout.watch_days"
	SettingDropoutGone   = "dropout.gone_days"
	SettingSickDay       = "sickness.day_pupils"
	SettingSickRun       = "sickness.run_pupils"
	SettingSickRunDays   = "sickness.run_days"
	SettingTrainingHours = "training.hours"
	SettingTrainingYears = "training.years"
	SettingHomeShare     = "home.share_percent"
	SettingHomeVisits    = "home.visits_month"
	SettingKeepContacts  = "privacy.keep_contacts"
)

var settings = []Setting{
	{SettingExpiring, label("协议到期提前提醒（天）", "days before an agreement ends to say so"), 60, 1, 3650},
	{SettingWarn, label("无活动预警（天）", "days without a confirmed visit to a warning"), 30, 1, 3650},
	{SettingPlan, label("无活动整改（天）", "days without a confirmed visit to a plan"), 60, 1, 3650},
	{SettingExit, label("无活动建议撤销（天）", "days without a confirmed visit to a proposal to end"), 120, 1, 3650},
	{SettingDropoutRun, label("连续旷课立案（上课日）", "school days absent in a row that open a case"), 3, 1, 200},
	{SettingDropoutCount, label("累计旷课立案（上课日）", "school days absent in the window that open a case"), 5, 1, 200},
	{SettingDropoutWindow, label("累计旷课统计窗口（上课日）", "school days in the window"), 20, 1, 200},
	{SettingDropoutWatch, label("重点关注学生立案（上课日）", "school days absent that open a case for a watched pupil"), 1, 1, 200},
	{SettingDropoutGone, label("名在人不在（上课日）", "school days never present to be called gone"), 10, 1, 200},
	{SettingSickDay, label("单日同班因病缺课报警（人）", "pupils of a class sick in one day that raise an alarm"), 3, 1, 1000},
	{SettingSickRun, label("连续多日同班因病缺课报警（人）", "pupils of a class sick in the run of days that raise an alarm"), 5, 1, 1000},
	{SettingSickRunDays, label("因病缺课连续统计（天）", "days in the run"), 3, 1, 30},
	{SettingTrainingHours, label("周期内应完成学时", "hours of training due in the period"), 360, 1, 10000},
	{SettingTrainingYears, label("培训周期（年）", "years in the period"), 5, 1, 20},
	{SettingHomeShare, label("送教上门占比上限（%）", "share of pupils taught at home that raises an alarm, percent"), 5, 0, 100},
	{SettingHomeVisits, label("送教上门每月最少次数", "home visits due each month"), 2, 0, 31},
	{SettingKeepContacts, label("保存身份证号、住址和电话（0否1是）", "keep identity numbers, addresses and phones (0 no, 1 yes)"), 0, 0, 1},
}

// Settings lists all settings that this build knows.
func Settings() []Setting { return slices.Clone(settings) }

// SettingOf returns the setting of a name.
func SettingOf(name string) (Setting, bool) {
	for _, s := range settings {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// Threshold returns a setting's number: the district's if its document has
// one, else the default. lookup reads the document's fields; nil if there is
// no document.
func Threshold(name string, lookup func(Key) Value) int64 {
	s, _ := SettingOf(name)
	if lookup != nil {
		if n, ok := lookup(Key{Num: SettingValue}).Int(); ok && n >= s.Min && n <= s.Max {
			return n
		}
	}
	return s.Default
}

// Programme is one training programme of the district's list.
type Programme struct {
	Name  string // id of its document
	Group string
	For   text.Label
}

const fiveVoyages = "五航"

// DefaultProgrammes is the list that a new district begins with.
func DefaultProgrammes() []Programme {
	return []Programme{
		{"启航", fiveVoyages, label("新任校长、新任教师", "new heads and teachers")},
		{"续航", fiveVoyages, label("脱产研修、轮岗研修", "in-residence and rotation training")},
		{"护航", fiveVoyages, label("师德", "professional ethics")},
		{"助航", fiveVoyages, label("教研员、培训者", "researchers and trainers")},
		{"领航", fiveVoyages, label("名优校长、名师工作室", "leading heads and teachers, studios")},
		{"名师工作室", "", label("骨干教师", "leading teachers")},
		{"乡村教师支持计划", "", label("乡村教师", "country teachers")},
		{"信息素养", "", label("全体教师", "all teachers")},
		{"特教通识", "", label("全体教师", "all teachers")},
		{"校本教研", "", label("本校教师", "the school's teachers")},
	}
}
