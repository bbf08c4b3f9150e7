// Package jetstream is the event store on NATS JetStream, with the server inside this process: no
// port is open, nothing but this package reaches the log. Beside it the server may hold other streams,
// in an account of their own, into which guests may be let from outside (annex.go).
//
// The log is one stream, with a subject for each aggregate; a message is a commit, its sequence
// number the commit's position. JetStream alone would lose all that was acknowledged in the last two
// minutes at a power cut, or sync every message by itself. So there is one committer (committer.go):
//
//	callers → queue → committer: take all, check versions, publish → flusher: fdatasync, answer
//
// The committer has its own connection to the server and speaks NATS there itself (publisher.go).
// The flush of one group overlaps with the publishing of the next. Only what is flushed is known to
// anybody: readers, followers and callers alike. What a crash leaves is a log whose end may hold
// commits that nobody was told of; their writers repeat the append and learn that it was done.
//
// What the flush rests on is the way the pinned server version keeps its files (blocks.go). A
// self-test looks at every start whether it still does, and where it does not the server is told to
// sync every message: slow, never unsafe. No option acknowledges earlier.
//
// Reads of single streams come from an Index that is built from the log (the streams read model),
// and from memory for what it has not reached (tail.go, read.go). The whole log is read by Follow
// (follow.go), for which a gap is damage: the server itself skips what it cannot read. Who is far behind reads
// most of it from the server's files (stored.go).
//
// A store's directory holds, beside the server's files: lock, held while a process has it open;
// store.json, the mode and format of what is there; mark.json, a position that was durable, at most
// a second behind (dir.go); closed, where the last process closed it (opening.go). A log that ends before
// the mark is damaged, and Open refuses it before the server can give its positions out a second time.
//
// Connect opens the same log in a NATS cluster, which many processes share (cluster.go): outside of them, or
// made of a server inside each of three (cluster_node.go). The leader checks the versions, and an append is
// sent again until its outcome is known (cluster_append.go). Whether a leader still leads is asked before it is
// believed (cluster_head.go). The copy that a certain server has can be read for itself (cluster_copy.go).
package jetstream
