// Package bundle is the form in which a session travels by hand: a sealed and
// signed file for the way to the hub, one for the way back, and the school pack
// that a machine without any link begins with. DESIGN.md has the formats.
//
// A bundle is sealed with age to the one that it is for, and signed by the one
// that it is from; whoever carries it can read neither a name nor a mark in it,
// and cannot change it. What it says is sync/session's business: the package
// knows files, seals, signatures and names on a stick. It does no merging and
// keeps no state.
package bundle
