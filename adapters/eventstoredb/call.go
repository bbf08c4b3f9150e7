package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tizilim/tizilim/domain"
)

var errDeleted = errors.New("the stream was deleted")

// fault is an answer that is not what was asked for.
type fault struct {
	err    error  // as one of the domain's kinds, where it is one
	again  bool   // trying again may help
	leader string // who is the leader, where the server named another node
}

// readFault makes out what an error of a request says, and its trailer.
func readFault(err error, trailer metadata.MD) fault {
	get := func(key string) string {
		if v := trailer.Get(key); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	mark := func(kind error) fault { return fault{err: fmt.Errorf("%w: %w", kind, err)} }
	switch get("exception") {
	case "not-leader":
		f := fault{err: fmt.Errorf("not the leader: %w: %w", domain.ErrUnavailable, err), again: true}
		if host, port := get("leader-endpoint-host"), get("leader-endpoint-port"); host != "" && port != "" {
			f.leader = net.JoinHostPort(host, port)
		}
		return f
	case "stream-deleted":
		return mark(fmt.Errorf("%w: %w", errDeleted, domain.ErrDamaged))
	case "wrong-expected-version":
		return mark(domain.ErrConflict)
	case "maximum-append-size-exceeded", "maximum-append-event-size-exceeded":
		return fault{err: fmt.Errorf("the server takes less, see its setting MaxAppendSize: %w: %w", domain.ErrTooLarge, err)}
	case "access-denied":
		return mark(domain.ErrUnavailable) // it is the registry that is denied, not who asked it
	}
	if invalidPosition(err) {
		return fault{err: fmt.Errorf("no event is at that position: %w: %w: %w", domain.ErrDamaged, domain.ErrInvalid, err)}
	}
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		return mark(domain.ErrUnavailable)
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal, codes.ResourceExhausted:
		return fault{err: fmt.Errorf("%w: %w", domain.ErrUnavailable, err), again: true}
	case codes.DataLoss:
		return mark(domain.ErrDamaged)
	}
	return fault{err: err}
}

// invalidPosition says whether the log was to be read from a position within an event. Servers tell it with
// different codes, which also mean other things, and without details: only the words are left.
func invalidPosition(err error) bool {
	said := status.Convert(err).Message()
	return strings.Contains(said, "invalid position") || strings.Contains(said, "InvalidPosition")
}

// maxRedirects bounds how often one node after the other names another leader.
const maxRedirects = 4

// try carries out a request on the leader, and again for as long as patience lasts while nobody answers.
// request sets its own deadline, and gives the trailer with its error.
func (s *Store) try(ctx context.Context, request func(context.Context, client) (metadata.MD, error)) error {
	until, redirects := time.Now().Add(s.patience), 0
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		f := s.once(ctx, request)
		switch {
		case f == nil:
			return nil
		case ended(ctx) != nil:
			return fmt.Errorf("%w: %w: %w", domain.ErrUnavailable, ended(ctx), f.err)
		case f.leader != "" && redirects < maxRedirects:
			redirects++
			continue
		}
		switch {
		case !f.again || time.Now().Add(wait).After(until):
			return f.err
		case !pause(ctx, wait):
			return fmt.Errorf("%w: %w: %w", domain.ErrUnavailable, ctx.Err(), f.err)
		}
	}
}

// ended is ctx.Err, also in the moment in which a request of it has ended for its deadline and ctx itself not yet.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// once is one try. Where it fails for want of a leader the leader is another one from now on.
func (s *Store) once(ctx context.Context, request func(context.Context, client) (metadata.MD, error)) *fault {
	leader, err := s.lead(ctx)
	if err != nil {
		return &fault{err: err, again: errors.Is(err, domain.ErrUnavailable) && !errors.Is(err, errClosed)}
	}
	trailer, err := request(s.nodes.outgoing(ctx, s.only == ""), leader.client())
	if err == nil {
		return nil
	}
	if _, isStatus := status.FromError(err); !isStatus {
		return &fault{err: err} // not the server's
	}
	f := readFault(err, trailer)
	f.err = fmt.Errorf("%s: %w", leader.address, f.err)
	if s.only != "" {
		return &f
	}
	if f.leader != "" {
		s.logger.Warn("event store: another node is the leader", "node", leader.address, "leader", f.leader)
		s.nodes.follow(f.leader)
	} else if f.again {
		s.nodes.lost(leader.address)
	}
	return &f
}

// lead is the node that is asked: the leader, found within one deadline, unless the store is of one node alone.
func (s *Store) lead(ctx context.Context) (node, error) {
	if s.only != "" {
		return s.nodes.connect(s.only)
	}
	ctx, cancel := context.WithTimeout(ctx, s.deadline)
	defer cancel()
	leader, err := s.nodes.lead(ctx)
	if _, avoid := s.avoided.Load(leader.address); err == nil && avoid {
		s.nodes.lost(leader.address) // another one may lead by now
		err = fmt.Errorf("%s leads, and its copy of the log is damaged: %w", leader.address, domain.ErrUnavailable)
	}
	return leader, err
}

// inbox receives what the server sends on one request.
type inbox struct {
	stream   streams.Streams_ReadClient
	cancel   context.CancelFunc
	deadline time.Duration // for each message; 0 for none
}

// open sends a request for reading. A connection that carries as many as the server allows makes it wait,
// for no longer than the store's deadline.
func (s *Store) open(ctx context.Context, c streams.StreamsClient, options *streams.ReadReq_Options) (*inbox, error) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(s.deadline, cancel)
	stream, err := c.Read(ctx, &streams.ReadReq{Options: options})
	if !timer.Stop() {
		err = status.Error(codes.DeadlineExceeded, "not sent in "+s.deadline.String())
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &inbox{stream, cancel, s.deadline}, nil
}

func (i *inbox) next() (*streams.ReadResp, error) {
	if i.deadline == 0 {
		return i.stream.Recv()
	}
	timer := time.AfterFunc(i.deadline, i.cancel)
	m, err := i.stream.Recv()
	if !timer.Stop() && err != nil {
		err = status.Error(codes.DeadlineExceeded, "no answer in "+i.deadline.String())
	}
	return m, err
}
