package watch

import (
	"shangu/agent/roster"
	"shangu/schema"
	"shangu/schema/text"
)

// Notice is a sentence about a day for whoever works on it.
type Notice struct {
	Text  *text.Message
	Alarm bool   // to be acted upon at once
	Class string // whom it is about, "" for the school
	Case  bool   // somebody waits for a case to be opened
}

// Alarms say of a day's rolls that sickness clusters. Mostly there are none.
func (d *Desk) Alarms(on schema.Date) ([]Notice, error) {
	out, _, err := d.alarms(on)
	return out, err
}

func (d *Desk) alarms(on schema.Date) (out []Notice, sick Checked, err error) {
	r, err := d.book.Open()
	if err != nil {
		return nil, sick, err
	}
	if sick, err = d.SickOn(on); err != nil {
		return nil, sick, err
	}
	for _, c := range sick.Clusters {
		out = append(out, Notice{Text: c.Say(r, SickLimitsOf(r)), Alarm: true, Class: c.Class})
	}
	return out, sick, nil
}

// Notices say what a day's rolls gave rise to: alarms of sickness or that there are
// none (零报告), and how many pupils wait for a case. Before any roll there are none.
func (d *Desk) Notices(on schema.Date) ([]Notice, error) {
	out, sick, err := d.alarms(on)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 && sick.Taken > 0 {
		out = append(out, Notice{Text: text.New("watch.notice_none", "taken", sick.Taken, "classes", sick.Classes, "n", sick.Sick)})
	}
	found, _, err := d.Absences(on)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		out = append(out, Notice{Text: text.New("watch.notice_cases", "n", len(found)), Case: true})
	}
	return out, nil
}

// Say is the alarm in words.
func (c Cluster) Say(r *roster.Roster, l SickLimits) *text.Message {
	name := c.Class
	if class := r.Class(c.Class); class != nil {
		name = class.Name
	}
	if c.ByDay {
		return text.New("watch.alarm_day", "class", name, "n", len(c.On), "group", c.Group.Label())
	}
	return text.New("watch.alarm_run", "class", name, "n", len(c.Run), "days", l.Days, "group", c.Group.Label())
}

// Label names a group of symptoms.
func (g Group) Label() text.Label {
	labels := [...]text.Label{
		Respiratory: {ZH: "发热呼吸道症状", EN: "fever, cough or sore throat"}, Digestive: {ZH: "消化道症状", EN: "stomach ache, diarrhoea or vomiting"},
		Rash: {ZH: "皮疹", EN: "rash"}, Parotid: {ZH: "腮腺肿大", EN: "swollen parotid"}, RedEye: {ZH: "红眼", EN: "red eyes"},
		General: {ZH: "头痛头晕乏力", EN: "headache, dizziness or weakness"}, Unsaid: {ZH: "症状未写明", EN: "no symptom given"},
	}
	if int(g) < len(labels) {
		return labels[g]
	}
	return text.Label{}
}
