package schema

import (
	"slices"

	"shangu/schema/text"
)

// A 学校标识码 has 10 digits: 2 for the category of the school, 2 for the
// province (GB/T 2260), 6 serial. It has no check digit.

var schoolCategories = []string{
	"11", "21", "22", "31", "32", "33", "34", "35", "36", "37", "41", "42", "51", "91", "92", "93",
}

var provinces = []string{
	"11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37",
	"41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65",
	"71", "81", "82", provinceMadeUp,
}

// provinceMadeUp marks data that was made up for tests and demonstrations.
const provinceMadeUp = "99"

// CheckSchoolCode says what is wrong with a 学校标识码, or returns nil, and what
// is odd about it but may stand.
func CheckSchoolCode(code string) (wrong *text.Message, odd []*text.Message) {
	switch {
	case len(code) != 10:
		return text.New("schema.school_code_length", "code", code, "n", len([]rune(code))), nil
	case !digits(code):
		return text.New("schema.school_code_digits", "code", code), nil
	case !slices.Contains(provinces, code[2:4]):
		return text.New("schema.school_code_province", "code", code, "province", code[2:4]), nil
	}
	if !slices.Contains(schoolCategories, code[:2]) {
		odd = append(odd, text.New("schema.school_code_category", "code", code, "category", code[:2]))
	}
	return nil, odd
}

// MadeUp reports whether a 学校标识码 marks made-up data.
func MadeUp(schoolCode string) bool {
	return len(schoolCode) == 10 && schoolCode[2:4] == provinceMadeUp
}
