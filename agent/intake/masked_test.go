package intake_test

import (
	"bytes"
	"strings"
	"testing"

	"shangu/agent/intake"
	"shangu/schema"
)

// No table that is masked names anybody; it has as many lines as one that does.
func TestMaskedTables(t *testing.T) {
	m := newMemory(t)
	for _, kind := range intake.Kinds() {
		name := string(kind) + ".csv"
		if kind == intake.Roster || kind == intake.Teachers {
			name = string(kind) + ".xlsx"
		}
		m.load(kind, sample(t, "2199109015", name))
	}
	var secrets []string
	for _, kind := range []schema.Kind{schema.KindPupil, schema.KindTeacher} {
		secrets = append(secrets, m.ids(kind)...)
	}
	for _, id := range m.ids(schema.KindPupil) {
		d, _ := m.Doc("", schema.KindPupil, id)
		if name := d.Value(schema.PupilName).Text(); strings.Count(name, "") > 3 { // longer names are in no word by chance
			secrets = append(secrets, name)
		}
	}
	for d := range m.Docs(schema.KindTraining, "") {
		if c := d.Value(schema.TrainingCertificate).Text(); c != "" {
			secrets = append(secrets, c)
		}
	}
	for _, kind := range intake.Kinds() {
		var open, masked bytes.Buffer
		if err := intake.Write(kind, &open, "x.csv", m); err != nil {
			t.Fatal(err)
		}
		if err := intake.WriteMasked(kind, &masked, "x.csv", m); err != nil {
			t.Fatal(err)
		}
		if a, b := strings.Count(open.String(), "\r\n"), strings.Count(masked.String(), "\r\n"); a != b || a < 2 {
			t.Errorf("%s has %d lines, masked %d", kind, a, b)
		}
		named := false
		for _, s := range secrets {
			named = named || strings.Contains(open.String(), s)
			if strings.Contains(masked.String(), s) {
				t.Errorf("%s, masked, says %s", kind, s)
				break
			}
		}
		if !named && kind != intake.Visits {
			t.Errorf("%s names nobody even when open", kind)
		}
	}
}
