package notices

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/seal"
	"github.com/tizilim/tizilim/domain"
)

// WebhookPurpose is what a posted notice is sealed for.
const WebhookPurpose = "deadline-notice"

const (
	webhookName = "webhook"        // the consumer
	postTime    = 10 * time.Second // what one post may take
	ackWait     = time.Minute      // after which a notice that nobody has acknowledged goes to another node
	listening   = 30 * time.Second // for the next notice, before the server is asked anew
	maxAnswer   = 64 << 10         // read of an answer, in bytes
)

// Webhook posts each notice of the ledger to an address, again and again until it is answered with 2xx. A
// notice is acknowledged to the ledger after that: a crash in between posts it once more, with the same id.
type Webhook struct {
	Ledger *Ledger
	URL    string
	Secret []byte // seals what is posted
	Now    func() time.Time
	Logger *slog.Logger
	// Failed, where set, is told of each try that failed.
	Failed func()
	// Timeout bounds one post, 10 seconds unless set.
	Timeout time.Duration
	// Listen is how long it waits for a notice before it asks the server anew, half a minute unless set.
	Listen time.Duration
	// Retry is the pause after so many failures in a row, from a second to a minute unless set.
	Retry func(failures int) time.Duration
}

// Run posts until ctx ends.
func (w Webhook) Run(ctx context.Context) {
	client := &http.Client{
		Timeout: cmp.Or(w.Timeout, postTime),
		// A notice goes to the address that was set up and to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	w.Listen = cmp.Or(w.Listen, listening)
	if w.Retry == nil {
		w.Retry = pause
	}
	for failures := 0; ctx.Err() == nil; {
		posted, err := w.next(ctx, client)
		switch {
		case ctx.Err() != nil:
			return
		case posted && failures > 0:
			w.Logger.Info("the webhook takes notices again", "failures", failures)
			failures = 0
		case err != nil:
			if failures == 0 {
				w.Logger.Warn("notices for the webhook have to wait", "error", err)
			}
			failures++
			if w.Failed != nil {
				w.Failed()
			}
			rest(ctx, w.Retry(failures))
		}
	}
}

// pause doubles from a second to a minute.
func pause(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 16), time.Minute)
}

func rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// next waits a while for a notice and posts it: where none came, nothing is known of the webhook. One that is
// not taken comes again after a pause of its own, so that others can go before it.
func (w Webhook) next(ctx context.Context, client *http.Client) (posted bool, err error) {
	m, err := w.receive(ctx)
	if m == nil || err != nil {
		return false, err
	}
	if err := w.post(ctx, client, m.Data()); err != nil {
		meta, metaErr := m.Metadata()
		if metaErr == nil {
			metaErr = m.NakWithDelay(w.Retry(int(min(meta.NumDelivered, 1<<10))))
		}
		return false, errors.Join(fmt.Errorf("post %s: %w", m.Subject(), err), metaErr)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
	defer cancel()
	err = unavailable(m.DoubleAck(ctx))
	return err == nil, err
}

// receive is the next notice, nil where none came for a while.
func (w Webhook) receive(ctx context.Context) (jetstream.Msg, error) {
	c, err := w.Ledger.consumer(ctx, webhookName)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.Listen)
	defer cancel()
	batch, err := c.Fetch(1, jetstream.FetchContext(ctx))
	if err != nil {
		return nil, unavailable(err)
	}
	for m := range batch.Messages() {
		return m, nil
	}
	if err := batch.Error(); err != nil && ctx.Err() == nil {
		return nil, unavailable(err)
	}
	return nil, nil
}

// post sends the notice once.
func (w Webhook) post(ctx context.Context, client *http.Client, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return withoutAddress(err)
	}
	req.Header.Set("Content-Type", MediaType+"; charset=utf-8")
	seal.Put(req.Header, w.Secret, w.Now(), WebhookPurpose, body)
	resp, err := client.Do(req)
	if err != nil {
		return unavailable(withoutAddress(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered with status %d: %w", resp.StatusCode, domain.ErrUnavailable)
	}
	return nil
}
