package licenses

import (
	"slices"
	"strings"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
)

// stored is a license as its events up to one of them left it, with the days of what carries none
// itself: those events are in effect from their own day in the licensor's time.
type stored struct {
	State  license.State
	Places []place  `json:",omitempty"` // every site that there ever was
	Copied []string `json:",omitempty"` // the days of State.Duplicates
}

// place is a site that was on the license from day From until before day Gone, if that is set.
type place struct {
	Site license.Site
	From string
	Gone string `json:",omitempty"`
}

func (s *stored) evolve(p domain.Payload, day string) {
	s.State.Evolve(p)
	switch e := p.(type) {
	case license.Issued:
		for _, site := range e.Sites {
			s.Places = append(s.Places, place{Site: site, From: e.IssuedOn})
		}
	case license.SiteAdded:
		s.Places = append(s.Places, place{Site: e.Site, From: day})
	case license.SiteRemoved:
		for i := range s.Places {
			if s.Places[i].Site.ID == e.ID && s.Places[i].Gone == "" {
				s.Places[i].Gone = day
			}
		}
	case license.Duplicated:
		s.Copied = append(s.Copied, day)
	}
}

// on is the license on the day; one that was not issued yet does not exist.
func (s *stored) on(day string) License {
	if !s.State.Exists || day < s.State.IssuedOn {
		return License{Day: day}
	}
	l := License{State: s.State, Status: s.State.On(day), Day: day}
	l.Sites = nil
	for _, p := range s.Places {
		if p.From <= day && (p.Gone == "" || day < p.Gone) {
			l.Sites = append(l.Sites, p.Site)
		}
	}
	ahead := len(s.Copied)
	for ahead > 0 && s.Copied[ahead-1] > day {
		ahead--
	}
	l.Copies -= len(s.Copied) - ahead
	l.Duplicates = slices.Clone(s.State.Duplicates[:ahead])
	if l.Status != license.StatusReissued {
		l.Successor, l.ReissuedOn = "", ""
	}
	return l
}

// standingOf is all that the status on a day follows from, as a text that many licenses have in
// common: parts after semicolons, each with a letter for what it says.
func standingOf(s *license.State) string {
	var parts []string
	if s.ValidUntil != "" {
		parts = append(parts, "v"+s.ValidUntil)
	}
	for _, p := range s.Earlier {
		parts = append(parts, stop(p))
	}
	if s.Suspension != nil {
		parts = append(parts, stop(license.Stop{Suspended: *s.Suspension, Resumption: s.Resumption}))
	}
	if s.End != nil {
		parts = append(parts, "e"+s.End.On)
	}
	if s.Successor != "" {
		parts = append(parts, "r"+s.ReissuedOn)
	}
	return strings.Join(parts, ";")
}

func stop(p license.Stop) string {
	text := "s" + p.From + "," + p.Until
	if p.Resumption != nil {
		text += "," + p.Resumption.On
	}
	return text
}

// statusOn is the status on the day by a standing: the domain's own answer.
func statusOn(standing, day string) license.Status {
	var s license.State
	for part := range strings.SplitSeq(standing, ";") {
		if part == "" {
			continue
		}
		switch rest := part[1:]; part[0] {
		case 'v':
			s.ValidUntil = rest
		case 'e':
			s.End = &license.Terminated{On: rest}
		case 'r':
			s.Successor, s.ReissuedOn = "another", rest
		case 's':
			s.Earlier = append(s.Earlier, parseStop(rest))
		}
	}
	return s.On(day)
}

func parseStop(text string) license.Stop {
	days := strings.Split(text, ",")
	p := license.Stop{Suspended: license.Suspended{From: days[0], Until: days[1]}}
	if len(days) > 2 {
		p.Resumption = &license.Resumed{On: days[2]}
	}
	return p
}

// statuses remembers the status on a day of every standing that was met.
type statuses struct {
	day string
	of  map[string]license.Status
}

func (s *statuses) on(standing string) license.Status {
	status, ok := s.of[standing]
	if !ok {
		status = statusOn(standing, s.day)
		s.of[standing] = status
	}
	return status
}
