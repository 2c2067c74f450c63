package drill

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"shangu/installer/stage"
)

// rest looks for pupils and keys in every file of an agent and a hub that have
// worked, takes the agent's key away, and has the district give it back.
var rest = Drill{Name: "rest", Holds: []int{7}, Run: runRest}

func runRest(ctx context.Context, b *Bench) (o Outcome, err error) {
	s, h, l, c, _, err := b.timeTravel(ctx)
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return o, err
	}
	if err := l.record(ctx, c, 3); err != nil { // some of it is still pending
		return o, err
	}
	table := filepath.Join(s.Work, "roster.csv")
	if err := c.Export(ctx, "roster", table); err != nil {
		return o, err
	}
	words, err := secretWords(table)
	if err != nil {
		return o, err
	}
	files, size := 0, int64(0)
	for _, dir := range []string{h.Dirs[0], c.Dir} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // gone meanwhile: the hub runs
			}
			files, size = files+1, size+int64(len(data))
			for _, w := range words {
				if bytes.Contains(data, w) {
					o.Lose("%q stands in %s", w, path)
					break
				}
			}
			return err
		})
		if err != nil {
			return o, err
		}
	}
	o.Trials = files
	if err := lostKey(ctx, s, c, h, &o); err != nil {
		return o, err
	}
	o.Saw = fmt.Sprintf("%d words looked for in %d files, %d MiB; the key was lost and came back", len(words), files, size>>20)
	return o, nil
}

// secretWords is what must not be found: pupils' names and ids as a roster has
// them, in the two encodings of this country, and what begins a private key.
func secretWords(table string) (words [][]byte, err error) {
	data, err := os.ReadFile(table)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))).ReadAll()
	if err != nil || len(rows) < 2 {
		return nil, fmt.Errorf("read roster: %d rows: %w", len(rows), err)
	}
	for col, head := range rows[0] {
		if !strings.Contains(head, "姓名") && !strings.Contains(head, "学籍号") {
			continue
		}
		for _, r := range rows[1:] {
			if len(r[col]) < 6 { // two signs stand anywhere by chance
				continue
			}
			gb, err := simplifiedchinese.GB18030.NewEncoder().String(r[col])
			if err != nil {
				return nil, err
			}
			words = append(words, []byte(r[col]))
			if len(gb) >= 6 && gb != r[col] {
				words = append(words, []byte(gb))
			}
		}
	}
	if len(words) < len(rows) {
		return nil, fmt.Errorf("only %d words in %d rows of the roster", len(words), len(rows))
	}
	return append(words, []byte("PRIVATE KEY"), []byte("_key\"")), nil
}

// lostKey takes the data's key from the agent: it refuses to open anything and
// changes nothing, until the district has given the key back.
func lostKey(ctx context.Context, s *stage.Stage, c *stage.School, h *stage.Hub, o *Outcome) error {
	before, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(c.Dir, "vault.key")); err != nil {
		return err
	}
	o.Trials++
	names := func() (out []string) {
		filepath.WalkDir(filepath.Join(c.Dir, "data"), func(path string, d fs.DirEntry, err error) error {
			out = append(out, path)
			return err
		})
		return out
	}
	had := names()
	if _, err := c.Status(ctx); err == nil {
		o.Lose("the agent opens its data without the key")
	} else if !strings.Contains(err.Error(), "key.recovery") {
		o.Lose("the agent does not say what to do: %v", err)
	}
	if !slices.Equal(had, names()) {
		o.Lose("files came or went while the key was away")
	}
	var k struct{ Key string }
	if err := s.Ask(ctx, &k, "hub", "key", "open", filepath.Join(c.Dir, "key.recovery"), "--dir", h.Dirs[0]); err != nil {
		return err
	}
	var own struct{ Key string }
	if err := s.Ask(ctx, &own, "hub", "key", "show", "--dir", h.Dirs[0]); err != nil {
		return err
	}
	if _, err := s.Run(ctx, "agent", "key", "set", own.Key, "--dir", c.Dir); err == nil {
		o.Lose("the agent takes another directory's key")
	}
	if _, err := s.Run(ctx, "agent", "key", "set", k.Key, "--dir", c.Dir); err != nil {
		return err
	}
	after, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if after.Docs != before.Docs || after.Pending != before.Pending || after.Epoch != before.Epoch || after.Rebuilt != "" {
		o.Lose("before the key was lost %+v, after it came back %+v", before, after)
	}
	return nil
}
