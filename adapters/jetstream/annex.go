package jetstream

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tizilim/tizilim/domain"
)

// The annex is what the server in this process may hold besides the log: streams in an account of their
// own, which can name neither the log's stream nor its subjects, and whose damage is not the log's.
// Guests from outside have a third account, empty but for what is let through to it from the annex.
// Permissions alone would not do: whoever may send one request in the account of a stream can name, as where
// the answer is to go, the subject that deletes the stream.
const (
	logAccount   = "$G" // the server's own name for the account of who has none
	annexAccount = "ANNEX"
	guestAccount = "GUESTS"
)

// Guest is the one user that may come from outside. It hears and asks what it may, of the annex, and
// can do nothing else.
type Guest struct {
	Name     string
	Password string
	Hears    []string // subjects that it may subscribe to
	Asks     []string // subjects that it may send requests to
}

// annexReconnect is the pause before a connection that was lost comes again, or tries to.
const annexReconnect = 100 * time.Millisecond

// inboxes are where answers go.
const inboxes = "_INBOX.>"

// gate says who may connect to the server and into which account. Within the process one shows the
// secret, which is new at every start.
type gate struct {
	secret string

	mu     sync.Mutex // protects what follows
	annex  *server.Account
	system *server.Account
	guest  *server.User // nil while the door is closed
}

func newGate() *gate { return &gate{secret: rand.Text() + rand.Text()} }

// Check implements server.Authentication.
func (g *gate) Check(c server.ClientAuthentication) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch o := c.GetOpts(); {
	case o.Username == logAccount && same(o.Password, g.secret):
		return true // as everybody to begin with, it is in the log's account
	case o.Username == annexAccount && same(o.Password, g.secret) && g.annex != nil:
		c.RegisterUser(&server.User{Username: annexAccount, Account: g.annex})
		return true
	case o.Username == systemAccount && same(o.Password, g.secret) && g.system != nil:
		c.RegisterUser(&server.User{Username: systemAccount, Account: g.system})
		return true
	case g.guest != nil && o.Username == g.guest.Username && same(o.Password, g.guest.Password):
		c.RegisterUser(g.guest)
		return true
	}
	return false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Annex opens a connection to the annex, with all rights there. It stays within the process; who opens
// it closes it, before the store. A connection that is lost comes again: nobody looks after the annex, as the
// store does after the log.
func (s *Store) Annex() (*nats.Conn, error) {
	if err := s.engine.openAnnex(); err != nil {
		return nil, fmt.Errorf("open the annex of the event store: %w: %w", domain.ErrUnavailable, err)
	}
	return s.engine.dial(annexAccount, nats.MaxReconnects(-1), nats.ReconnectWait(annexReconnect), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1)) // what cannot be sent is known at once
}

// openAnnex reads all that is in the annex, while others come and go through the gate.
func (e *engine) openAnnex() error {
	e.opening.Lock()
	defer e.opening.Unlock()
	if e.gate.opened() != nil {
		return nil
	}
	account, _ := e.server.LookupOrRegisterAccount(annexAccount)
	if err := account.EnableJetStream(nil, nil); err != nil {
		return err
	}
	e.gate.mu.Lock()
	defer e.gate.mu.Unlock()
	e.gate.annex = account
	return nil
}

// SyncAnnex makes durable what the server has acknowledged on a stream of the annex: it flushes nothing
// but the log by itself.
func (s *Store) SyncAnnex(stream string) error {
	if s.blocks == nil {
		return nil // the server syncs each message
	}
	return syncStream(s.config.Dir, annexAccount, stream)
}

// Admit opens the door of Config.Listen to the guest, and returns the address. The annex has to be open.
func (s *Store) Admit(guest Guest) (net.Addr, error) {
	user, err := s.engine.invite(guest)
	if err == nil {
		err = s.engine.listen(s.config.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("open the event store's annex to guests: %w", err)
	}
	s.engine.gate.mu.Lock()
	defer s.engine.gate.mu.Unlock()
	s.engine.gate.guest = user
	return s.engine.server.Addr(), nil
}

// invite makes the guest's account and lets through to it what the guest may hear and ask.
func (e *engine) invite(guest Guest) (*server.User, error) {
	annex := e.gate.opened()
	if annex == nil || guest.Name == "" || guest.Password == "" || guest.Name == logAccount || guest.Name == annexAccount {
		return nil, fmt.Errorf("guest %q: %w", guest.Name, domain.ErrInvalid)
	}
	account, _ := e.server.LookupOrRegisterAccount(guestAccount)
	to := []*server.Account{account}
	var errs []error
	for _, subject := range guest.Hears {
		errs = append(errs, annex.AddStreamExport(subject, to), account.AddStreamImport(annex, subject, ""))
	}
	for _, subject := range guest.Asks {
		errs = append(errs, annex.AddServiceExportWithResponse(subject, server.Streamed, to), account.AddServiceImport(annex, subject, subject))
	}
	return &server.User{Username: guest.Name, Password: guest.Password, Account: account, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: guest.Asks},
		Subscribe: &server.SubjectPermission{Allow: append([]string{inboxes}, guest.Hears...)},
	}}, errors.Join(errs...)
}

// opened is the account of the annex, nil until it is open.
func (g *gate) opened() *server.Account {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.annex
}

// listen has the server listen at the address.
func (e *engine) listen(address string) error {
	if address == "" {
		return fmt.Errorf("no address to listen on: %w", domain.ErrInvalid)
	}
	if err := tryListen(address); err != nil {
		return err
	}
	e.server.AcceptLoop(make(chan struct{}))
	if e.server.Addr() == nil {
		return fmt.Errorf("listen on %s: %w", address, domain.ErrUnavailable)
	}
	return nil
}

// at puts the address into the server's options.
func at(o *server.Options, address string) (*server.Options, error) {
	if address == "" {
		return o, nil
	}
	var err error
	if o.Host, o.Port, err = hostPort(address, 0); err != nil {
		return nil, err
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	return o, nil
}
