// Package schema says what the district records: kinds, fields, codes and the
// rules they keep. It does no I/O, knows no clock and imports no other package
// of this module but schema/text, the catalogue of what people read.
//
// Numbers in this package are wire format. A kind, field or code number is
// never reused and never changes its meaning.
package schema
