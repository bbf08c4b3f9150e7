// Package api is the registry over HTTP: /api/v1 for programs, the pages of api/web for people, and
// what operates the server (/metrics, /livez, /readyz).
//
// A request passes, in this order: server.go (one place for language, limits, panics, logging and
// figures), gate.go (who is asking and what they may do, a table of route × role), command.go (the
// key, the fingerprint and the version of a write), and a handler that decodes a struct of api/v1,
// makes a command, calls domain.Execute once and replies. Handlers return errors; errors.go is the one
// table from kinds of error to answers, shared by problem+json and the error page.
//
// Every write is answered when its events are durable and, unless that takes too long, when the read
// models show it; Tizilim-Position in the answer is where it can be seen, on this node or another.
package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/applications"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/reactor"
)

// Config is everything the server is made of. What has no default said is required.
type Config struct {
	Store domain.EventStore
	Log   domain.Log
	// Rules are the rules of the moment: an operator may bring new acts and calendars while it runs.
	Rules func() application.Rules

	Licenses     *licenses.Model
	Applications *applications.Model
	Deadlines    *deadlines.Model
	History      *history.Model
	Follower     *projections.Follower
	Reactor      *reactor.Reactor

	Verifier signing.Verifier
	Blobs    Blobs
	// PaymentNotice reads what the payment gateway sent to /api/v1/payments/callback and checks that
	// the gateway sent it: domain.ErrForbidden where it did not, domain.ErrInvalid where it says
	// nothing that can be understood. Without it there is no such route.
	PaymentNotice func(ctx context.Context, header http.Header, body []byte) (PaymentNotice, error)

	Accounts []Account
	// Healthy is nil while the store can be written to.
	Healthy func(ctx context.Context) error
	Metrics *Metrics // one without append figures where nil

	Now    func() time.Time
	Logger *slog.Logger // slog.Default where nil
	// Wait bounds how long a request waits for the read models, 3 s where zero.
	Wait time.Duration
	// Version is the program's, for /openapi.json; "dev" where empty.
	Version string
	// NCALayer is where browsers find the program that signs on people's own machines; where it always
	// is, wss://127.0.0.1:13579, where empty.
	NCALayer string
}

// Account is somebody who may log in, by a bearer token. These are demonstration accounts: tokens stand
// in the configuration, and whoever has one is that person.
type Account struct {
	Token string
	// Actor is what is stored with every event; its Role decides what the account may do, its
	// Organization is the slug of the licensor or service center.
	Actor domain.Actor
	// Identifier is the IIN or BIN, required for applicants: it is what makes an application theirs.
	Identifier string
}

// Blobs keep the files of documents by their digest.
type Blobs interface {
	// Put stores what r has, up to limit bytes, durably; domain.ErrTooLarge beyond. Storing the same
	// bytes again is the same file.
	Put(ctx context.Context, r io.Reader, limit int64) (sha256 string, size int64, err error)
	// Get opens a file, domain.ErrNotFound where there is none.
	Get(ctx context.Context, sha256 string) (content io.ReadCloser, size int64, err error)
}

// PaymentNotice is what the payment gateway tells of an order.
type PaymentNotice struct {
	Application string
	Order       string
	Reference   string // the gateway's own
	Amount      int64  // in hundredths of the currency
	Currency    string
	Paid        bool   // otherwise the payment failed or the order expired
	Text        string // why not paid
}
