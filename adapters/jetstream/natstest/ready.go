package natstest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// Ready waits until every node says that it and what it holds is healthy.
func (c *Nodes) Ready(t testing.TB) {
	t.Helper()
	for _, n := range c.All {
		n.Ready(t)
	}
}

// Ready waits until the node says that it and what it holds is healthy.
func (n *Node) Ready(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	var err error
	for tick := time.Tick(20 * time.Millisecond); ; {
		if err = n.healthy(ctx); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not become ready: %v", n.Name, err)
		case <-tick:
		}
	}
}

func (n *Node) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.monitor+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s", resp.Status, body)
	}
	return err
}
