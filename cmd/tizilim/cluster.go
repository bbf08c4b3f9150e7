package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/jetstream"
	outbound "github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/domain"
)

// natsFlags say where the NATS cluster is that keeps the log, and who connects to it.
type natsFlags struct {
	NATS      string `name:"nats" placeholder:"URLS" xor:"store" help:"NATS cluster that keeps the event log, such as nats://a:4222,nats://b:4222,nats://c:4222, for several nodes to share; the data folder keeps it where left out."`
	NATSCA    string `name:"nats-ca" type:"existingfile" placeholder:"FILE" help:"Authorities of the cluster's certificates; the system's where left out."`
	NATSCert  string `name:"nats-cert" type:"existingfile" placeholder:"FILE" and:"nats-cert" help:"Certificate that the registry shows to the cluster."`
	NATSKey   string `name:"nats-key" type:"existingfile" placeholder:"FILE" and:"nats-cert" help:"Key of that certificate."`
	NATSCreds string `name:"nats-creds" type:"existingfile" placeholder:"FILE" help:"Credentials file for the cluster."`

	NATSPatience time.Duration `name:"nats-patience" default:"30s" placeholder:"TIME" help:"How long a command is tried while the cluster, outside or of the nodes, does not take it; an election takes up to 12s."`
}

// clusterFlags say which nodes keep the log together, each with a server inside it.
type clusterFlags struct {
	Cluster       []string `placeholder:"NODE=HOST:PORT" xor:"store" and:"cluster" help:"Nodes that keep the event log together, the same list on each, such as a=10.0.0.1:6222,b=10.0.0.2:6222,c=10.0.0.3:6222; the data folder keeps it alone where left out."`
	ClusterNode   string   `placeholder:"NODE" and:"cluster" help:"Which of them this one is."`
	ClusterListen string   `placeholder:"ADDR" help:"Address to listen on for the others; the node's own of the list where left out."`
	ClusterCA     string   `name:"cluster-ca" type:"existingfile" placeholder:"FILE" and:"cluster-cert" help:"Authority of the nodes' certificates, and of nothing else: whoever has a certificate of it can join."`
	ClusterCert   string   `type:"existingfile" placeholder:"FILE" and:"cluster-cert" help:"Certificate of this node."`
	ClusterKey    string   `type:"existingfile" placeholder:"FILE" and:"cluster-cert" help:"Key of that certificate."`
}

// node is the node that the flags tell of.
func (c clusterFlags) node() *jetstream.Node {
	n := &jetstream.Node{Name: c.ClusterNode, Listen: c.ClusterListen, CA: c.ClusterCA, Cert: c.ClusterCert, Key: c.ClusterKey}
	for _, text := range c.Cluster {
		name, address, _ := strings.Cut(text, "=")
		n.Peers = append(n.Peers, jetstream.Peer{Name: strings.TrimSpace(name), Address: strings.TrimSpace(address)})
	}
	return n
}

// openCluster opens the event store in a NATS cluster, outside or inside the nodes. In the folder is what
// this node remembers of the log, and where its server is inside it, that one's files.
func openCluster(ctx context.Context, f *folder, r *registry) (eventStore, error) {
	switch log, err := f.foreign(); {
	case err != nil:
		return nil, err
	case log != uuid.Nil:
		return nil, fmt.Errorf("folder %s belongs to a log in EventStoreDB; say where with --store, or name another folder with --data: %w", f.path, domain.ErrConflict)
	}
	config := jetstream.ClusterConfig{Dir: f.log(), Patience: f.at.NATSPatience, Begin: f.begins, AcceptLoss: f.acceptLoss}
	if f.at.Cluster != nil {
		config.Node = f.at.node()
	} else {
		config.Servers = jetstream.Servers{URLs: f.at.NATS, CA: f.at.NATSCA, Cert: f.at.NATSCert, Key: f.at.NATSKey, Credentials: f.at.NATSCreds}
	}
	if r != nil {
		config.Logger, config.OnAppend = r.logger, r.metrics.ObserveAppend
	}
	store, err := jetstream.Connect(ctx, config)
	if err != nil { // a nil *jetstream.Cluster is no nil eventStore
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	return store, nil
}

// openClusterLedger opens the ledger of notices beside the log.
func openClusterLedger(cluster *jetstream.Cluster) (*outbound.Ledger, error) {
	conn, err := cluster.Annex()
	if err != nil {
		return nil, err
	}
	return outbound.NewLedger(conn, outbound.Host{Ready: cluster.Writable, Replicas: cluster.Replicas()}, time.Now)
}

// joinCmd lets a node take its part in keeping the log, and do nothing else.
type joinCmd struct {
	storeFlag
}

// Help says what for.
func (joinCmd) Help() string {
	return `A node of --cluster that serves nobody and does no work of the registry's, so that the cluster is there for a
command of another node: tizilim import on one, while the other two join. What serves would begin to work on the first
events while the others are still coming.`
}

// Run keeps the log until it is told to stop.
func (c joinCmd) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Cluster == nil {
		return fmt.Errorf("join is for a node of --cluster: %w", domain.ErrInvalid)
	}
	log, err := openStopped(ctx, c.lock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	head, err := log.store.Head(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "Node %s is part of the cluster; the log ends at position %d. Stop it with Ctrl-C.\n", c.ClusterNode, head); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
