package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/seal"
)

// notify posts the order's notice until its callback answers 2xx or the gateway closes. Failures are
// logged at the first and then at every tenth attempt.
func (g *Gateway) notify(o *order) {
	for n := 1; ; n++ {
		err := g.post(o)
		if err == nil {
			g.notified(o)
			return
		}
		if g.ctx.Err() == nil && n%10 == 1 {
			g.config.Logger.Warn("demo payment gateway: notice not delivered", "order", o.ID, "attempt", n, "error", err)
		}
		wait := time.NewTimer(g.config.Retry(n))
		select {
		case <-g.ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// post sends the notice once, under a seal of its own.
func (g *Gateway) post(o *order) error {
	body, err := json.Marshal(payment.Notice{
		Order: o.ID, Application: o.Application, Status: o.Status, Reference: o.Reference, Reason: o.Reason,
		Amount: o.Amount, Currency: o.Currency, At: o.Decided,
	})
	if err != nil {
		return err
	}
	to := o.Callback
	if g.config.Callback != "" {
		to = g.config.Callback
	}
	req, err := http.NewRequestWithContext(g.ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	seal.Put(req.Header, g.config.Secret, g.config.Now(), payment.NoticePurpose, body)
	resp, err := g.config.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, payment.MaxBody)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the callback answers with status %d", resp.StatusCode)
	}
	return nil
}

// notified remembers that the notice was taken. Where that fails it is posted again after a restart,
// which the protocol allows.
func (g *Gateway) notified(o *order) {
	done := *o
	done.Notified = true
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.put(&done); err != nil {
		g.config.Logger.Error("demo payment gateway: remember notice", "order", o.ID, "error", err)
	}
}

// backOff doubles from half a second to half a minute.
func backOff(n int) time.Duration {
	return min(time.Second/2<<min(n-1, 10), 30*time.Second)
}
