package esdbtest

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Delete implements streams.StreamsServer. It does not look at the expected revision.
func (n *node) Delete(ctx context.Context, req *streams.DeleteReq) (*streams.DeleteResp, error) {
	at, err := n.remove(ctx, req.GetOptions().GetStreamIdentifier(), func(name string) *record { return n.log.truncate(name, deletedStream) })
	if err != nil {
		return nil, err
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{
		Position: &streams.DeleteResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

// Tombstone implements streams.StreamsServer. It does not look at the expected revision.
func (n *node) Tombstone(ctx context.Context, req *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	at, err := n.remove(ctx, req.GetOptions().GetStreamIdentifier(), n.log.tombstone)
	if err != nil {
		return nil, err
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{
		Position: &streams.TombstoneResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

// remove takes a stream away, and gives the position of what says so.
func (n *node) remove(ctx context.Context, stream *shared.StreamIdentifier, write func(name string) *record) (uint64, error) {
	if err := n.leads(ctx); err != nil {
		return 0, err
	}
	n.log.mu.Lock()
	defer n.log.mu.Unlock()
	name := string(stream.GetStreamName())
	if n.log.last(name) == deletedStream {
		return 0, streamDeleted(ctx, name)
	}
	return write(name).position, nil
}
