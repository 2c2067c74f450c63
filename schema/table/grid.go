package table

import (
	"errors"
	"fmt"
	"io"

	"shangu/schema/table/xlsx"
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
	out := xlsx.NewWriter(w)
	for i := range grids {
		if err := grids[i].write(out); err != nil {
			return fmt.Errorf("write workbook: sheet %d: %w", i+1, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

// titleHeight is in points.
const titleHeight = 24

func (g *Grid) write(out *xlsx.Writer) error {
	head, merged, width := g.layOut()
	for _, row := range g.Rows {
		width = max(width, len(row))
	}
	page := xlsx.Page{Name: g.Name, A4: true, Landscape: g.Wide, Repeat: 1 + len(g.Head)}
	for c := range width {
		if len(g.Widths) > 0 {
			page.Widths = append(page.Widths, g.Widths[min(c, len(g.Widths)-1)])
		}
	}
	if err := errors.Join(out.Begin(page), out.Row(titleHeight, xlsx.Cell{Value: g.Title, Style: xlsx.Title})); err != nil {
		return err
	}
	for _, cells := range head {
		if err := out.Row(0, cells...); err != nil {
			return err
		}
	}
	for _, row := range g.Rows {
		if err := out.Row(0, cellsOf(row, xlsx.Ruled)...); err != nil {
			return err
		}
	}
	for _, s := range g.Below {
		if err := out.Row(0, xlsx.Cell{Value: s}); err != nil {
			return err
		}
	}
	if width > 1 {
		merged = append(merged, xlsx.Range{Column1: 1, Row1: 1, Column2: width, Row2: 1})
	}
	return out.End(merged...)
}

// layOut places the cells of the header below the title, each in the first place that
// is free, and lists what is to be merged.
func (g *Grid) layOut() (rows [][]xlsx.Cell, merged []xlsx.Range, width int) {
	taken := map[[2]int]bool{}
	rows = make([][]xlsx.Cell, len(g.Head))
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
				rows[y] = append(rows[y], xlsx.Cell{Style: xlsx.Head})
			}
			rows[y][x].Value = s.Text
			if w > 1 || h > 1 {
				merged = append(merged, xlsx.Range{Column1: x + 1, Row1: y + 2, Column2: x + w, Row2: y + h + 1})
			}
			x += w
			width = max(width, x)
		}
	}
	for y := range rows {
		for len(rows[y]) < width {
			rows[y] = append(rows[y], xlsx.Cell{Style: xlsx.Head})
		}
	}
	return rows, merged, width
}
