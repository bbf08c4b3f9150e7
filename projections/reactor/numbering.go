package reactor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections/numbers"
)

// The classes of KZ numbers: three letters that say what the number is of.
const (
	applicationClass = "APP"
	permitClass      = "IMP"
)

// Numbering assigns the numbers of licenses, permits and applications. A series is a stream in which
// the version of an event is the number, so two writers cannot take the same one and none is left
// out; the read model says which number an application has already.
type Numbering struct {
	Store    domain.EventStore
	Assigned *numbers.Model
	// CatchUp waits until Assigned has seen everything that is stored now.
	CatchUp func(context.Context) error
	Now     func() time.Time

	mu sync.Mutex // one assignment at a time in this process: fewer lost races
}

// License assigns the next license number of the year in which the decision was made.
func (n *Numbering) License(ctx context.Context, decided time.Time, application string) (string, error) {
	year := decided.In(calendar.Zone).Year()
	return n.assign(ctx, fmt.Sprintf("license-%02d", year%100), application, func(i uint64) (string, error) {
		return ident.LicenseNumber(year, i)
	})
}

// Permit assigns the next permit number.
func (n *Numbering) Permit(ctx context.Context, application string) (string, error) {
	return n.assign(ctx, "permit", application, func(i uint64) (string, error) {
		return ident.PermitNumber(permitClass, i)
	})
}

// Application assigns an application its registration number. One that is withdrawn in the moment of
// its registration keeps a number that no registered application has.
func (n *Numbering) Application(ctx context.Context, application string) (string, error) {
	return n.assign(ctx, "application", application, func(i uint64) (string, error) {
		return ident.PermitNumber(applicationClass, i)
	})
}

func (n *Numbering) assign(ctx context.Context, series, application string, print func(uint64) (string, error)) (string, error) {
	stream, err := domain.NewStream(domain.NumbersCategory, series)
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		number, head, err := n.Assigned.Lookup(ctx, series, application)
		if err != nil {
			return "", fmt.Errorf("number of series %s: %w", series, err)
		}
		if number != nil {
			return number.Number, nil
		}
		next, err := print(head + 1)
		if err != nil {
			return "", fmt.Errorf("series %s: %w", series, err)
		}
		events, err := meta(application, "number-"+series, n.Now(), cause{}).
			Events([]domain.Payload{license.Assigned{For: application, Number: next}})
		if err != nil {
			return "", err
		}
		_, err = n.Store.Append(ctx, stream, head, events)
		if err != nil && !errors.Is(err, domain.ErrConflict) {
			return "", fmt.Errorf("assign %s of series %s: %w", next, series, err)
		}
		// Now the number is the application's for good, or another writer's assignment was first.
		// Either way the read model has to see it before the series goes on.
		if err := n.CatchUp(ctx); err != nil {
			return "", err
		}
	}
}

// purposes is the name space of the ids of the reactor's own commands.
var purposes = uuid.MustParse("0d9c5b3c-6c0c-5c9b-9a53-1f1a6e6f7c11")

// cause is the event that set something in motion.
type cause struct {
	event       uuid.UUID
	correlation uuid.UUID
}

// meta is the metadata of a command that the reactor gives for a purpose. The same application and
// purpose make the same command id, so the command has one effect however often it is given.
func meta(application, purpose string, now time.Time, c cause) domain.Meta {
	return domain.Meta{
		Command: uuid.NewSHA1(purposes, []byte(application+"/"+purpose)),
		Time:    now, Actor: domain.System,
		Correlation: c.correlation, Causation: c.event,
	}
}
