package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"shangu/schema/text"
)

// Role says what a token lets in.
type Role uint8

// Roles, in wire numbers.
const (
	RoleSchool Role = 1 // a school's computer
	RoleNode   Role = 2 // a node of the hub
)

// Token lets one machine in, once. Its text is what an operator hands over.
//
//	offset  bytes  meaning
//	0       1      role (low nibble), text version 1 (high nibble)
//	1       16     secret
//	17      32     pin of the district's CA
//	49      n      school code: 5 bytes for ten digits, else the code as it is; empty for a node
//	49+n    4      SHA-256 of all before, first 4 bytes
//
// in base32 without padding. Readers ignore case, blanks and hyphens and take
// 0, 1 and 8 for O, I and B, which base32 does not use.
type Token struct {
	Role   Role
	Secret [16]byte
	School string
	Pin    [32]byte
}

// Errors of a token's text. Both are about the text alone: whether the token
// is known to the hub only the hub can say.
var (
	// ErrTokenText: letters are missing, added or wrong.
	ErrTokenText = errors.New("identity: the token's text is damaged")
	// ErrTokenRole: a whole token, but of the other sort.
	ErrTokenRole = errors.New("identity: the token is of another sort")
)

const (
	tokenVersion = 1
	tokenCheck   = 4
	tokenFixed   = 1 + 16 + 32
	maxSchool    = 32
)

var tokenEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewToken makes a token with a fresh secret. school is empty for a node.
func NewToken(role Role, school string, pin [32]byte, random io.Reader) (Token, error) {
	t := Token{Role: role, School: school, Pin: pin}
	if _, err := io.ReadFull(random, t.Secret[:]); err != nil {
		return Token{}, fmt.Errorf("make token: %w", err)
	}
	return t, nil
}

// Hash is how the hub knows a token: its log and its store never hold the
// secret itself.
func (t Token) Hash() [32]byte { return HashSecret(t.Secret) }

// HashSecret is the Hash of the token with this secret.
func HashSecret(secret [16]byte) [32]byte {
	return sha256.Sum256(append([]byte("shangu token v1"), secret[:]...))
}

// String is the token's text.
func (t Token) String() string {
	b := make([]byte, 0, tokenFixed+len(t.School)+tokenCheck)
	b = append(b, tokenVersion<<4|byte(t.Role))
	b = append(b, t.Secret[:]...)
	b = append(b, t.Pin[:]...)
	b = append(b, packSchool(t.School)...)
	return tokenEncoding.EncodeToString(append(b, check(b)...))
}

// ParseToken reads a token's text. It fails with ErrTokenText when the text is
// not what String wrote, mistyped letters included.
func ParseToken(s string) (Token, error) {
	b, err := tokenEncoding.DecodeString(Fold(s))
	if err != nil || len(b) < tokenFixed+tokenCheck || len(b) > tokenFixed+maxSchool+tokenCheck {
		return Token{}, text.Wrap(ErrTokenText, "identity.token_text")
	}
	body := b[:len(b)-tokenCheck]
	if !bytes.Equal(check(body), b[len(body):]) || tokenEncoding.EncodeToString(b) != Fold(s) {
		return Token{}, text.Wrap(ErrTokenText, "identity.token_text")
	}
	t := Token{Role: Role(body[0] & 0x0f), School: unpackSchool(body[tokenFixed:])}
	copy(t.Secret[:], body[1:])
	copy(t.Pin[:], body[17:])
	if body[0]>>4 != tokenVersion || t.Role != RoleSchool && t.Role != RoleNode {
		return Token{}, text.Wrap(ErrTokenRole, "identity.token_newer")
	}
	return t, nil
}

// ParseTokenFor is ParseToken for a token of one role; for one of the other
// it fails with ErrTokenRole.
func ParseTokenFor(role Role, s string) (Token, error) {
	t, err := ParseToken(s)
	if err != nil {
		return Token{}, err
	}
	if t.Role != role {
		id := "identity.token_is_school"
		if t.Role == RoleNode {
			id = "identity.token_is_node"
		}
		return Token{}, text.Wrap(ErrTokenRole, id)
	}
	return t, nil
}

func check(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:tokenCheck]
}

// Fold undoes what copying and typing do to base32.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '-' || r == '\t' || r == '\r' || r == '\n' || r == '\u3000':
			return -1
		case r == '0':
			return 'O'
		case r == '1':
			return 'I'
		case r == '8':
			return 'B'
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'Ａ' && r <= 'Ｚ':
			return r - 'Ａ' + 'A'
		case r >= '２' && r <= '７':
			return r - '２' + '2'
		}
		return r
	}, s)
}

// packSchool writes a code of ten digits in five bytes. Such a number is below
// 2^34, so its first byte is at most 3, which no printable code begins with.
func packSchool(code string) []byte {
	n, err := strconv.ParseUint(code, 10, 64)
	if err != nil || len(code) != 10 {
		return []byte(code)
	}
	return binary.BigEndian.AppendUint64(nil, n)[3:]
}

func unpackSchool(b []byte) string {
	if len(b) != 5 || b[0] > 3 {
		return string(b)
	}
	n := binary.BigEndian.Uint64(append(make([]byte, 3, 8), b...))
	return fmt.Sprintf("%010d", n)
}
