// Package receipt makes short codes of the hub's receipts, to be printed and
// read over a telephone. Agent and hub each make a code of the same receipt by
// themselves; nothing else travels.
//
// A code is 16 characters in four groups, of 24 letters and 8 digits: none is
// 0, O, 1 or I. 75 bits and a check character:
//
//	bits  meaning
//	1     0: a day; 1: a record
//	32    number of the audit record that the receipt names
//	14    of a day: days since 2020-01-01; of a record: how far its entry lies
//	      before the receipt's tip, the highest value for any further back
//	28    tag: first bits of SHA-256("shangu code v1", the 47 bits above in 8
//	      bytes, the receipt's signature)
//	5     check character over GF(32)
//
// The check finds every single wrong character and every two that changed
// places. The tag makes a code that was made up pass once in 268 million tries.
//
// Spell and Unspell write and read other short codes in the same characters, with
// the same check.
//
// The package imports schema, schema/text and sync/session and does no I/O.
package receipt
