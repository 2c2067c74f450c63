package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"shangu/hub/node"
	"shangu/hub/state"
	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/identity"
)

// token asks the first node for an enrolment token at its local door, as
// `hub token` does, without a process for each.
func (c *cluster) token(ctx context.Context, school string) (string, error) {
	body, err := json.Marshal(node.TokenRequest{Role: identity.RoleSchool, School: school, TTL: time.Hour})
	if err != nil {
		return "", fmt.Errorf("token for %s: %w", school, err)
	}
	out, err := c.post(ctx, "/v1/token", body)
	if err != nil {
		return "", fmt.Errorf("token for %s: %w", school, err)
	}
	var a node.TokenAnswer
	if err := json.Unmarshal(out, &a); err != nil {
		return "", fmt.Errorf("token for %s: %w", school, err)
	}
	return a.Token, nil
}

// district gives the hub schools that devices can enrol for.
func (c *cluster) district(ctx context.Context, n int) error {
	for from := 0; from < n; from += atOneTime {
		if err := c.schoolsFrom(ctx, from, min(from+atOneTime, n)); err != nil {
			return fmt.Errorf("make %d schools: %w", n, err)
		}
	}
	return nil
}

// atOneTime is how many schools one command makes.
const atOneTime = 500

func (c *cluster) schoolsFrom(ctx context.Context, from, to int) error {
	a := state.Author{Account: "bench", Now: time.Now().Unix()}
	for i := from; i < to; i++ {
		a.Changes = append(a.Changes, state.Change{
			Scope: schema.DistrictScope, Kind: schema.KindSchool, ID: schoolCode(i), Latest: true,
			Fields: []change.Field{{Key: schema.Key{Num: schema.SchoolName}, Value: schema.Str("学校" + schoolCode(i))}},
		})
	}
	r, err := c.post(ctx, "/v1/propose", state.EncodeAuthor(a))
	if err == nil {
		_, err = state.DecodeAuthor(r)
	}
	return err
}

// schoolCode is the 学校标识码 of the i-th made-up school.
func schoolCode(i int) string { return fmt.Sprintf("2199%06d", i+1) }

func (c *cluster) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://hub"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return answer(c.doors[0], q, 1<<20)
}
