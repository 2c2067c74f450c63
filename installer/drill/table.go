package drill

import (
	"fmt"
	"io"
	"strings"
	"time"

	"shangu/schema/text"
)

// Table writes the rows as a Markdown table in one language.
func Table(w io.Writer, rows []Row, lang text.Lang) error {
	say := func(id string) string { return text.New(id).In(lang) }
	if _, err := fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n|---|---|---|---|---|---|\n",
		say("drill.col_fault"), say("drill.col_made"), say("drill.col_trials"), say("drill.col_lost"), say("drill.col_saw"), say("drill.col_again")); err != nil {
		return err
	}
	for _, r := range rows {
		saw := []string{}
		if r.Saw != "" {
			saw = append(saw, r.Saw)
		}
		saw = append(saw, r.Took.Round(time.Second/10).String())
		if _, err := fmt.Fprintf(w, "| %s | %s | %d | %s | %s | `go run ./installer drill %s` |\n",
			cell(r.Fault().In(lang)), cell(r.Made().In(lang)), r.Trials, cell(r.lost(lang)), cell(strings.Join(saw, "; ")), r.Name); err != nil {
			return err
		}
	}
	return nil
}

// lost says in a cell what was lost.
func (r Row) lost(lang text.Lang) string {
	switch {
	case r.Skipped != "":
		return text.New("drill.skipped", "why", r.Skipped).In(lang)
	case r.Err != nil:
		return text.New("drill.failed", "why", firstLine(r.Err.Error())).In(lang)
	case len(r.Lost) > 0:
		return text.New("drill.lost", "what", strings.Join(r.Lost, "; ")).In(lang)
	case r.Trials == 0:
		return text.New("drill.failed", "why", text.New("drill.no_trials").In(lang)).In(lang)
	}
	return text.New("drill.nothing").In(lang)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// cell keeps text from ending its cell.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "|", "\\|"), "\n", " ")
}
