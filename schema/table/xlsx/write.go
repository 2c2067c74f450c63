package xlsx

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Style is how a cell looks.
type Style int

// Styles.
const (
	Plain   Style = iota
	Heading       // bold, centred
	Title         // bold and larger, centred
	Head          // bold, centred, with lines around
	Ruled         // centred, with lines around
)

// styles are the looks in the order of Style.
const styles = `<fonts count="3"><font><sz val="11"/><name val="宋体"/></font><font><b/><sz val="11"/><name val="宋体"/></font><font><b/><sz val="14"/><name val="宋体"/></font></fonts>` +
	`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
	`<borders count="2"><border><left/><right/><top/><bottom/><diagonal/></border>` +
	`<border><left style="thin"><color rgb="FF999999"/></left><right style="thin"><color rgb="FF999999"/></right><top style="thin"><color rgb="FF999999"/></top><bottom style="thin"><color rgb="FF999999"/></bottom><diagonal/></border></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
	`<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1" applyAlignment="1"><alignment horizontal="center"/></xf>` +
	`<xf numFmtId="0" fontId="2" fillId="0" borderId="0" xfId="0" applyFont="1" applyAlignment="1"><alignment horizontal="center" vertical="center" wrapText="1"/></xf>` +
	`<xf numFmtId="0" fontId="1" fillId="0" borderId="1" xfId="0" applyFont="1" applyBorder="1" applyAlignment="1"><alignment horizontal="center" vertical="center" wrapText="1"/></xf>` +
	`<xf numFmtId="0" fontId="0" fillId="0" borderId="1" xfId="0" applyBorder="1" applyAlignment="1"><alignment horizontal="center" vertical="center"/></xf></cellXfs>`

// Cell is one cell to write: a string, an int, an int64, a float64, or nil for nothing.
type Cell struct {
	Value any
	Style Style
}

// Page is a sheet but for its rows.
type Page struct {
	Name   string    // at most 31 characters, none of []:*?/\
	Widths []float64 // of columns from the first on, in characters
	Frozen int       // lines that stay when the others are scrolled

	A4        bool // margins and size of A4 paper, as wide as the page
	Landscape bool
	Repeat    int // lines that are printed on each page
}

// Range is a rectangle of cells, columns and rows from 1.
type Range struct{ Column1, Row1, Column2, Row2 int }

// Writer writes a workbook, one sheet after the other.
type Writer struct {
	zip   *zip.Writer
	pages []Page
	out   *bufio.Writer // of the present sheet
	row   int
}

// NewWriter begins a workbook.
func NewWriter(w io.Writer) *Writer { return &Writer{zip: zip.NewWriter(w)} }

const (
	xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainNS  = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relNS   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packNS  = "http://schemas.openxmlformats.org/package/2006"
	typeNS  = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// Begin begins a sheet.
func (w *Writer) Begin(p Page) error {
	if n := utf8.RuneCountInString(p.Name); n == 0 || n > 31 || strings.ContainsAny(p.Name, `[]:*?/\`) {
		return fmt.Errorf("begin sheet: %q is no name for one", p.Name)
	}
	for _, other := range w.pages {
		if strings.EqualFold(other.Name, p.Name) {
			return fmt.Errorf("begin sheet: %q is there already", p.Name)
		}
	}
	part, err := w.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", len(w.pages)+1))
	if err != nil {
		return fmt.Errorf("begin sheet: %w", err)
	}
	w.pages, w.out, w.row = append(w.pages, p), bufio.NewWriter(part), 0
	w.put(xmlHead, `<worksheet xmlns="`, mainNS, `">`)
	if p.A4 {
		w.put(`<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>`)
	}
	if p.Frozen > 0 {
		corner := Ref(1, p.Frozen+1)
		w.put(`<sheetViews><sheetView workbookViewId="0"><pane ySplit="`, strconv.Itoa(p.Frozen), `" topLeftCell="`, corner, `" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft"/></sheetView></sheetViews>`)
	}
	if len(p.Widths) > 0 {
		w.put(`<cols>`)
		for i, width := range p.Widths {
			n := strconv.Itoa(i + 1)
			w.put(`<col min="`, n, `" max="`, n, `" width="`, decimal(width), `" customWidth="1"/>`)
		}
		w.put(`</cols>`)
	}
	w.put(`<sheetData>`)
	return nil
}

// put writes to the present sheet; bufio keeps an error until End.
func (w *Writer) put(parts ...string) {
	for _, p := range parts {
		w.out.WriteString(p)
	}
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// maxText is the longest text of a cell, in characters.
const maxText = 32767

// Row writes the next row. height is in points; 0 leaves it to the program.
func (w *Writer) Row(height float64, cells ...Cell) error {
	w.row++
	w.put(`<row r="`, strconv.Itoa(w.row), `"`)
	if height > 0 {
		w.put(` ht="`, decimal(height), `" customHeight="1"`)
	}
	w.put(`>`)
	for i, c := range cells {
		if c.Value == nil && c.Style == Plain {
			continue
		}
		w.put(`<c r="`, Ref(i+1, w.row), `"`)
		if c.Style != Plain {
			w.put(` s="`, strconv.Itoa(int(c.Style)), `"`)
		}
		switch v := c.Value.(type) {
		case nil:
			w.put(`/>`)
		case int:
			w.put(`><v>`, strconv.Itoa(v), `</v></c>`)
		case int64:
			w.put(`><v>`, strconv.FormatInt(v, 10), `</v></c>`)
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("write row %d: %v is no number", w.row, v)
			}
			w.put(`><v>`, decimal(v), `</v></c>`)
		case string:
			if utf8.RuneCountInString(v) > maxText {
				return fmt.Errorf("write row %d: a text of more than %d characters", w.row, maxText)
			}
			w.put(` t="inlineStr"><is><t xml:space="preserve">`)
			if err := xml.EscapeText(w.out, []byte(escape(v))); err != nil {
				return fmt.Errorf("write row %d: %w", w.row, err)
			}
			w.put(`</t></is></c>`)
		default:
			return fmt.Errorf("write row %d: a cell of %T", w.row, v)
		}
	}
	w.put(`</row>`)
	return nil
}

// escape writes what would be read as an escaped character so that it is none.
func escape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	return escaped.ReplaceAllStringFunc(s, func(m string) string { return "_x005F" + m })
}

// End ends the sheet, in which some cells are merged.
func (w *Writer) End(merged ...Range) error {
	w.put(`</sheetData>`)
	if len(merged) > 0 {
		w.put(`<mergeCells count="`, strconv.Itoa(len(merged)), `">`)
		for _, m := range merged {
			w.put(`<mergeCell ref="`, Ref(m.Column1, m.Row1), `:`, Ref(m.Column2, m.Row2), `"/>`)
		}
		w.put(`</mergeCells>`)
	}
	if p := w.pages[len(w.pages)-1]; p.A4 {
		orientation := "portrait"
		if p.Landscape {
			orientation = "landscape"
		}
		w.put(`<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.5" header="0.3" footer="0.3"/><pageSetup paperSize="9" orientation="`, orientation, `" fitToWidth="1" fitToHeight="0"/>`)
	}
	w.put(`</worksheet>`)
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("end sheet: %w", err)
	}
	return nil
}

// Close writes what holds the sheets together. The writer below stays open.
func (w *Writer) Close() error {
	var types, links, sheets, names strings.Builder
	for i, p := range w.pages {
		n := strconv.Itoa(i + 1)
		types.WriteString(`<Override PartName="/xl/worksheets/sheet` + n + `.xml" ContentType="` + typeNS + `worksheet+xml"/>`)
		links.WriteString(`<Relationship Id="rId` + n + `" Type="` + relNS + `/worksheet" Target="worksheets/sheet` + n + `.xml"/>`)
		sheets.WriteString(`<sheet name="` + attrText(p.Name) + `" sheetId="` + n + `" r:id="rId` + n + `"/>`)
		if p.Repeat > 0 {
			quoted := attrText(strings.ReplaceAll(p.Name, "'", "''"))
			fmt.Fprintf(&names, `<definedName name="_xlnm.Print_Titles" localSheetId="%d">'%s'!$1:$%d</definedName>`, i, quoted, p.Repeat)
		}
	}
	if names.Len() > 0 {
		sheets.WriteString(`</sheets><definedNames>` + names.String() + `</definedNames>`)
	} else {
		sheets.WriteString(`</sheets>`)
	}
	links.WriteString(`<Relationship Id="rIdStyles" Type="` + relNS + `/styles" Target="styles.xml"/>`)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="` + packNS + `/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + typeNS + `sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="` + typeNS + `styles+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + packNS + `/relationships"><Relationship Id="rId1" Type="` + relNS + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{workbookPart, `<workbook xmlns="` + mainNS + `" xmlns:r="` + relNS + `"><sheets>` + sheets.String() + `</workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packNS + `/relationships">` + links.String() + `</Relationships>`},
		{"xl/styles.xml", `<styleSheet xmlns="` + mainNS + `">` + styles + `</styleSheet>`},
	} {
		f, err := w.zip.Create(part[0])
		if err == nil {
			_, err = io.WriteString(f, xmlHead+part[1])
		}
		if err != nil {
			return fmt.Errorf("close workbook: %w", err)
		}
	}
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("close workbook: %w", err)
	}
	return nil
}

func attrText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
