package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/jetstream"
	outbound "github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/notices"
)

// noticesFlags say who is told of deadlines. Without any of them nobody is.
type noticesFlags struct {
	NoticesListen        string        `placeholder:"ADDR" xor:"notices" help:"Address at which subscribers to the notices of deadlines connect to the registry's own NATS server."`
	NoticesNATS          string        `name:"notices-nats" placeholder:"URL" xor:"notices" help:"NATS server of yours that the notices go to instead, such as nats://user:password@host:4222. Several nodes may share it."`
	NoticesCreds         string        `type:"existingfile" placeholder:"FILE" help:"Credentials file for that server."`
	NoticesWebhook       string        `placeholder:"URL" and:"webhook" help:"Address to which each notice is posted."`
	NoticesWebhookSecret string        `type:"existingfile" placeholder:"FILE" and:"webhook" help:"File with the secret that seals what is posted."`
	NoticeBefore         time.Duration `default:"24h" placeholder:"DURATION" help:"How long before a deadline it is told to be approaching, where the whole term is longer; 0 for never."`
}

// Validate is kong's hook.
func (n noticesFlags) Validate() error {
	switch {
	case n.NoticesCreds != "" && n.NoticesNATS == "":
		return errors.New("--notices-creds goes with --notices-nats")
	case n.NoticesWebhook != "" && !webAddress(n.NoticesWebhook):
		return errors.New("--notices-webhook is no http or https address")
	case n.NoticeBefore < 0:
		return errors.New("--notice-before is negative")
	}
	return nil
}

// demoNotices are for subscribers on this machine.
var demoNotices = noticesFlags{NoticesListen: "127.0.0.1:0", NoticeBefore: 24 * time.Hour}

// notices are those of the demo: the NATS server that they need is in the data folder's log.
func (c demoCmd) notices() noticesFlags {
	if c.shared() {
		return noticesFlags{}
	}
	return demoNotices
}

// anybody reports whether somebody is to be told.
func (n noticesFlags) anybody() bool {
	return n.NoticesListen != "" || n.NoticesNATS != "" || n.NoticesWebhook != ""
}

// telling is what tells of deadlines.
type telling struct {
	sender  *notices.Sender
	failed  func(to string)   // notes a try that failed
	webhook *outbound.Webhook // nil for none
	url     string            // where subscribers connect, with their password; empty where they cannot
}

// openNotices prepares to tell of deadlines; it has to come before the read models are fed. It tells
// nobody before tell.
func (r *registry) openNotices(ctx context.Context, f *folder, world outside) error {
	if !world.anybody() {
		return nil
	}
	ledger, err := r.openLedger(world)
	if errors.Is(err, domain.ErrUnavailable) { // what is broken beside the log stops no registry
		r.logger.Error("nobody is told of deadlines", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	r.onClose(ledger.Close)
	sender, err := notices.NewSender(ctx, notices.Config{
		Model: r.notices, Publisher: publisher{ledger}, Lead: world.NoticeBefore, Now: world.now, Logger: r.logger,
		CaughtUp: func(ctx context.Context) error { return r.follower.CaughtUp(ctx, r.notices.Name()) },
		Failed:   func() { r.telling.failed("nats") },
	})
	if err != nil {
		return err
	}
	r.telling = &telling{sender: sender, failed: r.metrics.WatchNotices(sender.Pending)}
	if r.telling.webhook, err = r.webhook(ledger, world.noticesFlags); err != nil {
		return err
	}
	if world.NoticesListen == "" {
		return nil
	}
	return r.admit(ctx, ledger, f.noticesPassword())
}

// webhook makes the webhook, nil where there is to be none.
func (r *registry) webhook(ledger *outbound.Ledger, n noticesFlags) (*outbound.Webhook, error) {
	if n.NoticesWebhook == "" {
		return nil, nil
	}
	secret, err := readSecret(n.NoticesWebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("secret of the webhook: %w", err)
	}
	return &outbound.Webhook{
		Ledger: ledger, URL: n.NoticesWebhook, Secret: secret, Now: time.Now, Logger: r.logger, // seals carry the real time
		Failed: func() { r.telling.failed("webhook") },
	}, nil
}

// readSecret reads a secret without the spaces and ends of lines around it. An empty one seals nothing.
func readSecret(file string) ([]byte, error) {
	secret, err := os.ReadFile(file)
	if secret = bytes.TrimSpace(secret); err == nil && len(secret) == 0 {
		err = fmt.Errorf("%s is empty: %w", file, domain.ErrInvalid)
	}
	return secret, err
}

// openLedger opens the ledger where the flags say.
func (r *registry) openLedger(world outside) (*outbound.Ledger, error) {
	if n := world.noticesFlags; n.NoticesNATS != "" {
		return outbound.Dial(outbound.Server{URL: n.NoticesNATS, Credentials: n.NoticesCreds, Logger: r.logger}, time.Now)
	}
	if cluster, ok := r.store.(*jetstream.Cluster); ok && world.NoticesListen == "" {
		return openClusterLedger(cluster)
	}
	if r.embedded == nil {
		return nil, fmt.Errorf("notices of deadlines go to a NATS server of yours (--notices-nats) where the log is not in the data folder: %w", domain.ErrInvalid)
	}
	conn, err := r.embedded.Annex()
	if err != nil {
		return nil, err
	}
	return outbound.NewLedger(conn, outbound.Host{
		Ready: r.embedded.Writable, Flush: func() error { return r.embedded.SyncAnnex(outbound.Stream) },
	}, time.Now)
}

// admit lets subscribers in.
func (r *registry) admit(ctx context.Context, ledger *outbound.Ledger, file string) error {
	password, err := readPassword(file)
	if err != nil {
		return err
	}
	if err := ledger.ForSubscriber(ctx); err != nil {
		r.logger.Error("subscribers to the notices of deadlines can hear them and not read them again", "error", err)
	}
	at, err := r.embedded.Admit(jetstream.Guest{Name: outbound.Subscriber, Password: password, Hears: outbound.Hears(), Asks: outbound.Asks()})
	if err != nil {
		return err
	}
	r.telling.url = (&url.URL{Scheme: "nats", User: url.UserPassword(outbound.Subscriber, password), Host: at.String()}).String()
	r.logger.Info("subscribers to the notices of deadlines may connect", "address", at.String(), "user", outbound.Subscriber, "password_file", file)
	return nil
}

// readPassword reads the subscribers' password, and makes one where there is none.
func readPassword(file string) (string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(rand.Text() + "\n")
		err = disk.WriteFile(file, text)
	}
	password := strings.TrimSpace(string(text))
	if err == nil && password == "" {
		err = fmt.Errorf("%s is empty: %w", file, domain.ErrInvalid)
	}
	if err != nil {
		return "", fmt.Errorf("password of the subscribers: %w", err)
	}
	return password, nil
}

// tell begins to tell of deadlines.
func (r *registry) tell(ctx context.Context) {
	if r.telling == nil {
		return
	}
	r.start(ctx, r.telling.sender.Run)
	if r.telling.webhook != nil {
		r.start(ctx, r.telling.webhook.Run)
	}
}

// publisher is the ledger as the sender wants it.
type publisher struct{ *outbound.Ledger }

func (p publisher) Publish(ctx context.Context, list []notices.Notice) error {
	out := make([]outbound.Notice, len(list))
	for i, n := range list {
		out[i] = outbound.Notice{Type: string(n.Type), At: n.At, Data: outbound.Data{
			Application: n.Application, Number: n.Registration, Service: n.Service, Channel: n.Channel, Licensor: n.Licensor,
			Request: n.Request, Visit: n.Number, Step: n.Step, Action: n.Action, Role: n.Role,
			EnteredAt: n.Entered, DueAt: n.Due, DueDay: n.LastDay(), Calendar: n.Calendar,
		}}
		if !n.Left.IsZero() {
			out[i].LeftAt = &n.Left
		}
	}
	return p.Ledger.Publish(ctx, out)
}
