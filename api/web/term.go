package web

import (
	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// requests are the kinds of request, in the order in which the acts name them.
var requests = []regulation.Request{regulation.Issue, regulation.Reissue, regulation.Duplicate}

// terms are the terms of a deadline, one for each kind of request where the act differs by it; none where
// the act gives none.
func (f Frame) terms(d regulation.Deadline) (list []string) {
	for _, request := range requests {
		if n, ok := d.ByRequest[request]; ok {
			list = append(list, f.T("request."+string(request))+": "+f.term(n, n, d.Unit))
		}
	}
	if d.Max == nil || len(list) > 0 {
		return list
	}
	low := *d.Max
	if d.Min != nil {
		low = *d.Min
	}
	return []string{f.term(low, *d.Max, d.Unit)}
}

// term writes a term in the units that the acts print: "10–15 seconds", "30 seconds – 5 min", "15 working days".
func (f Frame) term(low, high int, unit regulation.Unit) string {
	from, fromText, fromKey := f.measure(low, unit)
	_, text, key := f.measure(high, unit)
	switch {
	case low == high:
		return text
	case fromKey == key:
		return from + "–" + text
	}
	return fromText + " – " + text
}

// measure writes so many of a unit: the number alone, and with the word that key is of.
func (f Frame) measure(n int, unit regulation.Unit) (number, text, key string) {
	if unit == regulation.WorkingDays {
		return i18n.Number(n), f.Count("count.working-days", n), "count.working-days"
	}
	whole, half, ok := regulation.Minutes(n)
	if !ok {
		return i18n.Number(n), f.Count("count.seconds", n), "count.seconds"
	}
	tenths := 10 * whole
	if half {
		tenths += 5
	}
	number = i18n.Tenths(f.Lang, tenths)
	return number, f.T("short.minutes", "n", number), "short.minutes"
}

// setTerms are the terms that the licensor set for a step to which the act gives none, as they are today.
func (s *Site) setTerms(f Frame, p *regulation.Procedure, step *regulation.Step) []string {
	if step.Deadline.Max != nil {
		return nil
	}
	var list []string
	for _, request := range p.Service.Requests {
		if set, ok := s.Rules().Terms.For(p, step, request, regulation.Date(calendar.DayOf(s.Now()))); ok {
			list = append(list, f.T("procedure.set-term", "request", f.T("request."+string(request)),
				"term", f.term(set.Term, set.Term, set.Unit), "basis", set.Basis))
		}
	}
	return list
}
