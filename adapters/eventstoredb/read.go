package eventstoredb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/metadata"

	"github.com/tizilim/tizilim/domain"
)

// Read implements domain.EventStore.
func (s *Store) Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		err := s.read(ctx, stream, max(from, 1), func(r domain.Record) bool { return yield(r, nil) })
		if err != nil && !errors.Is(err, errEnough) {
			yield(domain.Record{}, fmt.Errorf("read %s: %w", stream, err))
		}
	}
}

// errEnough ends a request whose caller wants no more of it.
var errEnough = errors.New("enough")

func (s *Store) read(ctx context.Context, stream domain.Stream, from uint64, yield func(domain.Record) bool) error {
	if _, err := domain.NewStream(stream.Category, stream.ID); err != nil {
		return err
	}
	next := from
	commits := assembly{midway: from > 1}
	var last domain.Commit
	head, err := s.readStream(ctx, stream, from-1, false, func(p part) error {
		if p.version != next {
			return fmt.Errorf("version %d is missing, %d follows: %w", next, p.version, domain.ErrDamaged)
		}
		next++
		commit, after, done, err := commits.add(p)
		if err != nil || !done {
			return err
		}
		if len(last.Records) > 0 && last.Position != after {
			return fmt.Errorf("version %d follows position %d, not %d: %w", commit.Records[0].Version, after, last.Position, domain.ErrDamaged)
		}
		last = commit
		for _, r := range commit.Records {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
			}
			if !yield(r) {
				return errEnough
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if next <= head {
		return fmt.Errorf("version %d of %d is missing: %w", next, head, domain.ErrDamaged)
	}
	if next > from && next != head+1 { // the read went on with a server that has less
		return fmt.Errorf("the stream ends at version %d, and version %d was read: %w", head, next-1, domain.ErrDamaged)
	}
	if len(commits.parts) > 0 {
		return fmt.Errorf("the last commit ends at version %d within: %w", head, domain.ErrDamaged)
	}
	if len(last.Records) > 0 {
		s.tips.set(stream, last.Version(), last.Position)
	}
	return nil
}

// readStream passes on the events of a stream from a revision to the end, or backwards that one alone, or
// the last before it. It gives the stream's version, 0 for one without events. What it was passing on when
// a server was lost goes on with the next.
func (s *Store) readStream(ctx context.Context, stream domain.Stream, revision uint64, backwards bool, take func(part) error) (head uint64, err error) {
	name, found := s.streamName(stream), true
	err = s.try(ctx, func(ctx context.Context, c client) (metadata.MD, error) {
		request := s.streamRequest(name, revision, math.MaxUint64)
		if backwards {
			request.ReadDirection, request.CountOption = streams.ReadReq_Options_Backwards, &streams.ReadReq_Options_Count{Count: 1}
		}
		ended := false
		trailer, err := s.each(ctx, c, request, func(m *streams.ReadResp) error {
			switch content := m.GetContent().(type) {
			case *streams.ReadResp_Event:
				p, err := s.decode(content.Event.GetEvent())
				if err != nil {
					return err
				}
				if p.stream != stream {
					return fmt.Errorf("an event of %s comes: %w", p.stream, domain.ErrDamaged)
				}
				if !backwards {
					revision = p.version // where to go on
				}
				return take(p)
			case *streams.ReadResp_StreamNotFound_:
				found, ended = false, true
			case *streams.ReadResp_LastStreamPosition:
				head, ended = content.LastStreamPosition+1, true
			}
			return nil
		})
		if err == nil && !ended {
			err = fmt.Errorf("the server does not say where the stream ends; it has to be version 22.10 or later: %w", domain.ErrUnavailable)
		}
		return trailer, err
	})
	if err == nil && !found {
		err = s.neverExisted(ctx, name)
	}
	return head, err
}

// streamRequest asks for a stream from a revision on, and where it ends.
func (s *Store) streamRequest(name string, revision, count uint64) *streams.ReadReq_Options {
	return &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)},
			RevisionOption:   &streams.ReadReq_Options_StreamOptions_Revision{Revision: revision},
		}},
		CountOption:   &streams.ReadReq_Options_Count{Count: count},
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		ControlOption: &streams.ReadReq_Options_ControlOption{Compatibility: 1},
	}
}

// neverExisted tells a stream that was never written from one that was deleted softly: to the server
// both are not there, but the second has been given an end.
func (s *Store) neverExisted(ctx context.Context, name string) error {
	truncated := false
	err := s.try(ctx, func(ctx context.Context, c client) (metadata.MD, error) {
		request := s.streamRequest("$$"+name, 0, 1)
		request.ReadDirection = streams.ReadReq_Options_Backwards
		request.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
		return s.each(ctx, c, request, func(m *streams.ReadResp) error {
			var meta struct {
				TruncateBefore *json.Number `json:"$tb"`
			}
			if e := m.GetEvent().GetEvent(); e != nil {
				truncated = json.Unmarshal(e.GetData(), &meta) != nil || meta.TruncateBefore != nil && *meta.TruncateBefore != "0"
			}
			return nil
		})
	})
	if err == nil && truncated {
		err = fmt.Errorf("%w: %w", errDeleted, domain.ErrDamaged)
	}
	return err
}

// each passes on every message of the answer to a request for reading that has an end.
func (s *Store) each(ctx context.Context, c client, options *streams.ReadReq_Options, take func(*streams.ReadResp) error) (metadata.MD, error) {
	options.UuidOption = stringIDs()
	box, err := s.open(ctx, c, options)
	if err != nil {
		return nil, err
	}
	defer box.cancel()
	for {
		m, err := box.next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return box.stream.Trailer(), err
		}
		if err := take(m); err != nil {
			return nil, err
		}
	}
}

func stringIDs() *streams.ReadReq_Options_UUIDOption {
	return &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
}
