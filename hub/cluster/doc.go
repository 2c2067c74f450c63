// Package cluster makes the district's hub of one, three or five nodes that
// hold the same state: hashicorp/raft underneath, hub/state on top.
//
// A Node takes commands (Propose) and schools' pushes (Ingest, many to one log
// entry), answers reads that must not be stale (Tip), and says how it fares
// (Ready, Status). It may import hub/state, sync and schema. It knows no HTTP:
// calls to other nodes leave through a Forwarder and come in through Serve.
// DESIGN.md says why it is built as it is.
package cluster
