package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/seal"
)

// tell starts to post every notice of the order that is outstanding. The caller holds mu.
func (g *Gateway) tell(o *order) {
	for _, n := range outstanding(o) {
		key := n.Order + " " + n.Reference
		if g.telling[key] || g.ctx.Err() != nil { // after Close the next Open tells
			continue
		}
		g.telling[key] = true
		g.notifier.Go(func() { g.notify(o, n) })
	}
}

// outstanding are the order's notices that the registry has not taken yet.
func outstanding(o *order) (list []payment.Notice) {
	for _, p := range o.Payments {
		if !p.Notified {
			list = append(list, payment.Notice{
				Order: o.ID, Application: o.Application, Status: payment.Paid,
				Reference: p.Reference, Amount: p.Amount, Currency: p.Currency, At: p.At,
			})
		}
	}
	if o.Status == payment.Failed && !o.Notified {
		list = append(list, payment.Notice{
			Order: o.ID, Application: o.Application, Status: payment.Failed,
			Reason: o.Reason, Amount: o.Amount, Currency: o.Currency, At: o.Decided,
		})
	}
	return list
}

// notify posts a notice until the order's callback answers 2xx or the gateway closes. Failures are
// logged at the first and then at every tenth attempt.
func (g *Gateway) notify(o *order, notice payment.Notice) {
	for n := 1; ; n++ {
		err := g.post(o, notice)
		if err == nil {
			g.notified(notice)
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
func (g *Gateway) post(o *order, notice payment.Notice) error {
	body, err := json.Marshal(notice)
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
func (g *Gateway) notified(n payment.Notice) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.telling, n.Order+" "+n.Reference)
	done := *g.orders[n.Order]
	done.Payments = slices.Clone(done.Payments)
	if i := slices.IndexFunc(done.Payments, func(p received) bool { return p.Reference == n.Reference }); i >= 0 {
		done.Payments[i].Notified = true
	} else {
		done.Notified = true
	}
	if err := g.put(&done); err != nil {
		g.config.Logger.Error("demo payment gateway: remember notice", "order", n.Order, "error", err)
	}
}

// backOff doubles from half a second to half a minute.
func backOff(n int) time.Duration {
	return min(time.Second/2<<min(n-1, 10), 30*time.Second)
}
