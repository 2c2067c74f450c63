package state

import (
	"encoding/binary"
	"strings"

	"shangu/schema"
	"shangu/sync/change"
)

// First bytes of keys; DESIGN.md has the layout.
const (
	keyMeta       = 'm'
	keyDoc        = 'd'
	keyLeaf       = 'l'
	keyFeed       = 'f'
	keyForeign    = 'x'
	keyDigest     = 'g'
	keySchool     = 's'
	keyMonth      = 'a'
	keyChain      = 't'
	keyNames      = 'n'
	keyCheckpoint = 'c'
	keyException  = 'e'
	keyRecord     = 'p'
	keyDevice     = 'D'
	keyBeat       = 'b'
	keyToken      = 'T'
	keyNode       = 'N'
)

// common is the viewer whose feed and digests hold what all schools see.
const common = "*"

var (
	metaApplied    = []byte{keyMeta, 'a'}
	metaCluster    = []byte{keyMeta, 'c'}
	metaGeneration = []byte{keyMeta, 'g'}
	metaFeature    = []byte{keyMeta, 'f'}
)

// goodName reports whether s can stand before the separator in a key.
func goodName(s string) bool {
	return s != "" && s != common && len(s) <= change.MaxScope && !strings.Contains(s, "\x00")
}

func nameKey(prefix byte, name string) []byte {
	b := make([]byte, 0, 1+len(name)+1+24)
	return append(append(append(b, prefix), name...), 0)
}

func docKey(k DocKey) []byte { return appendDocKey(make([]byte, 0, docKeySize(k)), k) }

func docKeySize(k DocKey) int { return 1 + len(k.Scope) + 3 + len(k.ID) }

func appendDocKey(b []byte, k DocKey) []byte {
	b = append(append(append(b, keyDoc), k.Scope...), 0)
	b = binary.BigEndian.AppendUint16(b, uint16(k.Kind))
	return append(b, k.ID...)
}

// docPrefix is the start of the keys of one scope's documents of one kind.
func docPrefix(scope string, k schema.Kind) []byte {
	return docKey(DocKey{Scope: scope, Kind: k})
}

func foreignKey(viewer string, k DocKey) []byte {
	return append(nameKey(keyForeign, viewer), docKey(k)[1:]...)
}

// splitDocKey reads scope, kind and id from what follows a doc key's first byte.
func splitDocKey(b []byte) (k DocKey, ok bool) {
	i := strings.IndexByte(string(b), 0)
	if i < 0 || len(b) < i+3 {
		return k, false
	}
	return DocKey{Scope: string(b[:i]), Kind: schema.Kind(binary.BigEndian.Uint16(b[i+1:])), ID: string(b[i+3:])}, true
}

func feedKey(viewer string, last uint64) []byte {
	return binary.BigEndian.AppendUint64(nameKey(keyFeed, viewer), last)
}

func digestKey(viewer string, k schema.Kind, month string) []byte {
	b := binary.BigEndian.AppendUint16(nameKey(keyDigest, viewer), uint16(k))
	return append(b, month...)
}

func schoolKey(school string) []byte { return append([]byte{keySchool}, school...) }

func monthKey(school, month string) []byte { return append(nameKey(keyMonth, school), month...) }

func chainKey(c change.ChainID) []byte { return append([]byte{keyChain}, c[:]...) }

func chainSeqKey(prefix byte, c change.ChainID, seq uint64) []byte {
	b := append(make([]byte, 0, 25), prefix)
	return binary.BigEndian.AppendUint64(append(b, c[:]...), seq)
}

func namesKey(c change.ChainID, from int) []byte {
	return chainSeqKey(keyNames, c, uint64(from))
}

func recordKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyRecord}, n) }

func idKey(prefix byte, id []byte) []byte { return append([]byte{prefix}, id...) }
