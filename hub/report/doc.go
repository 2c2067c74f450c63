// Package report turns the hub's aggregates into the reports that the office
// lives by. A report is a Table: computed from what the FSM keeps up, never by
// scanning records, and written as JSON, CSV or a workbook.
//
// It imports schema and hub/state, writes only where it is told to, and takes
// the day from its caller.
package report
