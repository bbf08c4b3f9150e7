package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	v1 "github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
)

// healthCmd asks a server whether it is ready, as a container's health check does: an image without a shell
// has nothing else to ask with.
type healthCmd struct {
	URL string `arg:"" optional:"" help:"Address of the server; the one on this machine, as --listen says, where left out."`
	listenFlag
}

// healthPatience is how long the answer may take.
const healthPatience = 5 * time.Second

// Run prints what the server says of itself, and fails where it is not ready.
func (c healthCmd) Run(ctx context.Context, out io.Writer) error {
	at, err := c.address()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", at, domain.ErrInvalid, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	var h v1.Health
	_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&h) // the status says enough
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", at, resp.Status, strings.Join(h.Reasons, "; "))
	}
	_, err = fmt.Fprintln(out, cmp.Or(h.Status, "ok"))
	return err
}

// address is where the server is asked: one that listens everywhere, on this machine.
func (c healthCmd) address() (string, error) {
	if c.URL != "" {
		return strings.TrimSuffix(c.URL, "/"), nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", fmt.Errorf("--listen %s: %w: %w", c.Listen, domain.ErrInvalid, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // an image without a file of hosts has no localhost
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
