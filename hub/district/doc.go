// Package district reads the three files that a district office keeps - its
// schools, the agreements between them and the days of school - and says what
// they change in what the hub holds. Loading them again changes nothing.
//
// All or nothing: a file with one thing wrong gives no plan but the list of all
// that is wrong. The package reads documents through View and files through
// fs.FS, and writes nothing; the caller commits the plan's changes as the
// district's own entries.
package district
