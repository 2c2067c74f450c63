package table

import (
	"slices"
	"strings"
)

// line is one line of a sheet as it came.
type line struct {
	number int
	cells  []string
}

// header is where a table's headings were found.
type header struct {
	first, last int // indexes into the lines looked at
	number      int // line number of the last header row
	at          []int
	headings    []string
	score       int
	twice       []int // columns of the spec that have two headings
	private     []string
	unknown     []string
}

// match says which column of the spec each cell of a line names, -1 for none.
func (s *Spec) match(cells []string) (cols []int, score int) {
	seen := make([]bool, len(s.Columns))
	for _, c := range cells {
		k := -1
		if c != "" {
			k = s.find(c)
		}
		if k >= 0 && !seen[k] {
			seen[k] = true
			if !s.Columns[k].Private {
				score++
			}
		}
		cols = append(cols, k)
	}
	return cols, score
}

// findHeader looks for the header: the line, or the two lines one below the
// other, that name the most columns. In two-line headers the upper line names
// groups (学籍信息) and columns that were merged downwards, the lower line the
// columns of the groups.
func (s *Spec) findHeader(lines []line) (best header) {
	type matched struct {
		cols  []int
		score int
	}
	ms := make([]matched, len(lines))
	for i, l := range lines {
		ms[i].cols, ms[i].score = s.match(l.cells)
	}
	for i := range lines {
		if ms[i].score > best.score {
			best = s.header(lines[i : i+1])
			best.first, best.last = i, i
		}
		if i+1 < len(lines) && ms[i].score > 0 && ms[i+1].score > 0 && lines[i+1].number == lines[i].number+1 {
			if h := s.header(lines[i : i+2]); h.score > best.score && h.score > max(ms[i].score, ms[i+1].score) {
				best = h
				best.first, best.last = i, i+1
			}
		}
	}
	if best.score == 0 {
		return best
	}
	// The same headings once more below, in the other language or again, are
	// header too.
	for best.last+1 < len(lines) && ms[best.last+1].score >= 2 && s.repeats(&best, lines[best.last+1].cells) {
		best.last++
	}
	best.number = lines[best.last].number
	return best
}

// header reads one or two lines as headings.
func (s *Spec) header(lines []line) (h header) {
	h.at = slices.Repeat([]int{-1}, len(s.Columns))
	h.headings = make([]string, len(s.Columns))
	wide := 0
	for _, l := range lines {
		wide = max(wide, len(l.cells))
	}
	for x := range wide {
		name := ""
		k := -1
		for _, l := range slices.Backward(lines) {
			if x < len(l.cells) && l.cells[x] != "" {
				if name == "" {
					name = l.cells[x]
				}
				if k = s.find(l.cells[x]); k >= 0 {
					name = l.cells[x]
					break
				}
			}
		}
		switch {
		case name == "":
		case k < 0:
			h.unknown = append(h.unknown, name)
		case s.Columns[k].Private:
			h.private = append(h.private, name)
		case h.at[k] >= 0:
			h.twice = append(h.twice, k)
		default:
			h.at[k] = x
			h.headings[k] = name
			h.score++
		}
	}
	return h
}

// repeats reports whether a line is the header again: every cell that stands
// in one of the table's columns names that column, and there are several.
func (s *Spec) repeats(h *header, cells []string) bool {
	n := 0
	for k, x := range h.at {
		if x < 0 || x >= len(cells) || cells[x] == "" {
			continue
		}
		if s.find(cells[x]) != k {
			return false
		}
		n++
	}
	return n >= min(2, h.score)
}

// missing lists the required columns that a header lacks.
func (s *Spec) missing(h *header) (cols []int) {
	for i := range s.Columns {
		if s.Columns[i].Required && (h.at == nil || h.at[i] < 0) {
			cols = append(cols, i)
		}
	}
	return cols
}

// required counts the columns that must be there.
func (s *Spec) required() (n int) {
	for i := range s.Columns {
		if s.Columns[i].Required {
			n++
		}
	}
	return n
}

// remark reports whether a line below the header is none of the data: one cell
// only, that begins like a sum, a signature or a note.
func remark(cells []string) bool {
	only := ""
	for _, c := range cells {
		if c == "" {
			continue
		}
		if only == "" {
			only = fold(c)
			continue
		}
		if sum(only) {
			return true
		}
		return false
	}
	if sum(only) {
		return true
	}
	for _, w := range []string{"说明", "填表", "填报", "制表", "审核", "备注:", "注:", "校长", "负责人", "联系", "单位", "Note", "note"} {
		if strings.HasPrefix(only, w) {
			return true
		}
	}
	return false
}

func sum(s string) bool {
	return strings.HasPrefix(s, "合计") || strings.HasPrefix(s, "总计") || strings.HasPrefix(s, "小计") || strings.HasPrefix(s, "共计")
}
