package domain

import (
	"context"
	"iter"
)

// MaxCommitBytes bounds one commit as it is stored: 1 MiB. A larger one is ErrTooLarge and leaves
// nothing behind.
const MaxCommitBytes = 1 << 20

// EventStore keeps streams of events. It is the only thing the command side writes to.
// Every store passes the suite in adapters/storetest, which is this contract as tests.
// All methods may be called by many goroutines at once.
type EventStore interface {
	// Append adds events to the stream as one commit, all of them or none, provided that the
	// stream's version is expected (0: the stream does not exist yet). When it returns without an
	// error the events survive a crash and a power cut.
	//
	// Of all callers with the same expected version exactly one wins; the others get ErrConflict,
	// and a caller's conflict fails nobody else. Appending the same event ids at the same expected
	// version again returns the first commit's position, also after a lost acknowledgement and
	// after a restart. ErrTooLarge beyond MaxCommitBytes, ErrInvalid for no events, ErrUnavailable
	// when the outcome is not known to be stored: repeat the same call to learn it.
	Append(ctx context.Context, stream Stream, expected uint64, events []Event) (Position, error)

	// Read yields the records of the stream from version from (1 is the first) to its present end,
	// in order. It sees every append that was acknowledged before the call. A stream without events
	// yields nothing. A read that cannot be completed yields its error as the last pair: ErrDamaged
	// when records are missing, never a short history.
	Read(ctx context.Context, stream Stream, from uint64) iter.Seq2[Record, error]
}

// Log is the whole store in the order of its commits: what projections follow.
type Log interface {
	// Follow yields every commit after the position: first what is there, then what comes, until
	// ctx ends, which ends the sequence without an error. Commits come in order of position, none
	// twice and none left out; a gap or a cut is the last pair, with ErrDamaged, and a store that
	// stops answering is ErrUnavailable. Breaking off the loop releases everything.
	//
	// The position is 0 or that of a commit, as the log gave it: positions may have gaps, and one that is
	// counted to, such as a commit's less one, is ErrInvalid in some stores.
	Follow(ctx context.Context, after Position) iter.Seq2[Commit, error]

	// Head is the position of the last durable commit, 0 for an empty log.
	Head(ctx context.Context) (Position, error)
}
