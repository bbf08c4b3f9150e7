package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/metadata"

	"github.com/tizilim/tizilim/domain"
)

// Append implements domain.EventStore.
func (s *Store) Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	start := time.Now()
	if _, err := domain.EncodeCommit(domain.NewCommit(stream, expected, 0, events)); err != nil {
		return 0, err
	}
	position, err := s.append(ctx, stream, expected, events)
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", stream, err)
	}
	s.tips.set(stream, expected+uint64(len(events)), position)
	if s.onAppend != nil {
		s.onAppend(time.Since(start), len(events))
	}
	return position, nil
}

func (s *Store) append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	after, err := s.predecessor(ctx, stream, expected)
	if err != nil {
		return 0, err
	}
	proposed, err := propose(events, after)
	if err != nil {
		return 0, err
	}
	position, err := s.write(ctx, s.streamName(stream), expected, proposed)
	if err == nil && position == noPosition { // a repeated append of which the server does not find the place
		return s.place(ctx, stream, expected+uint64(len(events)))
	}
	if errors.Is(err, domain.ErrConflict) {
		// What the caller would decide on anew has to be whole.
		for _, damage := range s.Read(ctx, stream, expected+1) {
			if damage != nil {
				return 0, damage
			}
		}
	}
	return position, err
}

// predecessor gives the position of the commit that the append follows: ErrConflict where no commit
// ends at that version, ErrDamaged where one should. A stream that was deleted softly looks as one that never
// was, and an append to it would make for good what can be undone until then.
func (s *Store) predecessor(ctx context.Context, stream domain.Stream, version uint64) (domain.Position, error) {
	if version == 0 {
		return 0, s.neverExisted(ctx, s.streamName(stream))
	}
	if position, known := s.tips.at(stream, version); known {
		return position, nil
	}
	return s.place(ctx, stream, version)
}

// place looks up where the commit is that ends at the version, with the errors of predecessor.
func (s *Store) place(ctx context.Context, stream domain.Stream, version uint64) (domain.Position, error) {
	var found part
	head, err := s.readStream(ctx, stream, version-1, true, func(p part) error { found = p; return nil })
	switch {
	case err != nil:
		return 0, err
	case head < version:
		return 0, fmt.Errorf("at version %d, not %d: %w", head, version, domain.ErrConflict)
	case found.version != version:
		return 0, fmt.Errorf("version %d of %d is missing: %w", version, head, domain.ErrDamaged)
	case found.Part != found.Of:
		return 0, fmt.Errorf("version %d is within a commit: %w", version, domain.ErrConflict)
	}
	return found.position, nil
}

// write appends to the stream with the name on the server, and gives the position of the last event:
// noPosition where all of it was there already and the server does not say where.
func (s *Store) write(ctx context.Context, name string, expected uint64, proposed []*streams.AppendReq_ProposedMessage) (domain.Position, error) {
	var position domain.Position
	err := s.try(ctx, func(ctx context.Context, c client) (metadata.MD, error) {
		ctx, cancel := context.WithTimeout(ctx, s.deadline)
		defer cancel()
		call, err := c.Append(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := send(call, name, expected, proposed)
		if err != nil {
			return call.Trailer(), err
		}
		position, err = result(answer, expected, len(proposed))
		return nil, err
	})
	return position, err
}

func send(call streams.Streams_AppendClient, name string, expected uint64, proposed []*streams.AppendReq_ProposedMessage) (*streams.AppendResp, error) {
	options := &streams.AppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)}}
	if expected == 0 {
		options.ExpectedStreamRevision = &streams.AppendReq_Options_NoStream{NoStream: &shared.Empty{}}
	} else {
		options.ExpectedStreamRevision = &streams.AppendReq_Options_Revision{Revision: expected - 1}
	}
	err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: options}})
	for i := 0; i < len(proposed) && err == nil; i++ {
		err = call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: proposed[i]}})
	}
	if err != nil && !errors.Is(err, io.EOF) { // io.EOF: the server has answered already
		return nil, err
	}
	return call.CloseAndRecv()
}

// result makes out what the answer to an append says.
func result(answer *streams.AppendResp, expected uint64, events int) (domain.Position, error) {
	if wrong := answer.GetWrongExpectedVersion(); wrong != nil {
		return 0, fmt.Errorf("at version %s, not %d: %w", currentVersion(wrong), expected, domain.ErrConflict)
	}
	success := answer.GetSuccess()
	if success == nil {
		return 0, fmt.Errorf("an answer that says nothing: %w", domain.ErrUnavailable)
	}
	// A stream that was deleted softly goes on where it ended, also for who expects none.
	if last := expected + uint64(events) - 1; success.GetCurrentRevision() != last {
		return 0, fmt.Errorf("the last event came to revision %d, not %d; %w: %w", success.GetCurrentRevision(), last, errDeleted, domain.ErrDamaged)
	}
	if position := success.GetPosition(); position != nil {
		return domain.Position(position.GetCommitPosition()), nil
	}
	return noPosition, nil
}

// currentVersion is a stream's version as a conflict names it: servers before 20.6.1 did so in other fields.
func currentVersion(wrong *streams.AppendResp_WrongExpectedVersion) string {
	switch current := wrong.GetCurrentRevisionOption().(type) {
	case *streams.AppendResp_WrongExpectedVersion_CurrentRevision:
		return strconv.FormatUint(current.CurrentRevision+1, 10)
	case *streams.AppendResp_WrongExpectedVersion_CurrentNoStream:
		return "0"
	}
	switch current := wrong.GetCurrentRevisionOption_20_6_0().(type) {
	case *streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0:
		return strconv.FormatUint(current.CurrentRevision_20_6_0+1, 10)
	case *streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0:
		return "0"
	}
	return "unknown"
}
