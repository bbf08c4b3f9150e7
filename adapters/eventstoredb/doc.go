// Package eventstoredb is the event store on EventStoreDB, which is also called KurrentDB: a server, or
// a cluster of them, that several nodes of the registry share.
//
// It speaks the server's own protocol over the generated stubs of the client
// github.com/EventStore/EventStore-Client-Go, and uses nothing else of it: that client lets its callers
// hang while the server is down, is dead after one discovery that fails, and ends the process at a field
// that is missing. Servers from version 22.10 on can be used: earlier ones do not say where in the log an
// event of a stream is.
//
// # How a commit is stored
//
// The n events of a commit are n events of one append, which the server stores all or none. A stream is
// called registry_category-id (tizilim_license-26000001) and holds nothing else, so an event's version is
// its revision + 1, the expected version of an append is the server's expected revision, and the server
// itself decides who is first. One event of the server's for a whole commit would have been less to
// write here; but then no other reader of the store would find its way: type, id and data of each event
// are where everybody expects them, the system projections by category and by type work, and the
// correlation is in the metadata (set correlationIdProperty to "correlation"). A full commit also stays
// below what a server takes by default, which counts data, metadata and twice the type.
//
// The metadata of an event is (form.go) what its commit is and the circumstances as the domain spells them:
//
//	{"part":1,"of":2,"after":1234,"id":…,"schema":1,"time":…,"actor":{…},…}
//
// of counts the commit's events, after is the position of the commit before it on the same stream, 0 for the
// first. id is there only where the server's id of the event is another: the first event of a commit of
// several has one that follows from the ids of all. A server answers a repeated append by comparing as many
// ids as it is given; so it would take a part of a commit, or a commit and what followed it, for the same.
//
// A commit's position is the commit position of its last event.
//
// # How a missing commit is noticed
//
// Positions are places in the server's files and have gaps, so a gap tells nothing; and the server leaves
// out, without a word, what it cannot read and what a truncation, a retention or a scavenge took away.
// Three things tell:
//
//   - Within a stream revisions have no gaps, and the server says at which one the stream ends, also
//     where it cannot read the last. Read compares.
//   - after links the commits of a stream. A follower has seen every commit behind its beginning, so each
//     commit's predecessor there must be one that it was given (chain.go). An append looks at its
//     predecessor before, unless this process has seen it.
//   - A deleted stream answers as deleted, or as if it had never been; then its metadata tells.
//
// What is lost at the end of a stream is noticed by who reads the stream, not by a follower, as nothing
// behind it in the log can tell. Nor can a follower tell of what is behind its own beginning: whoever kept
// something that follows from it can.
//
// A read that goes on with another server must not end before where it was. A stream that was deleted softly
// is told from a new one by its metadata before the first append to it, which could not be undone.
//
// # When the server does not answer
//
// Every try has a deadline, the connection string's defaultDeadline, and ends with the caller's context.
// What fails for want of a server or a leader is tried again for Config.Patience, an append too: with the
// same ids at the same version it is stored once. All requests demand the leader, since a follower may
// not have yet what was acknowledged, but for those that ask for what a certain node has (copies.go); a node that
// is none names the leader, and the hosts are asked by gossip. A subscription that is dropped is made anew after the last whole commit, or after what the server
// said that it passed since. One that is silent is compared with the end of the log (follow.go).
// Subscriptions have a connection of their own, which carries a hundred of them; one more fails after the
// deadline, and nothing else waits for them.
package eventstoredb
