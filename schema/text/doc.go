// Package text is the catalogue of what people read: every message of agent,
// hub and installer, in Chinese first and in English.
//
// A Message is an id and named arguments. It is an error, so it travels up
// through the code like any other; it becomes words only where somebody reads
// it, in that reader's language. Code and Parse carry it through the wire and
// the store without words.
//
// Each area of the program has one file, catalogue/<area>.json, and its ids
// begin with the area's name:
//
//	{"intake.no_class": {"zh": "第{line}行：没有班级“{class}”", "en": "line {line}: no class {class}"}}
//
// The package imports nothing of this module and does no I/O but for reading
// the language from the environment.
package text
