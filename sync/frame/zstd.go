package frame

import "fmt"

func compress(text []byte) ([]byte, byte) { return text, codingModel }

func expand(b []byte, coding byte, limit int) ([]byte, error) {
	if coding != codingModel || len(b) > limit {
		return nil, fmt.Errorf("%w: coding %d", ErrFormat, coding)
	}
	return b, nil
}
