// Package pages tests the clerk's pages as clerks use them: the built agent as a
// process of its own, Debian's chromium, keys and clicks. It holds no product code.
//
// Every page that a test opens goes through tab.Check: axe-core finds nothing wrong
// with it by WCAG 2.1 AA, it fits a laptop and a phone without scrolling sideways, it
// weighs little, and the browser has no complaint. With -shots the pictures of all
// pages are kept in a folder:
//
//	go test ./installer/pages -shots DIR
//
// Without chromium the tests are skipped; with CI=true that is a failure.
package pages
