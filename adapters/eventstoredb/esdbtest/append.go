package esdbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Append implements streams.StreamsServer.
func (n *node) Append(call streams.Streams_AppendServer) error {
	ctx := call.Context()
	first, err := call.Recv()
	if err != nil {
		return err
	}
	options := first.GetOptions()
	expected, err := expectedNumber(options)
	if err != nil {
		return err
	}
	var events []event
	for size := 0; ; {
		m, err := call.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		e, err := proposed(ctx, m.GetProposedMessage())
		if err != nil {
			return err
		}
		if size += e.size(); size > n.options.MaxAppendSize {
			limit := strconv.Itoa(n.options.MaxAppendSize)
			return detailed(ctx, codes.InvalidArgument, "Maximum Append Size of "+limit+" Exceeded.",
				"exception", "maximum-append-size-exceeded", "maximum-append-size", limit)
		}
		events = append(events, e)
	}
	if n.count(func(f *faults) *int { return &f.before }) {
		return status.Error(codes.Unavailable, "staged before the write")
	}
	stream := string(options.GetStreamIdentifier().GetStreamName())
	a := n.log.append(stream, expected, events)
	n.fault(func(f *faults) { a.nowhere = a.nowhere || a.repeated && f.nowhere })
	if n.count(func(f *faults) *int { return &f.after }) {
		return status.Error(codes.Unavailable, "staged after the write")
	}
	return n.reply(call, a, options, stream)
}

func (n *node) reply(call streams.Streams_AppendServer, a answer, options *streams.AppendReq_Options, stream string) error {
	switch {
	case a.deleted:
		return streamDeleted(call.Context(), stream)
	case a.wrong:
		return n.conflict(call, a, options, stream)
	}
	success := &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(a.last)},
		PositionOption:        &streams.AppendResp_Success_NoPosition{NoPosition: &shared.Empty{}},
	}
	if !a.nowhere {
		success.PositionOption = &streams.AppendResp_Success_Position{
			Position: &streams.AppendResp_Position{CommitPosition: a.position, PreparePosition: a.position},
		}
	}
	return call.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: success}})
}

// conflict answers who expected another version, in the way that was staged.
func (n *node) conflict(call streams.Streams_AppendServer, a answer, options *streams.AppendReq_Options, stream string) error {
	answers := BothAnswers
	n.fault(func(f *faults) { answers = f.answers })
	if answers == ThrownAnswers {
		expected, _ := expectedNumber(options) // it was read before
		return detailed(call.Context(), codes.FailedPrecondition, "Append failed due to WrongExpectedVersion.", "exception", "wrong-expected-version",
			"stream-name", stream, "expected-version", strconv.FormatInt(expected, 10), "actual-version", strconv.FormatInt(a.current, 10))
	}
	return call.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{
		WrongExpectedVersion: wrongVersion(a.current, options, answers == OldAnswers),
	}})
}

func streamDeleted(ctx context.Context, stream string) error {
	return detailed(ctx, codes.FailedPrecondition, fmt.Sprintf("Event stream '%s' is deleted.", stream),
		"exception", "stream-deleted", "stream-name", stream)
}

func expectedNumber(o *streams.AppendReq_Options) (int64, error) {
	switch e := o.GetExpectedStreamRevision().(type) {
	case *streams.AppendReq_Options_Revision:
		return int64(e.Revision), nil
	case *streams.AppendReq_Options_NoStream:
		return noStream, nil
	case *streams.AppendReq_Options_Any:
		return anyVersion, nil
	case *streams.AppendReq_Options_StreamExists:
		return streamExists, nil
	}
	return 0, status.Error(codes.InvalidArgument, "no expected revision")
}

func proposed(ctx context.Context, m *streams.AppendReq_ProposedMessage) (event, error) {
	token, typed := m.GetMetadata()["type"]
	content, told := m.GetMetadata()["content-type"]
	if !typed || !told {
		return event{}, detailed(ctx, codes.InvalidArgument, "Required Metadata Property is missing",
			"exception", "missing-required-metadata-property", "required-metadata-properties", "type,content-type")
	}
	id, err := uuid.Parse(m.GetId().GetString_())
	if s := m.GetId().GetStructured(); s != nil {
		id, err = structured(s), nil
	}
	if err != nil || id == uuid.Nil {
		return event{}, status.Error(codes.InvalidArgument, "Empty eventId provided.")
	}
	return event{id: id, token: token, json: content == "application/json", data: m.GetData(), meta: m.GetCustomMetadata()}, nil
}

func structured(s *shared.UUID_Structured) (id uuid.UUID) {
	for i := range 8 {
		id[i] = byte(uint64(s.GetMostSignificantBits()) >> (56 - 8*i))
		id[8+i] = byte(uint64(s.GetLeastSignificantBits()) >> (56 - 8*i))
	}
	return id
}

// wrongVersion is the conflict in both generations of its fields, or, old, in the first alone.
func wrongVersion(current int64, o *streams.AppendReq_Options, old bool) *streams.AppendResp_WrongExpectedVersion {
	w := &streams.AppendResp_WrongExpectedVersion{}
	if current == noStream {
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: &shared.Empty{}}
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
	} else {
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(current)}
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)}
	}
	switch e := o.GetExpectedStreamRevision().(type) {
	case *streams.AppendReq_Options_Revision:
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: e.Revision}
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: e.Revision}
	case *streams.AppendReq_Options_NoStream:
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: math.MaxUint64}
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	}
	if old {
		w.CurrentRevisionOption, w.ExpectedRevisionOption = nil, nil
	}
	return w
}
