// Package intake brings a school's tables in and out: the roster, the teachers,
// the attendance, the visits and the training, as workbooks and csv files that
// people make, and the roster as the OneRoster archive that other systems make.
//
// Read turns a file into a Plan: the edits that bring the store's documents to
// what the file says, and nothing where they agree already, so that importing a
// file again changes nothing. A file with one thing wrong gives no plan but the
// list of all that is wrong. The caller commits the plan, or does not (dry run).
//
// Write is the way back: a file that it made imports as "same".
//
// The package reads documents through View and touches neither disk nor clock.
// It imports schema, sync/change and the store's Edit. See DESIGN.md for what a file can and
// cannot say.
package intake
