package esdbtest

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Delete implements streams.StreamsServer. It does not look at the expected revision.
func (n *node) Delete(ctx context.Context, req *streams.DeleteReq) (*streams.DeleteResp, error) {
	if err := n.deletable(ctx, req.GetOptions().GetStreamIdentifier()); err != nil {
		return nil, err
	}
	n.Server.Delete(string(req.GetOptions().GetStreamIdentifier().GetStreamName()))
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_NoPosition{NoPosition: &shared.Empty{}}}, nil
}

// Tombstone implements streams.StreamsServer. It does not look at the expected revision.
func (n *node) Tombstone(ctx context.Context, req *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	if err := n.deletable(ctx, req.GetOptions().GetStreamIdentifier()); err != nil {
		return nil, err
	}
	n.Server.Tombstone(string(req.GetOptions().GetStreamIdentifier().GetStreamName()))
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_NoPosition{NoPosition: &shared.Empty{}}}, nil
}

func (n *node) deletable(ctx context.Context, stream *shared.StreamIdentifier) error {
	if err := n.leads(ctx); err != nil {
		return err
	}
	n.log.mu.Lock()
	defer n.log.mu.Unlock()
	if name := string(stream.GetStreamName()); n.log.last(name) == deletedStream {
		return streamDeleted(ctx, name)
	}
	return nil
}
