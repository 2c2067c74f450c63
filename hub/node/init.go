package node

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"shangu/hub/authority"
	"shangu/installer/host/local"
	"shangu/schema/text"
	"shangu/sync/seal"
)

// passwordRounds is what OWASP's password storage cheat sheet asks of
// PBKDF2-HMAC-SHA256.
const passwordRounds = 600_000

// Operator is a person who may use the district's pages.
type Operator struct {
	Name   string `json:"name"`
	Salt   []byte `json:"salt"`
	Rounds int    `json:"rounds"`
	Hash   []byte `json:"hash"` // PBKDF2-HMAC-SHA256, 32 bytes
}

// NewOperator keeps a password as its hash.
func NewOperator(name, password string, random io.Reader) (Operator, error) {
	o := Operator{Name: name, Salt: make([]byte, 16), Rounds: passwordRounds}
	if _, err := io.ReadFull(random, o.Salt); err != nil {
		return o, fmt.Errorf("make operator: %w", err)
	}
	h, err := pbkdf2.Key(sha256.New, password, o.Salt, o.Rounds, sha256.Size)
	if err != nil {
		return o, fmt.Errorf("make operator: %w", err)
	}
	o.Hash = h
	return o, nil
}

// Check reports whether password is the operator's.
func (o Operator) Check(password string) bool {
	h, err := pbkdf2.Key(sha256.New, password, o.Salt, o.Rounds, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(h, o.Hash) == 1
}

func secretsDir(dir string) string    { return filepath.Join(dir, "secrets") }
func operatorsPath(dir string) string { return filepath.Join(secretsDir(dir), "operators.json") }

// Operators reads the operators that this node knows.
func Operators(dir string, files seal.Files) (o []Operator, err error) {
	b, err := files.Read(operatorsPath(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		return nil, fmt.Errorf("read operators: %w", err)
	}
	return o, nil
}

// firstOperator is the name of the operator whom Init makes.
const firstOperator = "admin"

// Founding is what a new district is told once.
type Founding struct {
	Cluster  string `json:"cluster"`
	Name     string `json:"name"`
	Operator string `json:"operator"`
	Password string `json:"password"`
}

// Init makes a new district in dir: cluster id, keys and a first operator. The
// secrets are written last: a directory that has them is a whole district. tell
// is called before: a district whose password nobody was told must not be.
func Init(dir, name string, keys KeyOf, random io.Reader, tell func(Founding) error) error {
	if err := os.MkdirAll(secretsDir(dir), 0o700); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	held, err := local.Lock(dir)
	if err != nil {
		return err
	}
	defer held.Release()
	files, err := keys.files(dir)
	if err != nil {
		return err
	}
	if _, err := authority.Load(secretsDir(dir), files); !errors.Is(err, os.ErrNotExist) {
		return text.New("hub.init_again", "dir", dir)
	}
	password, err := newPassword(random)
	if err != nil {
		return err
	}
	operator, err := NewOperator(firstOperator, password, random)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent([]Operator{operator}, "", "  ")
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	if err := files.Write(operatorsPath(dir), b, 0o600); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	s := Settings{Founder: true}
	if err := s.save(dir); err != nil {
		return err
	}
	secrets, err := authority.New(name, random)
	if err != nil {
		return err
	}
	if err := tell(Founding{Cluster: fmt.Sprintf("%x", secrets.Cluster), Name: name, Operator: firstOperator, Password: password}); err != nil {
		return err
	}
	return secrets.Save(secretsDir(dir), files)
}

// newPassword is 100 bits in letters that cannot be mistaken for each other.
func newPassword(random io.Reader) (string, error) {
	b := make([]byte, 20)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make password: %w", err)
	}
	letters := base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding).EncodeToString(b)
	return strings.Join([]string{letters[:5], letters[5:10], letters[10:15], letters[15:20]}, "-"), nil
}
