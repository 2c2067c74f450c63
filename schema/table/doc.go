// Package table reads and writes the tables that people keep: workbooks
// (.xlsx) and text files (.csv) as clerks get them, with a merged title above
// the header, headings in Chinese or English, full-width digits, blanks at the
// end, and in whatever encoding and with whatever separator the last program
// left behind.
//
// A Spec names the columns of one sort of table. Read finds the header, hands
// over the rows one by one and collects everything that is wrong, each with
// line and column and what to do about it, so that a clerk mends a file in one
// go. Write makes a table that Read takes back unchanged.
//
// The package works on bytes and never touches a file. Input is hostile until
// proven otherwise: see Limits and DESIGN.md. It imports schema and schema/text.
package table
