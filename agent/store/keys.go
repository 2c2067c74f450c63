package store

import (
	"bytes"
	"encoding/binary"

	"shangu/schema"
	"shangu/sync/change"
	"shangu/sync/digest"
)

// Badger's keys; DESIGN.md has them as a table.
const (
	keyDoc    = 'd' // kind, id, 0, scope, 0, layer
	keyBucket = 'b' // kind, month
	keyNames  = 't' // count of names before
	keyAux    = 'a'
	keyState  = 's'
)

// Layers of a document. The view follows the confirmed one in key order.
const (
	layerConfirmed = 'c'
	layerView      = 'v'
)

// docKey is the part of a document's key that both layers share.
type docKey string

func keyOf(scope string, kind schema.Kind, id string) docKey {
	b := make([]byte, 0, 5+len(id)+len(scope))
	b = binary.BigEndian.AppendUint16(append(b, keyDoc), uint16(kind))
	b = append(append(b, id...), 0)
	return docKey(append(append(b, scope...), 0))
}

func (k docKey) layer(l byte) []byte { return append([]byte(k), l) }

// splitDocKey is the inverse of keyOf and layer.
func splitDocKey(b []byte) (k docKey, layer byte, ok bool) {
	if len(b) < 6 || b[0] != keyDoc {
		return "", 0, false
	}
	n := len(b) - 1
	return docKey(b[:n]), b[n], true
}

// parts returns what the key names. Scopes hold no zero byte; ids might.
func (k docKey) parts() (scope string, kind schema.Kind, id string) {
	b := []byte(k[3 : len(k)-1])
	i := bytes.LastIndexByte(b, 0)
	return string(b[i+1:]), schema.Kind(binary.BigEndian.Uint16([]byte(k[1:]))), string(b[:i])
}

func prefixOf(kind schema.Kind, id string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{keyDoc}, uint16(kind)), id...)
}

func bucketKey(b digest.Bucket) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{keyBucket}, uint16(b.Kind)), b.Month...)
}

func namesKey(n int) []byte { return binary.BigEndian.AppendUint32([]byte{keyNames}, uint32(n)) }

// contains reports whether a document holds an entry of a chain: entries of one
// chain come in order, so that whoever holds a later one holds all before it.
func contains(d *change.Doc, chain change.ChainID, seq uint64) bool {
	if d == nil {
		return false
	}
	at := func(r change.Ref) bool { return r.Chain == chain && r.Seq >= seq }
	for i := range d.Cells {
		if at(d.Cells[i].Version) {
			return true
		}
		for _, r := range d.Cells[i].Also {
			if at(r) {
				return true
			}
		}
	}
	return false
}
