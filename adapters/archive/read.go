package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/loss"
)

// maxLine bounds a line: a commit of the largest size, encoded within a line, and room for the rest.
const maxLine = 2*domain.MaxCommitBytes + 1<<16

// Store is what a file is imported into.
type Store interface {
	domain.EventStore
	domain.Log
}

// Check reads the whole file and reports what it holds. ErrDamaged, with the line, where it was cut or
// altered: wrong digest or counts, positions out of order, a version missing in a stream, an event
// id twice, an event that this version of the program does not know.
func Check(r io.Reader) (Summary, error) {
	check := &checker{versions: map[domain.Stream]uint64{}, ids: map[uuid.UUID]struct{}{}}
	var sum Summary
	for item, err := range lines(r) {
		if err != nil {
			return Summary{}, err
		}
		if item.last != nil {
			return *item.last, check.counts(*item.last)
		}
		if err := check.commit(item.commit); err != nil {
			return Summary{}, fmt.Errorf("line %d: %w", item.number, err)
		}
	}
	return sum, fmt.Errorf("no line: %w", domain.ErrDamaged)
}

// Import checks the file, and then appends to the store what the store does not have yet. The store
// has to be empty or to hold exactly the file's beginning, as it does after an import that was
// broken off; anything else is ErrConflict, and nothing is written. It reports what the file holds
// and how many commits were new.
func Import(ctx context.Context, store Store, file io.ReadSeeker) (sum Summary, added int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("import: %w", err)
		}
	}()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Summary{}, 0, err
	}
	if sum, err = Check(file); err != nil {
		return Summary{}, 0, err
	}
	have, err := common(ctx, store, file)
	if err != nil {
		return Summary{}, 0, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Summary{}, 0, err
	}
	if added, err = appendAll(ctx, store, rest(file, have)); err != nil {
		err = fmt.Errorf("after %d commits: %w", have+added, err)
	}
	return sum, added, err
}

// rest yields the file's commits but for the first ones, after those that the store has.
func rest(file io.Reader, skip int) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		for item, err := range lines(file) {
			switch {
			case err != nil:
				yield(domain.Commit{}, fmt.Errorf("the file changed while it was read: %w", err))
				return
			case item.last != nil:
				return
			case skip > 0:
				skip--
			case !yield(item.commit, nil):
				return
			}
		}
	}
}

// bulk is a store that takes many commits in less time than one by one.
type bulk interface {
	AppendAll(ctx context.Context, commits iter.Seq2[domain.Commit, error]) (durable int, err error)
}

// appendAll appends the commits and returns how many are known to be durable.
func appendAll(ctx context.Context, store domain.EventStore, commits iter.Seq2[domain.Commit, error]) (added int, err error) {
	if s, ok := store.(bulk); ok {
		return s.AppendAll(ctx, commits)
	}
	for c, err := range commits {
		if err == nil {
			err = put(ctx, store, c)
		}
		if err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}

func put(ctx context.Context, store domain.EventStore, c domain.Commit) error {
	events := make([]domain.Event, len(c.Records))
	for i, rec := range c.Records {
		events[i] = rec.Event
	}
	_, err := store.Append(ctx, c.Stream, c.Records[0].Version-1, events)
	return err
}

// common counts the commits of the store, each of which has to be the file's at the same place.
func common(ctx context.Context, store Store, file io.ReadSeeker) (int, error) {
	head, err := store.Head(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	next, stop := iter.Pull2(lines(file))
	defer stop()
	have := 0
	for stored, err := range present(ctx, store, head) {
		if err != nil {
			return 0, err
		}
		item, err, ok := next()
		if err != nil {
			return 0, err
		}
		if !ok || item.last != nil {
			return 0, fmt.Errorf("the store holds more than the file's %d commits: %w", have, domain.ErrConflict)
		}
		if same, err := equal(stored, item.commit); err != nil || !same {
			return 0, errors.Join(err, fmt.Errorf("the store's commit at position %d is not the one in line %d: "+
				"import into an empty store: %w", stored.Position, item.number, domain.ErrConflict))
		}
		have++
	}
	return have, ctx.Err()
}

// equal compares commits as they are stored; the position is the store's own.
func equal(a, b domain.Commit) (bool, error) {
	x, err := domain.EncodeCommit(a)
	if err != nil {
		return false, err
	}
	y, err := domain.EncodeCommit(b)
	return bytes.Equal(x, y), err
}

// item is a line behind the header: a commit, or the summary.
type item struct {
	number int // of the line, from 1
	commit domain.Commit
	last   *Summary
}

// lines yields the commits of a file and its summary, in order. What is wrong with the form of the
// file, its digest included, is the last pair.
func lines(r io.Reader) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		if err := readLines(r, yield); err != nil {
			yield(item{}, err)
		}
	}
}

func readLines(r io.Reader, yield func(item, error) bool) error {
	digest := sha256.New()
	var position domain.Position
	var last *item
	number := 0
	for data, err := range rawLines(r) {
		if err != nil {
			return err
		}
		number++
		if last != nil {
			return fmt.Errorf("line %d: something follows the last line: %w", number, domain.ErrDamaged)
		}
		it, at, err := parse(number, data)
		if err != nil {
			return fmt.Errorf("line %d: %w: %w", number, domain.ErrDamaged, err)
		}
		if it.last != nil {
			if it.last.SHA256 != hex.EncodeToString(digest.Sum(nil)) {
				return fmt.Errorf("line %d: the lines before it are not the ones that were written: %w", number, domain.ErrDamaged)
			}
			last = &it
			continue
		}
		digest.Write(data)
		digest.Write([]byte{'\n'})
		if number == 1 {
			continue
		}
		if at <= position {
			return fmt.Errorf("line %d: position %d after %d: %w", number, at, position, domain.ErrDamaged)
		}
		position = at
		if !yield(it, nil) {
			return nil
		}
	}
	if last == nil {
		return fmt.Errorf("the file ends after line %d, without its last line: %w", number, domain.ErrDamaged)
	}
	yield(*last, nil)
	return nil
}

// rawLines yields the lines without their ends. A last line that has no end was cut.
func rawLines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		buffered := bufio.NewReaderSize(r, 1<<20)
		var long []byte
		for {
			part, err := buffered.ReadSlice('\n')
			long = append(long, part...)
			switch {
			case errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxLine:
				continue
			case errors.Is(err, io.EOF) && len(long) == 0:
				return
			case errors.Is(err, io.EOF):
				err = fmt.Errorf("the last line is cut: %w", domain.ErrDamaged)
			case errors.Is(err, bufio.ErrBufferFull):
				err = fmt.Errorf("a line is longer than %d bytes: %w", maxLine, domain.ErrDamaged)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(long[:len(long)-1], nil) {
				return
			}
			long = long[:0]
		}
	}
}

// parse reads the line as what its place and its fields make it.
func parse(number int, data []byte) (item, domain.Position, error) {
	it := item{number: number}
	if number == 1 {
		var h header
		if err := strict(data, &h); err != nil || h.Kind != kind {
			return it, 0, fmt.Errorf("not an export of Tizilim")
		}
		if h.Format != format {
			return it, 0, fmt.Errorf("format %d: this version reads %d", h.Format, format)
		}
		return it, 0, nil
	}
	if bytes.HasPrefix(data, []byte(`{"commits":`)) {
		it.last = new(Summary)
		return it, 0, strict(data, it.last)
	}
	var l line
	if err := strict(data, &l); err != nil {
		return it, 0, err
	}
	commit, err := domain.DecodeCommit(l.Position, l.Commit)
	it.commit = commit
	return it, l.Position, err
}

// checker holds what has to fit together over the whole file.
type checker struct {
	versions map[domain.Stream]uint64
	ids      map[uuid.UUID]struct{}
	commits  int
}

func (c *checker) commit(commit domain.Commit) error {
	if _, err := domain.NewStream(commit.Stream.Category, commit.Stream.ID); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrDamaged, err)
	}
	c.commits++
	for _, rec := range commit.Records {
		if want := c.versions[commit.Stream] + 1; rec.Version != want {
			return fmt.Errorf("%s: version %d where %d follows: %w", commit.Stream, rec.Version, want, domain.ErrDamaged)
		}
		c.versions[commit.Stream] = rec.Version
		if _, twice := c.ids[rec.ID]; twice || rec.ID == uuid.Nil {
			return fmt.Errorf("event id %s twice, or none: %w", rec.ID, domain.ErrDamaged)
		}
		c.ids[rec.ID] = struct{}{}
		if err := known(rec); err != nil {
			return fmt.Errorf("%s at version %d: %w", commit.Stream, rec.Version, err)
		}
	}
	return nil
}

// known decodes the event as its stream's category demands.
func known(rec domain.Record) error {
	var err error
	switch rec.Stream.Category {
	case domain.ApplicationCategory:
		_, err = application.Decode(rec.Event)
	case domain.LicenseCategory:
		_, err = license.Decode(rec.Event)
	case domain.NumbersCategory:
		_, err = license.DecodeAssigned(rec.Event)
	case domain.RegistryCategory:
		_, err = loss.Decode(rec.Event)
	default:
		err = fmt.Errorf("no such category of streams: %w", domain.ErrDamaged)
	}
	return err
}

func (c *checker) counts(sum Summary) error {
	if sum.Commits != c.commits || sum.Events != len(c.ids) {
		return fmt.Errorf("the last line counts %d commits and %d events, the file has %d and %d: %w",
			sum.Commits, sum.Events, c.commits, len(c.ids), domain.ErrDamaged)
	}
	return nil
}
