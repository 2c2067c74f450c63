package frame

import "shangu/sync/change"

// Texts returns the texts that a pack of entries would hold, and takes the
// entries into t.
func Texts(t *Table, chain change.ChainID, entries []*change.Entry) []byte {
	c := codec{t: t, chain: chain, enc: true}
	for _, e := range entries {
		c.entry(e)
	}
	return c.text
}

// Seal makes a pack's checksum fit its bytes, as whoever forges one would.
func Seal(pack []byte) { seal(pack) }

// Dictionary1 is the first dictionary.
func Dictionary1() []byte { return dictionary1 }
