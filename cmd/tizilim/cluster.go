package main

import (
	"context"
	"fmt"
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
}

// openCluster opens the event store in the NATS cluster. In the folder is what this node remembers of it.
func openCluster(ctx context.Context, f *folder, r *registry) (eventStore, error) {
	switch log, err := f.foreign(); {
	case err != nil:
		return nil, err
	case log != uuid.Nil:
		return nil, fmt.Errorf("folder %s belongs to a log in EventStoreDB; say where with --store, or name another folder with --data: %w", f.path, domain.ErrConflict)
	}
	config := jetstream.ClusterConfig{Dir: f.log(), Servers: jetstream.Servers{
		URLs: f.nats.NATS, CA: f.nats.NATSCA, Cert: f.nats.NATSCert, Key: f.nats.NATSKey, Credentials: f.nats.NATSCreds,
	}}
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
