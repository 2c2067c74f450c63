// Package release holds each release against those before it. testdata has a
// folder for each release with the data directories of an agent and of a hub
// node as that release left them, what it said of them, and the commit it was
// built from; its tests open them with the programs of today, and let the
// programs of the release before talk with those of today, both ways. The wire
// vectors of each format stand in the testdata of the package that owns it.
//
// A release's folder is made once, on the commit that is released, and never
// changes:
//
//	go test ./installer/release -run TestFixtures -make v0.3.0
package release
