package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"shangu/sync/disk"
)

// life is what a node's disk knows of the node's own starts, in the file life
// beside the raft log. Each start draws a token; the cluster remembers the last.
type life struct {
	// Server is the node's name in raft's membership: its id and, since an empty
	// directory is another member than the one it replaces, a random part.
	Server string `json:"server"`
	// Life is the number under which the cluster last took a start of this disk.
	Life uint64 `json:"life"`
	// Tokens are of that start and of those since of which it is not known
	// whether the cluster took them; the last is of this one.
	Tokens []string `json:"tokens"`
	// Doors are the API addresses of the other nodes by id, for a node whose
	// state was damaged: its log cannot tell them before a leader was heard.
	Doors map[string]string `json:"doors,omitempty"`
	// Left is the last entry of the log as an orderly end left it, 0 since the
	// start that followed.
	Left uint64 `json:"left,omitempty"`
	// Sum is CRC32C of what stands before it in the file, which ends with it;
	// nothing in what v0.3.0 wrote.
	Sum *uint32 `json:"sum,omitempty"`

	path  string
	known bool // the file was there
}

// maxTokens bounds the starts that nobody took. A node that forgets one that
// was taken after all is found old, which costs it a copy of the state.
const maxTokens = 32

// serverSep separates the random part of a member's name.
const serverSep = "~"

// nameOf is the id of the node that a member is.
func nameOf(id raft.ServerID) string {
	name, _, _ := strings.Cut(string(id), serverSep)
	return name
}

// read reads a node's life in dir; that of a directory that is older than the
// file has the node's id for a name.
func read(dir, id string) (*life, error) {
	l := &life{Server: id, path: filepath.Join(dir, "life")}
	b, err := os.ReadFile(l.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, fmt.Errorf("read life: %w", err)
	}
	if err := json.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", l.path, errLife, err)
	}
	if l.Sum != nil && *l.Sum != lifeSum(b) {
		return nil, fmt.Errorf("read %s: %w: its checksum does not fit", l.path, errLife)
	}
	l.known = true
	return l, nil
}

// errLife: the file is not what was written.
var errLife = errors.New("the node's note of its starts is damaged")

// lifeSum is the checksum of what stands before it in the file.
func lifeSum(b []byte) uint32 {
	return crc32.Checksum(b[:max(0, bytes.LastIndex(b, []byte(`,"sum":`)))], castagnoli)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Doors are the API addresses of the other members as the node in dir last knew
// them; none where nothing tells, or nobody is.
func Doors(dir string) ([]string, error) {
	l, err := read(dir, "")
	if errors.Is(err, errLife) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Values(l.Doors)), nil
}

// fits finds that the file is gone of a node whose log, and with it the member
// that it was, is there. members are those that the log names.
func (l *life) fits(members raft.Configuration) error {
	if l.known || len(members.Servers) == 0 {
		return nil
	}
	for _, s := range members.Servers {
		if string(s.ID) == l.Server {
			return nil // older than the file
		}
	}
	return fmt.Errorf("%w: %s is gone", ErrLog, l.path)
}

// begin begins another life. fresh says that the node has no log: nothing that
// it knew counts any more.
func (l *life) begin(id string, fresh bool, random io.Reader) (*life, error) {
	l.Left = 0
	if fresh {
		l.Life, l.Tokens = 0, nil
		part, err := draw(random, 4)
		if err != nil {
			return nil, err
		}
		l.Server = id + serverSep + part
	}
	token, err := draw(random, 8)
	if err != nil {
		return nil, err
	}
	l.Tokens = append(l.Tokens, token)
	if n := len(l.Tokens); n > maxTokens {
		l.Tokens = slices.Delete(l.Tokens, 1, n-maxTokens+1)
	}
	return l, l.save()
}

func draw(random io.Reader, n int) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("draw token: %w", err)
	}
	return hex.EncodeToString(b), nil
}

func (l *life) save() error {
	l.Sum = new(uint32)
	b, err := json.Marshal(l)
	if err == nil {
		*l.Sum = lifeSum(b)
		b, err = json.Marshal(l)
	}
	if err == nil {
		err = disk.WriteFile(l.path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("save life: %w", err)
	}
	return nil
}

// leave notes where the log ends, once raft is shut down: an end that rots is
// not told from one that never was.
func (n *Node) leave() error {
	last, err := n.deps.Logs.LastIndex()
	if err != nil {
		return fmt.Errorf("note the end of the log: %w", err)
	}
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	n.life.Left = last
	return n.life.save()
}

// token is of this start.
func (l *life) token() string { return l.Tokens[len(l.Tokens)-1] }

// taken notes that the cluster took this start, and where its nodes are.
func (l *life) taken(number uint64, doors map[string]string) error {
	if l.Life == number && len(l.Tokens) == 1 && maps.Equal(l.Doors, doors) {
		return nil
	}
	l.Life, l.Tokens, l.Doors = number, []string{l.token()}, doors
	return l.save()
}
