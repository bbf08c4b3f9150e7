package esdbtest

import (
	"context"
	"encoding/base64"
	"net"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func (n *node) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if err := n.admit(ctx); err != nil {
		return nil, err
	}
	return handle(ctx, req)
}

func (n *node) stream(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := n.admit(s.Context()); err != nil {
		return err
	}
	if err := n.leads(s.Context()); err != nil {
		return err
	}
	return handle(srv, s)
}

// admit is what every request meets first.
func (n *node) admit(ctx context.Context) error {
	hang := false
	n.fault(func(f *faults) { hang = f.hang })
	if hang {
		n.mu.Lock()
		done := n.done
		n.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-done:
		}
		return status.FromContextError(ctx.Err()).Err()
	}
	if n.count(func(f *faults) *int { return &f.busy }) {
		return status.Error(codes.Unavailable, "Server Is Too Busy")
	}
	if n.options.User == "" {
		return nil
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(n.options.User+":"+n.options.Password))
	switch header(ctx, "authorization") {
	case want:
		return nil
	case "":
		return detailed(ctx, codes.PermissionDenied, "Access Denied", "exception", "access-denied")
	}
	return status.Error(codes.Unauthenticated, "Bad HTTP status code: 401")
}

// leads sends away who demands the leader of a node that is not.
func (n *node) leads(ctx context.Context) error {
	leader := n.Leader()
	if leader == n.number || header(ctx, "requires-leader") != "true" {
		return nil
	}
	if leader < 0 {
		return status.Error(codes.Unknown, "No leader info available in response")
	}
	host, port, _ := net.SplitHostPort(n.nodes[leader].address)
	return detailed(ctx, codes.NotFound, "Leader info available",
		"exception", "not-leader", "leader-endpoint-host", host, "leader-endpoint-port", port)
}

func header(ctx context.Context, name string) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// detailed is an error with details in the trailer.
func detailed(ctx context.Context, code codes.Code, text string, details ...string) error {
	if err := grpc.SetTrailer(ctx, metadata.Pairs(details...)); err != nil {
		return err
	}
	return status.Error(code, text)
}

// Read implements gossip.GossipServer.
func (g gossiper) Read(context.Context, *shared.Empty) (*gossip.ClusterInfo, error) {
	info := &gossip.ClusterInfo{}
	leader, cut := g.Leader(), g.isCut()
	if cut {
		leader = g.number // it has not noticed
	}
	for i, n := range g.nodes {
		host, text, _ := net.SplitHostPort(n.address)
		port, _ := strconv.ParseUint(text, 10, 16)
		n.mu.Lock()
		alive := n.server != nil && (n == g.node || !cut && !n.cut)
		n.mu.Unlock()
		state := gossip.MemberInfo_Follower
		switch {
		case i == leader:
			state = gossip.MemberInfo_Leader
		case leader < 0:
			state = gossip.MemberInfo_Unknown
		}
		info.Members = append(info.Members, &gossip.MemberInfo{
			State: state, IsAlive: alive, HttpEndPoint: &gossip.EndPoint{Address: host, Port: uint32(port)},
		})
	}
	return info, nil
}

// gossiper is a node as the gossip service: both services have a method of that name.
type gossiper struct {
	gossip.UnimplementedGossipServer
	*node
}
