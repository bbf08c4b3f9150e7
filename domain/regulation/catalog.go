package regulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Catalog is every act, checked. It does not change once loaded.
type Catalog struct {
	Acts []*Act
	kept map[string]*Act // wordings of before, by KeptName
}

// Services lists the newest wording of every service, in the order of the acts.
func (c *Catalog) Services() []*Service {
	var slugs []string
	newest := map[string]*Service{}
	for _, a := range c.Acts {
		for _, s := range a.Services {
			if old, ok := newest[s.Slug]; !ok {
				slugs = append(slugs, s.Slug)
				newest[s.Slug] = s
			} else if old.Act.EffectiveFrom < a.EffectiveFrom {
				newest[s.Slug] = s
			}
		}
	}
	services := make([]*Service, len(slugs))
	for i, slug := range slugs {
		services[i] = newest[slug]
	}
	return services
}

// Licensors are the licensors of the services, each once.
func (c *Catalog) Licensors() []Licensor {
	var all []Licensor
	for _, s := range c.Services() {
		if !slices.ContainsFunc(all, func(l Licensor) bool { return l.Slug == s.Licensor.Slug }) {
			all = append(all, s.Licensor)
		}
	}
	return all
}

// HasService reports whether there is such a service, in any wording.
func (c *Catalog) HasService(slug string) bool {
	return slices.ContainsFunc(c.Acts, func(a *Act) bool {
		return slices.ContainsFunc(a.Services, func(s *Service) bool { return s.Slug == slug })
	})
}

// HasLicensor reports whether some service has such a licensor, in any wording.
func (c *Catalog) HasLicensor(slug string) bool {
	return slices.ContainsFunc(c.Acts, func(a *Act) bool {
		return slices.ContainsFunc(a.Services, func(s *Service) bool { return s.Licensor.Slug == slug })
	})
}

// InForce is the wording of the service that applies to an application opened at the time, the
// earliest wording where none had come into force by then. ErrNotFound for an unknown service.
func (c *Catalog) InForce(slug string, at time.Time) (*Service, error) {
	var best, earliest *Service
	for _, a := range c.Acts {
		for _, s := range a.Services {
			if s.Slug != slug {
				continue
			}
			if !a.EffectiveFrom.Time().After(at) && (best == nil || best.Act.EffectiveFrom < a.EffectiveFrom) {
				best = s
			}
			if earliest == nil || earliest.Act.EffectiveFrom > a.EffectiveFrom {
				earliest = s
			}
		}
	}
	if best == nil {
		best = earliest
	}
	if best == nil {
		return nil, fmt.Errorf("service %q: %w", slug, domain.ErrNotFound)
	}
	return best, nil
}

// Has reports whether an act has the service, whether it is in force or not.
func (c *Catalog) Has(service string) bool {
	_, err := c.InForce(service, time.Time{})
	return err == nil
}

// Wording is the service as the act with the id words it, in the named wording of the act or, where that
// is empty, its present one: what an application in flight stays on. domain.ErrUnavailable for a wording
// that is not here: another one must not take its place.
func (c *Catalog) Wording(act, wording, slug string) (*Service, error) {
	a := c.act(act, wording)
	if a == nil && wording != "" {
		return nil, fmt.Errorf("act %q in the wording %s: %w", act, wording, domain.ErrUnavailable)
	}
	if a != nil {
		for _, s := range a.Services {
			if s.Slug == slug {
				return s, nil
			}
		}
	}
	return nil, fmt.Errorf("service %q in act %q: %w", slug, act, domain.ErrNotFound)
}

// Procedure is the service's procedure through the channel, ErrNotFound where it has none.
func (s *Service) Procedure(channel Channel) (*Procedure, error) {
	for _, p := range s.Procedures {
		if p.Channel == channel {
			return p, nil
		}
	}
	return nil, fmt.Errorf("service %q through %q: %w", s.Slug, channel, domain.ErrNotFound)
}

// Offers reports whether the service offers the kind of request.
func (s *Service) Offers(r Request) bool {
	for _, offered := range s.Requests {
		if offered == r {
			return true
		}
	}
	return false
}
