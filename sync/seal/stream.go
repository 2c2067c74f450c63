package seal

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// stanzaType marks, in an age file, a file key that is wrapped under a data
// key: -> shangu-key ID, then nonce, file key and tag under AES-256-GCM.
const stanzaType = "shangu-key"

// Recipient and Identity let a data key seal and open age files, alone or
// beside other recipients.
type (
	Recipient struct{ Key Key }
	Identity  struct{ Key Key }
)

// Wrap implements age.Recipient.
func (r Recipient) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	nonce := make([]byte, NonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("wrap file key: %w", err)
	}
	body := r.Key.AEAD("stream").Seal(nonce, nonce, fileKey, nil)
	return []*age.Stanza{{Type: stanzaType, Args: []string{hex.EncodeToString(r.Key.id())}, Body: body}}, nil
}

// Unwrap implements age.Identity.
func (i Identity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	id := hex.EncodeToString(i.Key.id())
	for _, s := range stanzas {
		if s.Type != stanzaType || len(s.Args) != 1 || s.Args[0] != id || len(s.Body) < Overhead {
			continue
		}
		key, err := i.Key.AEAD("stream").Open(nil, s.Body[:NonceSize], s.Body[NonceSize:], nil)
		if err != nil {
			return nil, fmt.Errorf("unwrap file key: %w", ErrForged)
		}
		return key, nil
	}
	return nil, age.ErrIncorrectIdentity
}

// streamMagic begins every age file.
const streamMagic = "age-encryption.org/"

// IsStream reports whether b begins like an age file.
func IsStream(b []byte) bool { return bytes.HasPrefix(b, []byte(streamMagic)) }

// StreamMagic is how many bytes IsStream looks at.
const StreamMagic = len(streamMagic)

// Writer seals what is written to it into w under the key; Close ends it.
func (k Key) Writer(w io.Writer) (io.WriteCloser, error) {
	return age.Encrypt(w, Recipient{k})
}

// Reader opens a stream of the given length and says how long the content is.
func (k Key) Reader(r io.Reader, sealed int64) (io.Reader, int64, error) {
	br := bufio.NewReader(r) // the header's reader takes no byte too many of one of these
	head, err := age.ExtractHeader(br)
	if err != nil {
		return nil, 0, fmt.Errorf("open stream: %w: %w", ErrForged, err)
	}
	plain, err := age.Decrypt(io.MultiReader(bytes.NewReader(head), br), Identity{k})
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, 0, fmt.Errorf("open stream: %w", ErrKey)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open stream: %w: %w", ErrForged, err)
	}
	return plain, streamSize(sealed - int64(len(head))), nil
}

// age's payload is a nonce and chunks, each with its tag; all but the last are
// full. https://age-encryption.org/v1
const (
	streamNonce = 16
	streamChunk = 64 << 10
)

// streamSize is the content's length in a payload of n bytes.
func streamSize(n int64) int64 {
	n -= streamNonce
	chunks := (n + streamChunk + TagSize - 1) / (streamChunk + TagSize)
	return n - chunks*TagSize
}
