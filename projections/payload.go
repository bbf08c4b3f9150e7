package projections

import (
	"fmt"
	"slices"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
)

// Payload is the record's payload, which the follower has decoded once for all projections. It is
// domain.ErrDamaged for an event that is not one of its stream's category.
func Payload(r domain.Record) (domain.Payload, error) {
	if r.Payload != nil {
		return r.Payload, nil
	}
	switch r.Stream.Category {
	case domain.ApplicationCategory:
		return application.Decode(r.Event)
	case domain.LicenseCategory:
		return license.Decode(r.Event)
	case domain.NumbersCategory:
		return license.DecodeAssigned(r.Event)
	}
	return nil, fmt.Errorf("%s event %q: %w", r.Stream.Category, r.Type, domain.ErrDamaged)
}

// decoded is the commit with its payloads decoded. An event that cannot be is left without: only a projection
// that has to understand it has to stop at it.
func decoded(c domain.Commit) domain.Commit {
	c.Records = slices.Clone(c.Records)
	for i := range c.Records {
		if p, err := Payload(c.Records[i]); err == nil {
			c.Records[i].Payload = p
		}
	}
	return c
}
