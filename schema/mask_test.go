package schema

import "testing"

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{"": "", "张": "张", "张小明": "张**", "阿依·木": "阿***"} {
		if got := MaskName(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "T01": "***", "L990109201609010001": "***************0001"} {
		if got := MaskID(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
