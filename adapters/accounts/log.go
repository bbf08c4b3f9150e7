package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

// Journal keeps the access log. Where it cannot answer its errors are domain.ErrUnavailable.
type Journal interface {
	// Append adds the entries, all or none, durably.
	Append(ctx context.Context, entries []Entry) error
	// Find finds them.
	Find(ctx context.Context, q Question) (Found, error)
	// Forget removes the entries of before. It may take long and holds up nobody else meanwhile.
	Forget(ctx context.Context, before time.Time) error
}

// What is waited for. An entry that finds room is written within a moment; what a crash takes are the
// entries of that moment.
const (
	roomFor   = 4096                   // entries that wait to be written
	atOnce    = 512                    // are written together
	roomWait  = 250 * time.Millisecond // for room
	writeWait = 10 * time.Second       // for one write
	tryAgain  = time.Second            // after one that failed
)

// log writes entries to the journal in batches, behind those who make them.
type log struct {
	journal Journal
	logger  *slog.Logger
	again   time.Duration // tryAgain
	queue   chan Entry
	adding  sync.RWMutex  // held for reading by whoever adds
	closed  bool          // guarded by adding
	closing chan struct{} // closed with it
	done    chan struct{}
	left    error // what became of the last entries; read once done is closed
}

func newLog(j Journal, logger *slog.Logger) *log {
	l := &log{journal: j, logger: logger, again: tryAgain, queue: make(chan Entry, roomFor), closing: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// add queues the entry. Where there is no room for a while the journal is not keeping up, or not there.
func (l *log) add(ctx context.Context, e Entry) error {
	l.adding.RLock()
	defer l.adding.RUnlock()
	if l.closed {
		return fmt.Errorf("access log is closed: %w", domain.ErrUnavailable)
	}
	select {
	case l.queue <- e:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	select {
	case l.queue <- e:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("access log takes no more entries: %w", domain.ErrUnavailable)
	}
}

// run writes until close, and then what is left.
func (l *log) run() {
	defer close(l.done)
	for {
		select {
		case e := <-l.queue:
			l.write(l.batch(e))
		case <-l.closing:
			l.drain()
			return
		}
	}
}

// batch is the entry with what else waits.
func (l *log) batch(first Entry) []Entry {
	batch := []Entry{first}
	for len(batch) < atOnce {
		select {
		case e := <-l.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// write writes the batch as often as it takes, until close.
func (l *log) write(batch []Entry) {
	for {
		err := l.append(batch)
		if err == nil {
			return
		}
		l.logger.Error("access log could not be written; trying again", "entries", len(batch), "error", err)
		select {
		case <-time.After(l.again):
		case <-l.closing:
			l.left = errors.Join(l.left, l.append(batch))
			return
		}
	}
}

func (l *log) append(batch []Entry) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	return l.journal.Append(ctx, batch)
}

// drain writes what is left when nobody adds any more.
func (l *log) drain() {
	for {
		select {
		case e := <-l.queue:
			l.left = errors.Join(l.left, l.append(l.batch(e)))
		default:
			return
		}
	}
}

// close writes what is left. An error says that entries are lost.
func (l *log) close() error {
	l.adding.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	l.adding.Unlock()
	<-l.done
	return wrap("access log: entries are lost", l.left)
}

// Record adds entries to the access log. It waits a quarter of a second at most, and then says that the log
// takes no more, domain.ErrUnavailable: who shows personal data calls it before, and shows nothing then.
func (a *Accounts) Record(ctx context.Context, entries ...Entry) error {
	for _, e := range entries {
		if e.At.IsZero() {
			e.At = a.now()
		}
		if e.Address != "" {
			e.Address = Network(e.Address)
		}
		if err := a.log.add(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// Accesses looks into the access log, which is an access to personal data itself.
func (a *Accounts) Accesses(ctx context.Context, by string, q Question) (Found, error) {
	if q.Person != "" {
		id, err := ident.Parse(q.Person)
		if err != nil {
			return Found{}, wrap("access log", err)
		}
		q.Person = id.String()
	}
	if err := a.Record(ctx, Entry{Account: by, Action: "access-log-read", Kind: "account", Thing: q.Account, Person: q.Person}); err != nil {
		return Found{}, err
	}
	found, err := a.cfg.Journal.Find(ctx, q)
	return found, wrap("access log", err)
}
