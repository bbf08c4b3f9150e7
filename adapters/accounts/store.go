package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Store keeps records, each of a kind, under a key. It may be used by many goroutines, and by several
// processes, at once. Where it cannot answer its errors are domain.ErrUnavailable.
type Store interface {
	// Get is the record as the last Write that returned left it; domain.ErrNotFound where there is none.
	Get(ctx context.Context, kind Kind, key string) (Record, error)
	// List is up to limit records of the kind with keys after the one given, in the order of the keys;
	// those of one owner where that is not empty.
	List(ctx context.Context, kind Kind, owner, after string, limit int) ([]Record, error)
	// Write makes all of the changes or none, durably. Where a record is not at the revision that a
	// change was decided on, that is domain.ErrConflict. Each record that is kept gets a revision that
	// no record has ever had.
	Write(ctx context.Context, changes ...Change) error
	// Expire removes the records that have expired by then.
	Expire(ctx context.Context, by time.Time) error
}

// Kind is what a record is.
type Kind string

// The kinds.
const (
	KindAccount Kind = "account" // by id
	KindName    Kind = "name"    // what is unique: the account or token that has it
	KindSession Kind = "session" // by digest of its id, owned by the account
	KindToken   Kind = "token"   // by digest
	KindTries   Kind = "tries"   // by digest of a login, or by address
	KindUsed    Kind = "used"    // challenges and states that were used up
	KindSecret  Kind = "secret"  // of the installation
)

// Record is one record.
type Record struct {
	Key      string
	Owner    string // id of the account it belongs to, "" for none
	Revision int64  // above 0
	// Expires is when the store may forget the record by itself, never where zero. Until it does the
	// record is there like any other.
	Expires time.Time
	Data    []byte // JSON
}

// Change replaces a record, makes one where its Revision is 0, or removes it.
type Change struct {
	Kind Kind
	Record
	Remove bool
}

// decode reads a record's data.
func decode[T any](kind Kind, r Record) (T, error) {
	var v T
	if err := json.Unmarshal(r.Data, &v); err != nil {
		return v, fmt.Errorf("%s record: %w: %w", kind, domain.ErrDamaged, err)
	}
	return v, nil
}

// get reads a record with its revision.
func get[T any](ctx context.Context, s Store, kind Kind, key string) (v T, revision int64, err error) {
	r, err := s.Get(ctx, kind, key)
	if err != nil {
		return v, 0, err
	}
	v, err = decode[T](kind, r)
	return v, r.Revision, err
}

// find is get for what need not be there: revision 0 says that it is not.
func find[T any](ctx context.Context, s Store, kind Kind, key string) (v T, revision int64, err error) {
	v, revision, err = get[T](ctx, s, kind, key)
	if errors.Is(err, domain.ErrNotFound) {
		return v, 0, nil
	}
	return v, revision, err
}

// put is the change that makes the record hold v.
func put(kind Kind, r Record, v any) Change {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("accounts: %T is no JSON: %v", v, err)) // the types of this package are
	}
	r.Data = data
	return Change{Kind: kind, Record: r}
}

// remove is the change that removes the record as it was read.
func remove(kind Kind, key string, revision int64) Change {
	return Change{Kind: kind, Record: Record{Key: key, Revision: revision}, Remove: true}
}

// drop removes the record, at whatever revision it is; false where there was none.
func drop(ctx context.Context, s Store, kind Kind, key string) (was bool, err error) {
	err = retry(ctx, func() error {
		r, err := s.Get(ctx, kind, key)
		if was = err == nil; !was {
			return err
		}
		return s.Write(ctx, remove(kind, key, r.Revision))
	})
	if errors.Is(err, domain.ErrNotFound) {
		return false, nil
	}
	return was, err
}

// retry does f again as long as others are faster. Each time somebody else has come further, so it ends.
func retry(ctx context.Context, f func() error) error {
	for {
		err := f()
		if !errors.Is(err, domain.ErrConflict) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// all reads all records of a kind, or an owner's.
func all[T any](ctx context.Context, s Store, kind Kind, owner string, each func(Record, T) error) error {
	const page = 500
	for after := ""; ; {
		records, err := s.List(ctx, kind, owner, after, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			v, err := decode[T](kind, r)
			if err != nil {
				return err
			}
			if err := each(r, v); err != nil {
				return err
			}
		}
		if len(records) < page {
			return nil
		}
		after = records[len(records)-1].Key
	}
}
