package esdbtest

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// created is when every event of this server was, in ticks of 100 ns since 1970.
const created = 17_954_208_000_000_000

// Read implements streams.StreamsServer.
func (n *node) Read(req *streams.ReadReq, call streams.Streams_ReadServer) error {
	o := req.GetOptions()
	if o.GetUuidOption() == nil {
		return status.Error(codes.InvalidArgument, " `uuidOption` is a required argument")
	}
	_, subscription := o.GetCountOption().(*streams.ReadReq_Options_Subscription)
	switch {
	case o.GetAll() != nil && subscription:
		return n.subscribe(call, o)
	case o.GetAll() != nil:
		return n.readAll(call, o)
	case o.GetStream() != nil && !subscription:
		return n.readStream(call, o)
	}
	return status.Error(codes.InvalidArgument, "The combination is invalid.")
}

func (n *node) readStream(call streams.Streams_ReadServer, o *streams.ReadReq_Options) error {
	name := string(o.GetStream().GetStreamIdentifier().GetStreamName())
	from, to := int64(0), int64(math.MaxInt64)
	if r, ok := o.GetStream().GetRevisionOption().(*streams.ReadReq_Options_StreamOptions_Revision); ok {
		from = int64(r.Revision)
	}
	backwards := o.GetReadDirection() == streams.ReadReq_Options_Backwards
	if backwards {
		if _, end := o.GetStream().GetRevisionOption().(*streams.ReadReq_Options_StreamOptions_End); !end {
			to = from
		}
		from = 0
	}
	found, last := n.log.stream(name, from, to)
	switch last {
	case deletedStream:
		return streamDeleted(call.Context(), name)
	case noStream:
		return call.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)},
		}}})
	}
	if backwards {
		slices.Reverse(found)
	}
	if uint64(len(found)) > o.GetCount() {
		found = found[:o.GetCount()]
	}
	for i, r := range found {
		if err, cut := n.cutAt(call.Context(), i); cut {
			return err
		}
		if err := call.Send(eventOf(r, o)); err != nil {
			return err
		}
	}
	if o.GetControlOption().GetCompatibility() < 1 {
		return nil
	}
	return call.Send(&streams.ReadResp{Content: &streams.ReadResp_LastStreamPosition{LastStreamPosition: uint64(last)}})
}

// cutAt says whether a read is broken off after so many events, and how.
func (n *node) cutAt(ctx context.Context, events int) (err error, cut bool) {
	how := Broken
	n.fault(func(f *faults) {
		if cut = f.cutting > 0 && events == f.cut; cut {
			f.cutting--
			how = f.how
		}
	})
	switch {
	case !cut || how == Clean:
		return nil, cut
	case how == Stuck:
		<-ctx.Done()
	}
	return status.Error(codes.Unavailable, "staged within a read"), cut
}

func (n *node) readAll(call streams.Streams_ReadServer, o *streams.ReadReq_Options) error {
	allow, err := filterOf(o)
	if err != nil {
		return err
	}
	index := 0
	switch at := o.GetAll().GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		if index, err = n.log.at(at.Position.GetCommitPosition()); err != nil {
			return err
		}
	case *streams.ReadReq_Options_AllOptions_End:
		index = n.log.length()
	}
	found, _ := n.log.after(index)
	if o.GetReadDirection() == streams.ReadReq_Options_Backwards {
		all, _ := n.log.after(0)
		found = slices.DeleteFunc(all, func(r *record) bool { return slices.Contains(found, r) })
		slices.Reverse(found)
	}
	sent := uint64(0)
	for _, r := range found {
		if sent == o.GetCount() {
			return nil
		}
		if !allow(r) {
			continue
		}
		if err := call.Send(eventOf(r, o)); err != nil {
			return err
		}
		sent++
	}
	return nil
}

// subscribe is a subscription to the whole log, until it is dropped.
func (n *node) subscribe(call streams.Streams_ReadServer, o *streams.ReadReq_Options) error {
	allow, err := filterOf(o)
	if err != nil {
		return err
	}
	index, p := 0, uint64(0)
	switch at := o.GetAll().GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		p = at.Position.GetCommitPosition()
		if index, err = n.log.at(p); err != nil {
			return err
		}
		if index < n.log.length() {
			index++ // it begins after what it names
		}
	case *streams.ReadReq_Options_AllOptions_End:
		index = n.log.length()
	}
	if n.count(func(f *faults) *int { return &f.end }) {
		return nil
	}
	confirm := &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()}
	if err := call.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{Confirmation: confirm}}); err != nil {
		return err
	}
	s := subscription{node: n, call: call, options: o, allow: allow, index: index}
	n.mu.Lock()
	s.done = n.done
	n.mu.Unlock()
	n.fault(func(f *faults) { s.drop, s.short, f.short = f.drop, f.short, 0; f.began = p })
	return s.run()
}

// subscription is one on its way.
type subscription struct {
	node       *node
	call       streams.Streams_ReadServer
	options    *streams.ReadReq_Options
	allow      func(*record) bool
	index      int // in the log, of what comes next
	considered int // since the last checkpoint
	short      int // events after which it is dropped; 0 for none
	done, drop <-chan struct{}
}

func (s *subscription) run() error {
	muted := s.node.count(func(f *faults) *int { return &f.mute })
	for caughtUp := false; ; {
		_, grown := s.node.log.after(math.MaxInt) // before what is looked at
		if !muted {
			if err := s.bring(); err != nil {
				return err
			}
		}
		if !caughtUp && !muted {
			caughtUp = true
			if err := s.checkpoint(); err != nil {
				return err
			}
			if err := s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}}); err != nil {
				return err
			}
		}
		select {
		case <-s.call.Context().Done():
			return s.call.Context().Err()
		case <-s.done:
			return status.Error(codes.Unavailable, "the server ends")
		case <-s.drop:
			return status.Error(codes.Unavailable, "staged drop")
		case <-grown:
		}
	}
}

// bring sends what has come into the log.
func (s *subscription) bring() error {
	end := s.node.log.length()
	for ; s.index < end; s.index++ {
		if r := s.node.log.record(s.index); !r.lost && s.allow(r) {
			if err := s.call.Send(eventOf(r, s.options)); err != nil {
				return err
			}
			if s.short--; s.short == 0 {
				return status.Error(codes.Unavailable, "staged within the log")
			}
		}
		interval := int(s.options.GetFilter().GetCheckpointIntervalMultiplier() * s.options.GetFilter().GetMax())
		if s.considered++; interval > 0 && s.considered >= interval {
			if err := s.checkpoint(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *subscription) checkpoint() error {
	s.considered = 0
	var slow time.Duration
	s.node.fault(func(f *faults) { slow = f.slow })
	time.Sleep(slow)
	if s.index == 0 {
		return nil
	}
	p := s.node.log.record(s.index - 1).position
	if s.options.GetFilter() == nil {
		return nil
	}
	return s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{
		Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: p, PreparePosition: p},
	}})
}

// filterOf makes a filter of what the request says.
func filterOf(o *streams.ReadReq_Options) (func(*record) bool, error) {
	f := o.GetFilter()
	if f == nil {
		return func(*record) bool { return true }, nil
	}
	if f.GetWindow() == nil || f.GetCheckpointIntervalMultiplier() == 0 {
		return nil, status.Error(codes.InvalidArgument, "a filter without a window or a checkpoint interval")
	}
	of, expression := func(r *record) string { return r.stream }, f.GetStreamIdentifier()
	if expression == nil {
		of, expression = func(r *record) string { return r.token }, f.GetEventType()
	}
	if expression.GetRegex() == "" {
		return func(r *record) bool {
			return slices.ContainsFunc(expression.GetPrefix(), func(p string) bool { return strings.HasPrefix(of(r), p) })
		}, nil
	}
	form, err := regexp.Compile(expression.GetRegex())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return func(r *record) bool { return form.MatchString(of(r)) }, nil
}

// eventOf is a record as it is sent.
func eventOf(r *record, o *streams.ReadReq_Options) *streams.ReadResp {
	id := &shared.UUID{Value: &shared.UUID_String_{String_: r.id.String()}}
	if o.GetUuidOption().GetString_() == nil {
		s := &shared.UUID_Structured{}
		for i := range 8 {
			s.MostSignificantBits = s.MostSignificantBits<<8 | int64(r.id[i])
			s.LeastSignificantBits = s.LeastSignificantBits<<8 | int64(r.id[8+i])
		}
		id = &shared.UUID{Value: &shared.UUID_Structured_{Structured: s}}
	}
	content := "application/octet-stream"
	if r.json {
		content = "application/json"
	}
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
		Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: r.position},
		Event: &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: id, StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.stream)}, StreamRevision: uint64(r.number),
			CommitPosition: r.position, PreparePosition: r.position, Data: r.data, CustomMetadata: r.meta,
			Metadata: map[string]string{"type": r.token, "content-type": content, "created": strconv.FormatInt(created, 10)},
		},
	}}}
}
