package license

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

// MaxSuspension is the longest suspension, in calendar months: up to six by the law on licensing.
const MaxSuspension = 6

// Decide says which events the command makes of the license, or why not: a *domain.Rejection where
// a rule refuses, domain.ErrNotFound where there is no such license. No events and no error mean
// that what the command wants has been done already.
func Decide(s State, c Command) ([]domain.Payload, error) {
	if issue, ok := c.(Issue); ok {
		return s.issue(issue)
	}
	if !s.Exists {
		return nil, fmt.Errorf("license: %w", domain.ErrNotFound)
	}
	switch c := c.(type) {
	case EndAsReissued:
		return s.endAsReissued(c)
	case Duplicate:
		return s.duplicate(c)
	case Suspend:
		return s.suspend(c)
	case Resume:
		return s.resume(c)
	case Terminate:
		return s.terminate(c)
	case Sign:
		return s.sign(c)
	case RejectSignature:
		return s.rejectSignature(c)
	case ReceiveSignature:
		return s.receiveSignature(c)
	case AddSite:
		return s.addSite(c)
	case RemoveSite:
		return s.removeSite(c)
	}
	return nil, fmt.Errorf("command %T: %w", c, domain.ErrInvalid)
}

// issue, endAsReissued and duplicate carry out what was decided on an application. The decision
// checked the license's standing; nothing after a decision may refuse it.
func (s State) issue(c Issue) ([]domain.Payload, error) {
	if s.Exists {
		if s.Issued.Application == c.Issued.Application {
			return nil, nil
		}
		return nil, domain.Reject("number-taken", "another license has this number", "license", s.Number)
	}
	events := []domain.Payload{c.Issued}
	if p := c.Predecessor; p != nil {
		events = append(events, p.ahead(c.Issued.IssuedOn)...)
	}
	return events, nil
}

// ahead is what a license passes on to the one that takes its place on the day: a suspension that is
// not over, and the end, so that a reissue washes nothing off.
func (s State) ahead(day string) (events []domain.Payload) {
	if s.suspensionAhead(day) {
		events = append(events, *s.Suspension)
		if s.Resumption != nil {
			events = append(events, *s.Resumption)
		}
	}
	if s.End != nil {
		events = append(events, *s.End)
	}
	return events
}

func (s State) endAsReissued(c EndAsReissued) ([]domain.Payload, error) {
	if s.Successor != "" {
		return nil, nil
	}
	return []domain.Payload{Reissued{Successor: c.Successor, On: c.On, Reason: c.Reason, Application: c.Application}}, nil
}

func (s State) duplicate(c Duplicate) ([]domain.Payload, error) {
	if slices.Contains(s.Duplicates, c.Application) {
		return nil, nil
	}
	return []domain.Payload{Duplicated{Copy: s.Copies + 1, Application: c.Application}}, nil
}

func (s State) suspend(c Suspend) ([]domain.Payload, error) {
	suspended := Suspended{From: c.From, Until: c.Until, Reason: strings.TrimSpace(c.Reason), Order: strings.TrimSpace(c.Order)}
	if s.Suspension != nil && s.Resumption == nil && *s.Suspension == suspended {
		return nil, nil
	}
	from, err1 := calendar.ParseDay(c.From)
	until, err2 := calendar.ParseDay(c.Until)
	today := calendar.DayOf(c.At)
	switch st := s.On(string(today)); {
	case st != StatusActive && st != StatusSuspended:
		return nil, notActive(st)
	case err1 != nil || err2 != nil || from < today || until < from:
		return nil, domain.Reject("suspension-days-invalid", "suspend from a day not before today until a day not before that, YYYY-MM-DD")
	case c.Until > monthsAfter(c.From, MaxSuspension):
		return nil, domain.Reject("suspension-too-long", "a license is suspended for up to six months", "months", fmt.Sprint(MaxSuspension))
	case suspended.Reason == "":
		return nil, domain.Reject("suspension-reason-required", "say why the license is suspended")
	case s.suspensionAhead(string(today)):
		return nil, domain.Reject("suspended-already", "the license is suspended", "until", s.Suspension.Until)
	}
	return []domain.Payload{suspended}, nil
}

func (s State) resume(c Resume) ([]domain.Payload, error) {
	on, err := calendar.ParseDay(c.On)
	today := calendar.DayOf(c.At)
	resumed := Resumed{On: c.On, Reason: strings.TrimSpace(c.Reason), Order: strings.TrimSpace(c.Order)}
	switch {
	case s.Resumption != nil && *s.Resumption == resumed:
		return nil, nil
	case s.over(today):
		return nil, notActive(s.On(string(today)))
	case !s.suspensionAhead(string(today)):
		return nil, domain.Reject("not-suspended", "the license is not suspended")
	case err != nil || on < today || c.On > s.Suspension.Until || s.Resumption != nil && c.On >= s.Resumption.On:
		return nil, domain.Reject("resumption-day-invalid", "resume on a day from today on, before the suspension ends by itself, YYYY-MM-DD")
	}
	return []domain.Payload{resumed}, nil
}

var terminationGrounds = []TerminationGround{Expired, Performed, Revoked, Liquidated, OwnRequest, LawChanged}

// terminate ends the license on a day. A termination that lies ahead can be brought forward.
func (s State) terminate(c Terminate) ([]domain.Payload, error) {
	on, err := calendar.ParseDay(c.On)
	today := calendar.DayOf(c.At)
	terminated := Terminated{On: c.On, Ground: c.Ground, Text: strings.TrimSpace(c.Text), Order: strings.TrimSpace(c.Order)}
	switch {
	case s.End != nil && *s.End == terminated:
		return nil, nil
	case s.over(today):
		return nil, notActive(s.On(string(today)))
	case err != nil || string(on) < s.IssuedOn || s.End != nil && c.On >= s.End.On:
		return nil, domain.Reject("termination-day-invalid", "give the day of termination: not before the day of issue, and before the day already set, YYYY-MM-DD")
	case !slices.Contains(terminationGrounds, c.Ground):
		return nil, domain.Reject("ground-unknown", "choose the ground of termination from the list")
	case c.Ground == Expired && (s.ValidUntil == "" || c.On <= s.ValidUntil):
		return nil, domain.Reject("not-expired", "the term of the license has not run out by that day")
	}
	return []domain.Payload{terminated}, nil
}

var siteKinds = []string{"branch", "object", "point"}

// CheckSite refuses a site without an address, or of a kind that is none.
func CheckSite(kind, address string) error {
	if strings.TrimSpace(address) == "" || !slices.Contains(siteKinds, kind) {
		return domain.Reject("site-invalid", "a site has an address and is a branch, an object or a point")
	}
	return nil
}

func (s State) addSite(c AddSite) ([]domain.Payload, error) {
	if i := slices.IndexFunc(s.Sites, func(x Site) bool { return x.ID == c.Site.ID }); i >= 0 {
		if s.Sites[i] == c.Site {
			return nil, nil
		}
		return nil, domain.Reject("site-exists", "the license has another site with this id", "site", c.Site.ID)
	}
	if err := s.checkChange(c.At); err != nil {
		return nil, err
	}
	if err := CheckSite(c.Site.Kind, c.Site.Address); err != nil {
		return nil, err
	}
	if c.Site.ID == "" {
		return nil, domain.Reject("site-invalid", "a site has an id")
	}
	return []domain.Payload{SiteAdded{Site: c.Site}}, nil
}

func (s State) removeSite(c RemoveSite) ([]domain.Payload, error) {
	if slices.Contains(s.RemovedSites, c.ID) {
		return nil, nil
	}
	if err := s.checkChange(c.At); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(s.Sites, func(x Site) bool { return x.ID == c.ID }) {
		return nil, domain.Reject("site-unknown", "the license has no such site", "site", c.ID)
	}
	return []domain.Payload{SiteRemoved{ID: c.ID, Reason: c.Reason}}, nil
}

// checkChange refuses to change a license that is over or whose term ran out.
func (s State) checkChange(at time.Time) error {
	today := calendar.DayOf(at)
	if st := s.On(string(today)); s.over(today) || st == StatusExpired {
		return notActive(st)
	}
	return nil
}

// suspensionAhead reports whether the license is suspended on the day or will be on a later one.
func (s State) suspensionAhead(day string) bool {
	return s.Suspension != nil && day <= s.Suspension.Until && (s.Resumption == nil || day < s.Resumption.On)
}

// over reports whether the license has ended by the day, as reissued or terminated. One whose term ran
// out has not: it can still be terminated on that ground.
func (s State) over(day calendar.Day) bool {
	st := s.On(string(day))
	return st == StatusReissued || st == StatusTerminated
}

func notActive(st Status) error {
	return domain.Reject("license-not-active", "the license is "+string(st), "status", string(st))
}

// monthsAfter is the day n calendar months after a day; the last day of the month where that month
// is shorter.
func monthsAfter(day string, n int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	target := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := target.AddDate(0, 1, -1).Day()
	return target.AddDate(0, 0, min(t.Day(), last)-1).Format(time.DateOnly)
}
