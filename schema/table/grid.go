package table

import (
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"
)

// Grid is one sheet of a workbook that is laid out for paper: a title, a header of
// several lines with cells that span others, rows, and lines below them.
type Grid struct {
	Name   string // of the sheet: at most 31 characters, unique in its workbook
	Title  string
	Head   [][]Span
	Rows   [][]any // a string, an int, a Decimal, or nil for nothing
	Below  []string
	Widths []float64 // of columns, in characters; the last one holds for the others
	Wide   bool      // A4 landscape
}

// Span is a cell of a header.
type Span struct {
	Text       string
	Cols, Rows int // that it covers; 1 if 0
}

// WriteGrids writes a workbook of sheets for paper: A4, as wide as the page, with the
// header repeated on each.
func WriteGrids(w io.Writer, grids ...Grid) error {
	book := excelize.NewFile()
	defer book.Close()
	thin := []excelize.Border{{Type: "left", Color: "999999", Style: 1}, {Type: "right", Color: "999999", Style: 1}, {Type: "top", Color: "999999", Style: 1}, {Type: "bottom", Color: "999999", Style: 1}}
	centre := &excelize.Alignment{Horizontal: "center", Vertical: "center", WrapText: true}
	var styles [3]int
	for i, s := range []*excelize.Style{
		{Font: &excelize.Font{Bold: true, Size: 14}, Alignment: centre},
		{Font: &excelize.Font{Bold: true}, Alignment: centre, Border: thin},
		{Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "center"}, Border: thin},
	} {
		var err error
		if styles[i], err = book.NewStyle(s); err != nil {
			return fmt.Errorf("write workbook: %w", err)
		}
	}
	for i := range grids {
		if err := grids[i].write(book, i, styles); err != nil {
			return fmt.Errorf("write workbook: sheet %d: %w", i+1, err)
		}
	}
	if err := book.Write(w); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

func (g *Grid) write(book *excelize.File, i int, styles [3]int) error {
	if i == 0 {
		if err := book.SetSheetName("Sheet1", g.Name); err != nil {
			return err
		}
	} else if _, err := book.NewSheet(g.Name); err != nil {
		return err
	}
	// What is said of the paper goes before the rows: the writer is past it then.
	if err := g.paper(book); err != nil {
		return err
	}
	out, err := book.NewStreamWriter(g.Name)
	if err != nil {
		return err
	}
	head, merges, width := g.layOut(styles[1])
	for _, row := range g.Rows {
		width = max(width, len(row))
	}
	for c := range width {
		if len(g.Widths) == 0 {
			break
		}
		if err := out.SetColWidth(c+1, c+1, g.Widths[min(c, len(g.Widths)-1)]); err != nil {
			return err
		}
	}
	if err := out.SetRow("A1", []any{excelize.Cell{StyleID: styles[0], Value: g.Title}}, excelize.RowOpts{Height: 24}); err != nil {
		return err
	}
	line := 1
	set := func(cells []any) error {
		line++
		return out.SetRow(cellName(0, line), cells)
	}
	for _, cells := range head {
		if err := set(cells); err != nil {
			return err
		}
	}
	for _, row := range g.Rows {
		cells := make([]any, len(row))
		for c, v := range row {
			if d, ok := v.(Decimal); ok {
				v = d.float()
			}
			cells[c] = excelize.Cell{StyleID: styles[2], Value: v}
		}
		if err := set(cells); err != nil {
			return err
		}
	}
	for _, s := range g.Below {
		if err := set([]any{s}); err != nil {
			return err
		}
	}
	if width > 1 {
		merges = append(merges, [2]string{"A1", cellName(width-1, 1)})
	}
	for _, m := range merges {
		if err := out.MergeCell(m[0], m[1]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// layOut places the cells of the header below the title, each in the first place that
// is free, and lists what is to be merged.
func (g *Grid) layOut(style int) (rows [][]any, merges [][2]string, width int) {
	taken := map[[2]int]bool{}
	rows = make([][]any, len(g.Head))
	for y, line := range g.Head {
		x := 0
		for _, s := range line {
			for taken[[2]int{x, y}] {
				x++
			}
			w, h := max(s.Cols, 1), max(s.Rows, 1)
			for dy := range h {
				for dx := range w {
					taken[[2]int{x + dx, y + dy}] = true
				}
			}
			for len(rows[y]) <= x {
				rows[y] = append(rows[y], excelize.Cell{StyleID: style})
			}
			rows[y][x] = excelize.Cell{StyleID: style, Value: s.Text}
			if w > 1 || h > 1 {
				merges = append(merges, [2]string{cellName(x, y+2), cellName(x+w-1, y+h+1)})
			}
			x += w
			width = max(width, x)
		}
	}
	for y := range rows {
		for len(rows[y]) < width {
			rows[y] = append(rows[y], excelize.Cell{StyleID: style})
		}
	}
	return rows, merges, width
}

// a4 is the paper in the numbers of the format.
const a4 = 9

func (g *Grid) paper(book *excelize.File) error {
	size, one, many, orientation := a4, 1, 0, "portrait"
	if g.Wide {
		orientation = "landscape"
	}
	fit := true
	narrow, top := 0.4, 0.5
	return firstErr(
		book.SetPageLayout(g.Name, &excelize.PageLayoutOptions{Size: &size, Orientation: &orientation, FitToWidth: &one, FitToHeight: &many}),
		book.SetSheetProps(g.Name, &excelize.SheetPropsOptions{FitToPage: &fit}),
		book.SetPageMargins(g.Name, &excelize.PageLayoutMarginsOptions{Left: &narrow, Right: &narrow, Top: &top, Bottom: &top}),
		book.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: fmt.Sprintf("'%s'!$1:$%d", g.Name, 1+len(g.Head)), Scope: g.Name}),
	)
}
