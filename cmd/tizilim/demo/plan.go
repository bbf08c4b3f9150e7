package demo

import (
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Sample is one application of the sample world.
type Sample struct {
	Name          string // unique: service/channel/what
	Procedure     *regulation.Procedure
	Request       regulation.Request
	Reason        application.ReissueReason
	Applicant     Person
	Concerns      *Sample // whose license is to be reissued or duplicated
	Subactivities []string
	Site          string
	ValidUntil    string
	Ground        application.Ground

	moves int // planned so far
}

// Kind is what happens in a move.
type Kind string

// The kinds of move. Forward is whatever the application's next step wants of a person before the
// decision: fill in, attach, pay, sign, register.
const (
	Open         Kind = "open"
	Forward      Kind = "forward"
	Unpaid       Kind = "unpaid"
	BadSignature Kind = "bad-signature"
	Approve      Kind = "approve"
	Refuse       Kind = "refuse"
	Withdraw     Kind = "withdraw"
	Deliver      Kind = "deliver"
	Rate         Kind = "rate"
	Suspend      Kind = "suspend"
	Resume       Kind = "resume"
	Terminate    Kind = "terminate"
	AddSite      Kind = "add-site"
	RemoveSite   Kind = "remove-site"
)

func (k Kind) onLicense() bool {
	return slices.Contains([]Kind{Suspend, Resume, Terminate, AddSite, RemoveSite}, k)
}

// Move is one thing that somebody does, at its time.
type Move struct {
	At     time.Time
	Sample *Sample
	Number int // counts the moves of the sample
	Kind   Kind
}

// pace is what passes between the moves of one application: within the shortest terms of the acts.
const pace = 8 * time.Second

// forwards is how many moves bring any procedure from its opening to the decision.
const forwards = 5

// planner collects the moves.
type planner struct {
	world    World
	calendar *calendar.Calendar
	base     time.Time
	moves    []Move
}

// Plan is everything that happened in the sample world up to base, in order of time: for each
// procedure a license that was issued, an application in another state, and where the service
// offers them a reissue and a duplicate; and what befell some of the licenses.
func Plan(catalog *regulation.Catalog, cal *calendar.Calendar, world World, base time.Time) []Move {
	p := &planner{world: world, calendar: cal, base: base}
	n, seen := 0, map[regulation.Channel]int{}
	for _, service := range catalog.Services() {
		var issued *Sample
		for _, proc := range service.Procedures {
			done := p.issued(proc, n)
			if issued == nil {
				issued = done
			}
			p.other(proc, n, seen[proc.Channel])
			seen[proc.Channel]++
			p.examined(proc, n)
			n++
		}
		p.later(service, issued, n)
	}
	slices.SortStableFunc(p.moves, func(a, b Move) int { return a.At.Compare(b.At) })
	return p.moves
}

// subactivities are those that a license of the service can be for part of. The other services have none.
var subactivities = map[string][]string{
	"import-export-license":             {"экспорт", "импорт"},
	"investigated-goods-import-license": {"импорт"},
	"import-permit":                     {"импорт"},
	"trunk-pipeline-license":            {"транспортировка нефти", "транспортировка газа"},
	"scrap-metal-license":               {"лом цветных металлов", "лом черных металлов"},
}

// sample begins an application to issue a license.
func (p *planner) sample(proc *regulation.Procedure, what string, i int) *Sample {
	s := &Sample{
		Name:      fmt.Sprintf("%s/%s/%s", proc.Service.Slug, proc.Channel, what),
		Procedure: proc, Request: regulation.Issue, Applicant: p.world.applicant(proc.Service, i),
	}
	if of := subactivities[proc.Service.Slug]; i%3 == 1 {
		s.Subactivities = of
	}
	if i%4 == 2 {
		s.Site = "Алматы қ., Демо даңғылы, 10, 2-кеңсе"
	}
	return s
}

// add plans moves of the sample from the time on, at its pace, and returns the time after them.
func (p *planner) add(s *Sample, at time.Time, kinds ...Kind) time.Time {
	for _, kind := range kinds {
		p.moves = append(p.moves, Move{At: at, Sample: s, Number: s.moves, Kind: kind})
		s.moves++
		at = at.Add(pace)
	}
	return at
}

// file plans the opening and the way to the decision, or the first steps of it.
func (p *planner) file(s *Sample, at time.Time, steps int) time.Time {
	return p.add(s, at, append([]Kind{Open}, slices.Repeat([]Kind{Forward}, steps)...)...)
}

// day is a time of day on a working day that lies back so many working days, spread so that no two
// samples act in the same second.
func (p *planner) day(back, i int) time.Time {
	t := p.base
	for back > 0 {
		t = t.AddDate(0, 0, -1)
		working, _, err := p.calendar.Working(calendar.DayOf(t))
		if err != nil || working { // outside of its years the calendar says nothing; the commands will
			back--
		}
	}
	return calendar.DayOf(t).Start().Add(10*time.Hour + time.Duration(i)*97*time.Second)
}

// issued is an application whose license was issued, most of them in time.
func (p *planner) issued(proc *regulation.Procedure, i int) *Sample {
	s := p.sample(proc, "issued", i)
	filed := 42 - i*3%14 // working days back
	decided := filed - 3 - i%6
	if i%7 == 5 {
		filed, decided = 42, 19 // late by any term of the acts
	}
	p.file(s, p.day(filed, i), forwards)
	if i%5 == 4 {
		s.ValidUntil = string(calendar.DayOf(p.base.AddDate(1, 0, i)))
	}
	at := p.add(s, p.day(decided, i), Approve)
	if i%4 != 3 {
		at = p.add(s, at.Add(20*time.Minute), Deliver)
	}
	if i%3 == 0 {
		p.add(s, at.Add(time.Minute), Rate)
	}
	return s
}

// other is an application that ended, or stands, in one of many other ways: the k-th of its channel.
func (p *planner) other(proc *regulation.Procedure, i, k int) {
	s := p.sample(proc, "other", i+1)
	long, lately := p.day(21, i+40), p.day(1, i+40)
	beforeSigning := 1
	if proc.Has(regulation.Pay) {
		beforeSigning = 2
	}
	ways := []func(){
		func() { // refused by the licensor
			s.Ground = application.Grounds[i%len(application.Grounds)]
			p.file(s, long, forwards)
			p.add(s, p.day(14, i+40), Refuse)
		},
		func() { p.add(s, p.file(s, long, forwards).Add(26*time.Hour), Withdraw) },
		func() { p.file(s, lately, 0) }, // a draft
	}
	if proc.Channel == regulation.Portal && proc.Has(regulation.Pay) {
		ways = append(ways,
			func() { p.add(s, p.file(s, long, 1).Add(40*time.Second), Unpaid) },
			func() { p.file(s, lately, 1) }, // waits for the payment
		)
	}
	if proc.Has(regulation.ChooseCertificate) {
		ways = append(ways,
			func() { // signed with a certificate that was revoked
				s.Applicant = p.world.applicant(proc.Service, 0)
				p.add(s, p.file(s, long, beforeSigning), BadSignature)
			},
			func() { p.file(s, lately, beforeSigning) }, // waits for the signature
		)
	}
	if proc.Has(regulation.QueryRegisters) {
		ways = append(ways, func() { // the state registers do not know the applicant
			s.Applicant = p.world.unknown(proc.Service)
			p.file(s, long, forwards)
		})
	}
	ways[k%len(ways)]()
}

// examined is an application that the licensor has before it: with time left, due soon, or overdue.
func (p *planner) examined(proc *regulation.Procedure, i int) {
	s := p.sample(proc, "examined", i+2)
	back := 2
	switch i % 3 {
	case 1:
		back = p.dueWithin(proc, 3)
	case 2:
		back = p.dueWithin(proc, -4)
	}
	p.file(s, p.day(back, i+80), forwards)
}

// dueWithin is how many days back an application was registered whose result is due within so many
// days from base; negative: has been due since.
func (p *planner) dueWithin(proc *regulation.Procedure, days int) int {
	limit := p.base.AddDate(0, 0, days)
	for _, step := range proc.Steps {
		n, unit, ok := step.Deadline.For(regulation.Issue)
		if !step.Action.Result() || !ok || unit != regulation.WorkingDays {
			continue
		}
		for back := 1; back < 45; back++ {
			due, err := p.calendar.Due(calendar.DayOf(p.day(back, 0)), n)
			if err == nil && !due.After(limit) {
				return back
			}
		}
	}
	return 2
}

// later is what came after the first license of the service: a reissue and a duplicate where it
// offers them, and what befell its license.
func (p *planner) later(service *regulation.Service, issued *Sample, i int) {
	channel := func(j int) *regulation.Procedure { return service.Procedures[j%len(service.Procedures)] }
	holder := issued
	if service.Offers(regulation.Duplicate) {
		s := p.sample(channel(1), "duplicate", i)
		s.Request, s.Concerns, s.Applicant = regulation.Duplicate, issued, issued.Applicant
		p.file(s, p.day(17, i+120), forwards)
		p.add(s, p.day(16, i+120), Approve)
	}
	if service.Offers(regulation.Reissue) {
		s := p.sample(channel(0), "reissue", i)
		s.Request, s.Concerns, s.Applicant = regulation.Reissue, issued, issued.Applicant
		s.Reason = []application.ReissueReason{application.AddressChanged, application.NameChanged, application.Reorganized, application.ActivityRenamed}[i%4]
		if s.Reason == application.AddressChanged {
			s.Applicant.Address = "Алматы қ., Жаңа мекенжай көшесі, 99"
		}
		p.file(s, p.day(13, i+160), forwards)
		p.add(s, p.day(10, i+160), Approve)
		holder = s
	}
	p.befall(holder, i)
}

// befall plans what happens to the license that came of the sample.
func (p *planner) befall(s *Sample, i int) {
	switch i % 5 {
	case 0:
		p.add(s, p.day(6, i+200), Suspend)
	case 1:
		p.add(s, p.day(6, i+200), Suspend)
		p.add(s, p.day(1, i+200), Resume)
	case 2:
		p.add(s, p.day(2, i+200), Terminate)
	case 3:
		p.add(s, p.day(6, i+200), AddSite)
	case 4:
		p.add(s, p.day(6, i+200), AddSite)
		p.add(s, p.day(2, i+200), RemoveSite)
	}
}
