// Package api is the registry over HTTP: /api/v1 for programs, the pages of api/web for people, and
// what operates the server (/metrics, /livez, /readyz).
//
// A request passes, in this order: server.go (one place for language, limits, panics, logging and
// figures), gate.go (who is asking and what they may do, by the table of package access), access.go (the log of who
// looked at whose data), command.go (the
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
	"net/netip"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/applications"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/payments"
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
	// Payments tells how much money waits to be returned. Without it there is no such figure.
	Payments *payments.Model
	// FeeKnown reports whether the table of fees of the moment has a fee, or says that there is none, for
	// the kind of request. Without it nobody is told of a fee that is missing.
	FeeKnown func(service, request string) bool

	Accounts Accounts
	// Certificates and OpenID say that one can log in so, to whom the page of the login offers it.
	Certificates, OpenID bool
	// PublicURL is the address under which browsers reach the server. Their cookies are for encrypted
	// connections alone, unless it is a plain http address of this machine itself.
	PublicURL string
	// Proxies are the addresses of proxies before the server, whose word is taken for where a request
	// comes from (X-Forwarded-For).
	Proxies []netip.Prefix
	// Healthy is nil while the store can be written to.
	Healthy func(ctx context.Context) error
	// Damage, where set, is what was found not to be what was written, of the log or what belongs to it; nil for
	// nothing. With damage the server is not ready.
	Damage  func() error
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
