package table

import (
	"bytes"
	"testing"

	"github.com/xuri/excelize/v2"
)

func TestGrids(t *testing.T) {
	grid := func(name string) Grid {
		return Grid{
			Name: name, Title: "考勤登记册", Wide: true, Widths: []float64{5, 10, 4},
			Head:  [][]Span{{{Text: "序号", Rows: 2}, {Text: "姓名", Rows: 2}, {Text: "12日", Cols: 2}, {Text: "13日", Cols: 2}}, {{Text: "上"}, {Text: "下"}, {Text: "上"}, {Text: "下"}}},
			Rows:  [][]any{{1, "=张三", "√", "病", nil, "√"}, {2, "李四", "√", "√", "√", Decimal{15, 1}}},
			Below: []string{"√ 出勤"},
		}
	}
	var b bytes.Buffer
	if err := WriteGrids(&b, grid("一年级（1）班"), grid("一年级（2）班")); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const sheet = "一年级（2）班"
	for at, want := range map[string]string{"A1": "考勤登记册", "A2": "序号", "C2": "12日", "E2": "13日", "C3": "上", "F3": "下", "B4": "=张三", "D4": "病", "E4": "", "F5": "1.5", "A6": "√ 出勤"} {
		if got, err := f.GetCellValue(sheet, at); err != nil || got != want {
			t.Errorf("%s holds %q, want %q (%v)", at, got, want, err)
		}
	}
	if formula, err := f.GetCellFormula(sheet, "B4"); err != nil || formula != "" {
		t.Errorf("a name became the formula %q, %v", formula, err)
	}
	merged, err := f.GetMergeCells(sheet)
	if err != nil || len(merged) != 5 {
		t.Errorf("%v, %v", merged, err)
	}
	layout, err := f.GetPageLayout(sheet)
	if err != nil || *layout.Orientation != "landscape" || *layout.Size != 9 || *layout.FitToWidth != 1 || *layout.FitToHeight != 0 {
		t.Errorf("%+v, %v", layout, err)
	}
	names := f.GetDefinedName()
	if len(names) != 2 || names[1].RefersTo != "'一年级（2）班'!$1:$3" {
		t.Errorf("%+v", names)
	}
}
