// Package yardstick keeps commits durable in other ways than the event store does, so that the store
// can be measured beside them: a bare file (file.go), JetStream as it comes (raw.go), a table in
// Postgres (postgres.go). They take what the store takes, in the same stored form, and return when it is
// durable. None of them reads, follows or survives anything: they are there for `tizilim bench store`.
package yardstick

import "github.com/tizilim/tizilim/domain"

// encode makes what every one of them stores: the stored form of a commit, as the event store has it.
func encode(stream domain.Stream, expected uint64, events []domain.Event) ([]byte, error) {
	return domain.EncodeCommit(domain.NewCommit(stream, expected, 0, events))
}
