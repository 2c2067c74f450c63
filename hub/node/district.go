package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"shangu/hub/district"
	"shangu/hub/state"
	"shangu/schema/table"
	"shangu/schema/text"
)

// maxDistrict bounds the district's files in bytes, in base64.
const maxDistrict = 96 << 20

// LoadRequest is the district's files.
type LoadRequest struct {
	Files   district.Files `json:"files"`
	Account string         `json:"account"`
	DryRun  bool           `json:"dry_run"`
}

// Loaded is what loading them came to.
type Loaded struct {
	Schools    district.Counts `json:"schools"`
	Agreements district.Counts `json:"agreements"`
	Days       district.Counts `json:"school_days"`
	Entries    int             `json:"entries"` // written, or that would be
	Notes      []Problem       `json:"notes,omitempty"`
}

// Problem is a table.Problem on its way through the door, its message as a
// code, so that each command says it in its own language.
type Problem struct {
	Sheet  string `json:"sheet,omitempty"`
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	Cell   string `json:"cell,omitempty"`
	Code   string `json:"code"`
}

// Table is the problem as schema/table says it.
func (p Problem) Table() table.Problem {
	return table.Problem{Sheet: p.Sheet, Line: p.Line, Column: p.Column, Cell: p.Cell, Message: text.Parse(p.Code)}
}

func problems(ps []table.Problem) []Problem {
	out := make([]Problem, len(ps))
	for i, p := range ps {
		out[i] = Problem{p.Sheet, p.Line, p.Column, p.Cell, p.Message.Code()}
	}
	return out
}

// loadDistrict commits what the district's files change, all of it in one
// command.
func (n *Node) loadDistrict(r *http.Request) (any, error) {
	var q LoadRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, maxDistrict)).Decode(&q); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if err := n.Cluster.Barrier(r.Context()); err != nil {
		return nil, err
	}
	p, err := district.Read(q.Files, n.State)
	if err != nil {
		return nil, err
	}
	out := Loaded{Schools: p.Schools, Agreements: p.Agreements, Days: p.Days, Entries: len(p.Changes), Notes: problems(p.Notes)}
	if q.DryRun || len(p.Changes) == 0 {
		return out, nil
	}
	out.Entries, err = n.author(r.Context(), q.Account, p.Changes)
	return out, err
}

// author commits an operator's changes and returns how many entries they made.
func (n *Node) author(ctx context.Context, account string, changes []state.Change) (int, error) {
	b, err := n.Cluster.Propose(ctx, state.EncodeAuthor(state.Author{Account: account, Now: n.opts.Now().Unix(), Changes: changes}))
	if err != nil {
		return 0, err
	}
	r, err := state.DecodeAuthor(b)
	if errors.Is(err, state.ErrInvalid) {
		err = text.Wrap(err, "hub.change_refused", "number", r.Refused+1, "reason", text.Parse(r.Reason))
	}
	return r.Applied, err
}
