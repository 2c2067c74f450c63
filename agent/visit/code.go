package visit

import (
	"crypto/sha256"

	"shangu/schema"
	"shangu/schema/text"
	"shangu/sync/change"
	"shangu/sync/receipt"
)

// Shape of a visit's short code: values of five bits, and the check character.
const (
	codeValues = 7
	codeLength = codeValues + 1
)

// coded are the fields that a code stands for, in this order: what host and helper
// both see and a dispute would be about. Notes and the hours of the host's own
// teachers may change without one.
var coded = []schema.FieldNum{
	schema.VisitDate, schema.VisitEnd, schema.VisitAgreement, schema.VisitHelper, schema.VisitDirection, schema.VisitKind, schema.VisitMode,
	schema.VisitTopic, schema.VisitVisitors, schema.VisitVisitorNames, schema.VisitHours, schema.VisitPupils, schema.VisitTeachers,
	schema.VisitClasses, schema.VisitDropped,
}

// code is the short code of what a visit's document says; see DESIGN.md. Host and
// helper each make it of their own copy.
func code(host string, d *change.Doc) string {
	b := []byte("shangu visit v1")
	b = schema.AppendStr(schema.AppendStr(b, host), d.ID)
	for _, n := range coded {
		if v := d.Value(n); !v.IsNil() {
			b = append(schema.AppendInt(b, int64(n)), v...)
		}
	}
	sum := sha256.Sum256(b)
	values := make([]byte, codeValues)
	bits := uint64(0)
	for _, x := range sum[:5] {
		bits = bits<<8 | uint64(x)
	}
	for i := range values {
		bits, values[i] = bits>>5, byte(bits&31)
	}
	return receipt.Spell(values)
}

// ReadCode brings a code as people copy it from paper to the way it is written. It
// fails with what is wrong with it.
func ReadCode(typed string) (string, error) {
	v, err := receipt.Unspell(typed, codeLength)
	if err != nil {
		if m := text.Of(err); m != nil && m.ID() == "receipt.misread" {
			return "", text.New("visit.code_misread")
		}
		return "", text.New("visit.code_shape", "n", codeLength)
	}
	return receipt.Spell(v[:codeValues]), nil
}
