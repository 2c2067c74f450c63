package schema

import (
	"strings"

	"shangu/schema/text"
)

// A 全国学籍号 has 19 characters:
//
//	G  18-character citizen's number             last character is a check
//	J  6 area, 8 date of birth, 3 serial, 1 check
//	L  6 area, 8 date of birth, 4 serial         temporary, no check
//
// The check is MOD 11-2 of GB 11643 over the 17 digits before it.

var checkWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

const checkMap = "10X98765432"

// checkCharacter returns the MOD 11-2 check of 17 digits.
func checkCharacter(digits string) byte {
	sum := 0
	for i, w := range checkWeights {
		sum += int(digits[i]-'0') * w
	}
	return checkMap[sum%11]
}

// FoldPupilID brings a 学籍号 as typed to the form that CheckPupilID takes:
// ASCII, capital letters, no blanks.
func FoldPupilID(s string) string {
	return strings.ToUpper(strings.ReplaceAll(Fold(s), " ", ""))
}

// CheckPupilID says what is wrong with a 学籍号, or returns nil. A caller that
// needs an error must compare with nil first.
func CheckPupilID(id string) *text.Message {
	if len(id) != 19 {
		return text.New("schema.pupil_id_length", "id", id, "n", len([]rune(id)))
	}
	letter, rest := id[0], id[1:]
	if letter != 'G' && letter != 'J' && letter != 'L' {
		return text.New("schema.pupil_id_letter", "id", id)
	}
	for i := range len(rest) {
		if digit(rest[i]) || i == 17 && rest[i] == 'X' && letter != 'L' {
			continue
		}
		return text.New("schema.pupil_id_digit", "id", id, "at", i+2)
	}
	if _, ok := pupilBirth(id); !ok {
		return text.New("schema.pupil_id_birth", "id", id, "birth", id[7:15])
	}
	if want := checkCharacter(rest); letter != 'L' && rest[17] != want {
		return text.New("schema.pupil_id_check", "id", id, "got", string(rest[17]), "want", string(want))
	}
	return nil
}

// PupilBirthOf returns the date of birth, yyyy-mm-dd, that a 学籍号 holds. If it
// is no date, ok is false and birth are the digits as they stand.
func PupilBirthOf(id string) (birth string, ok bool) {
	if len(id) != 19 {
		return "", false
	}
	d, ok := pupilBirth(id)
	if !ok {
		return id[7:15], false
	}
	return d.String(), true
}

// pupilBirth is the date of birth in a 学籍号 of the right length.
func pupilBirth(id string) (Date, bool) {
	d, ok := dateOfDigits(id[7:11], id[11:13], id[13:15])
	return d, ok && dateInRange(d)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return s != ""
}
