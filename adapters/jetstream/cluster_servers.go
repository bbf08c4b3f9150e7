package jetstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tizilim/tizilim/domain"
)

const (
	// varzSubject asks every server of the cluster what it is. It belongs to the system account, which has to
	// let it through: no other request says how a server syncs.
	varzSubject = "$SYS.REQ.SERVER.PING.VARZ"
	// checkEvery is how often the servers are asked again: one may come back with another configuration.
	checkEvery = 10 * time.Second
	// varzWait is how long the servers may take.
	varzWait = time.Second
)

// oldest is the oldest version of a server that groups what it syncs, and whose files are known.
var oldest = [3]int{2, 15, 2}

// check makes sure of the log's configuration and of the servers that keep it: each one that answers syncs
// what it acknowledges, and most of them do answer.
func (c *Cluster) check(ctx context.Context) error {
	for try := c.try(ctx); ; {
		err := c.checkOnce(ctx)
		if !errors.Is(err, domain.ErrUnavailable) || !try.again() {
			return err
		}
	}
}

func (c *Cluster) checkOnce(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, clusterRequest)
	defer cancel()
	info, err := c.read.log.Info(bounded)
	if err != nil {
		return fmt.Errorf("the leader does not answer: %w: %w", domain.ErrUnavailable, err)
	}
	if err := errors.Join(checkStream(info.Config), leads(info.Cluster)); err != nil {
		return err
	}
	names := []string{info.Cluster.Leader}
	for _, r := range info.Cluster.Replicas {
		names = append(names, r.Name)
	}
	return c.checkServers(ctx, names)
}

func (c *Cluster) checkServers(ctx context.Context, names []string) error {
	answers, err := c.askServers(ctx, names)
	if err != nil {
		return err
	}
	for _, v := range answers {
		if err := checkServer(v); err != nil {
			return err
		}
	}
	if len(answers) <= len(names)/2 {
		return fmt.Errorf("of the servers %q only %q say whether they sync what they acknowledge; is %s let through to the account: %w",
			names, slices.Sorted(maps.Keys(answers)), varzSubject, domain.ErrUnavailable)
	}
	return nil
}

// checkServer refuses a server that loses what it acknowledged at a power cut.
func checkServer(v server.Varz) error {
	var version [3]int
	if _, err := fmt.Sscanf(v.Version, "%d.%d.%d", &version[0], &version[1], &version[2]); err != nil || slices.Compare(version[:], oldest[:]) < 0 {
		return fmt.Errorf("server %s is version %q, %d.%d.%d is the oldest that will do: %w", v.Name, v.Version, oldest[0], oldest[1], oldest[2], domain.ErrInvalid)
	}
	if v.JetStream.Config == nil || !v.JetStream.Config.SyncAlways {
		return fmt.Errorf("server %s does not sync what it acknowledges; set sync_interval: always: %w", v.Name, domain.ErrInvalid)
	}
	return nil
}

// askServers collects what the servers say of themselves, by their names, until each has or time is up. The cluster may
// have others too, which answer as well.
func (c *Cluster) askServers(ctx context.Context, names []string) (map[string]server.Varz, error) {
	ctx, cancel := context.WithTimeout(ctx, varzWait)
	defer cancel()
	conn := cmp.Or(c.system, c.read.conn)
	inbox := conn.NewRespInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err == nil {
		defer func() { _ = sub.Unsubscribe() }() // fails where the connection is gone, and it with it
		err = conn.PublishRequest(varzSubject, inbox, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the servers: %w: %w", domain.ErrUnavailable, err)
	}
	all := map[string]server.Varz{}
	for len(all) < len(names) {
		m, err := sub.NextMsgWithContext(ctx)
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("ask the servers: %w: %w", domain.ErrUnavailable, err)
		}
		var answer struct {
			Data server.Varz `json:"data"`
		}
		if err := json.Unmarshal(m.Data, &answer); err == nil && slices.Contains(names, answer.Data.Name) {
			all[answer.Data.Name] = answer.Data
		}
	}
	return all, nil
}

// keepChecking looks again and again. A server that is set up wrongly stops the writing, until it is right.
// Servers that do not answer change nothing: what they are was known before.
func (c *Cluster) keepChecking() {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.closing:
			return
		}
		c.recheck()
	}
}

func (c *Cluster) recheck() {
	err := c.checkOnce(c.ctx)
	switch {
	case err == nil:
		if c.unsafe.Swap(nil) != nil {
			c.logger.Info("event store: the NATS cluster is set up as it must be again")
		}
	case errors.Is(err, domain.ErrInvalid):
		refusal := fmt.Errorf("nothing is written to the NATS cluster: %w: %w", domain.ErrUnavailable, err)
		if c.unsafe.Swap(&refusal) == nil {
			c.logger.Error("event store: nothing is written to the NATS cluster any more", "error", err)
		}
	}
}
