package schema

import (
	"slices"

	"shangu/schema/text"
)

// Type is the sort of value that a field holds.
type Type uint8

// Types of fields.
const (
	TypeAny    Type = iota // any canonical value
	TypeText               // string; Max runes
	TypeInt                // int from Min to Max
	TypeBool               // bool
	TypeDate               // int: Date
	TypeMonth              // int: year*100+month
	TypeCode               // int: a number of List
	TypeTenths             // int: tenths of an hour, from Min to Max
	TypeMoney              // int: fen, from Min to Max
	TypeTexts              // list of string; Max items
	TypeMark               // Mark
	TypeBin                // bytes; Max of them
)

// Sub is what the items of a map field are named by.
type Sub uint8

// Names of map items. A plain field has none.
const (
	SubNone Sub = iota
	SubPupil
	SubTeacher
	SubSchool
	SubDate
	SubClass
)

// Privacy says who may see a field.
type Privacy uint8

// Degrees of privacy.
const (
	Open     Privacy = iota
	Personal         // names and numbers of a person: masked in exports unless asked for
	Guarded          // shown only to roles that need it, and each look is logged
)

// Field says what one field of a kind is.
type Field struct {
	Num      FieldNum
	Name     string     // in JSON and files; lower-case, unique in its kind
	Label    text.Label // on pages, in workbooks and in messages
	Type     Type
	Sub      Sub
	List     *CodeList // of TypeCode
	Min, Max int64     // limits, by Type
	Required bool
	Privacy  Privacy
}

// voidField is common to all kinds.
var voidField = Field{Num: FieldVoid, Name: "void", Label: text.Label{ZH: "作废原因", EN: "reason for voiding"}, Type: TypeText, Max: 200}

// Kinds lists the kinds that this build knows.
func Kinds() []Kind {
	ks := make([]Kind, 0, len(kindNames))
	for k := range kindNames {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// ParseKind finds a kind by its name in commands and JSON.
func ParseKind(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return k, true
		}
	}
	return 0, false
}

// Label is the name of a kind.
func (k Kind) Label() text.Label {
	if l, ok := kindLabels[k]; ok {
		return l
	}
	return text.Label{ZH: k.String(), EN: k.String()}
}

// Fields lists the fields of a kind in the order of their numbers, without
// FieldVoid; none for a kind that this build does not know.
func Fields(k Kind) []Field { return slices.Clone(fieldTable(k)) }

// FieldOf returns a field of a kind; ok is false for one that this build does
// not know.
func FieldOf(k Kind, n FieldNum) (Field, bool) {
	f := fieldOf(k, n)
	if f == nil {
		return Field{}, false
	}
	return *f, true
}

func fieldOf(k Kind, n FieldNum) *Field {
	table := fieldTable(k)
	if table == nil {
		return nil
	}
	if n == FieldVoid {
		return &voidField
	}
	if i := fieldIndex(table, n); i >= 0 {
		return &table[i]
	}
	return nil
}

// fieldIndex is the place of a field in its kind's table, -1 if it has none.
func fieldIndex(table []Field, n FieldNum) int {
	lo, hi := 0, len(table)
	for lo < hi {
		if mid := (lo + hi) / 2; table[mid].Num < n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(table) && table[lo].Num == n {
		return lo
	}
	return -1
}
