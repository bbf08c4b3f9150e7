package signature

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// lists keeps the lists of revoked certificates. A list is fetched by one caller at a time;
// the others wait for it as long as their context lasts. Where fetching fails, the list at hand is
// used while its term lasts.
type lists struct {
	fetch   func(ctx context.Context, address string) ([]byte, error)
	now     func() time.Time
	refresh time.Duration

	mu    sync.Mutex // protects slots; a slot's content belongs to who holds its turn
	slots map[place]*slot
}

// place is where a list is expected, and whose. What is there for one issuer says nothing of another's.
type place struct{ address, issuer string }

// slot is what is kept of a place.
type slot struct {
	turn   chan struct{} // holds one value while the slot is free
	list   *crl
	failed error     // of the last attempt
	next   time.Time // when to fetch again
}

// retry is how long a failed attempt is remembered: a service that is down is not asked for every
// certificate.
const retry = 10 * time.Second

func newLists(fetch func(context.Context, string) ([]byte, error), now func() time.Time, refresh time.Duration) *lists {
	return &lists{fetch: fetch, now: now, refresh: refresh, slots: map[place]*slot{}}
}

func (l *lists) slot(p place) *slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.slots[p]
	if !ok {
		s = &slot{turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		l.slots[p] = s
	}
	return s
}

// get is the issuer's list at the address.
func (l *lists) get(ctx context.Context, address string, issuer *x509.Certificate) (*crl, error) {
	s := l.slot(place{address, digest(issuer.Raw)})
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := l.now()
	usable := s.list != nil && s.list.fresh(now) == nil
	switch {
	case now.Before(s.next) && usable:
		return s.list, nil
	case now.Before(s.next) && s.failed != nil:
		return nil, s.failed
	}
	fetched, err := l.load(ctx, address, issuer)
	switch {
	case ctx.Err() != nil: // says nothing of the service
		return nil, err
	case err != nil:
		s.failed, s.next = err, now.Add(retry)
	case usable && older(fetched, s.list):
		s.failed, s.next = nil, now.Add(retry)
	default:
		s.list, s.failed, s.next = fetched, nil, now.Add(l.refresh)
		return s.list, nil
	}
	if usable {
		return s.list, nil
	}
	return nil, err
}

// older says whether the list is one before the other: somebody plays an old one back.
func older(c, than *crl) bool {
	return c.list.Number != nil && than.list.Number != nil && c.list.Number.Cmp(than.list.Number) < 0
}

// load fetches and reads the list. One that the issuer did not sign is not kept.
func (l *lists) load(ctx context.Context, address string, issuer *x509.Certificate) (*crl, error) {
	raw, err := l.fetch(ctx, address)
	if err != nil {
		return nil, err
	}
	c, err := parseCRL(raw)
	if err != nil {
		return nil, Pend(CRLUnsound, fmt.Errorf("%s: %w", address, err))
	}
	if err := c.of(issuer); err != nil {
		return nil, Pend(CRLUnsound, fmt.Errorf("%s: %w", address, err))
	}
	c.url, c.fetched = address, l.now().UTC()
	return c, nil
}
