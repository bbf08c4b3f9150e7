package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
)

// states are told as the few facts that a reader follows, in this order, without those that are empty.
var stateOrder = []string{
	"status", "service", "channel", "request", "applicant", "step", "due", "confirmed", "documents", "payment", "to_return", "signed_by", "number",
	"registered_on", "approved", "refused", "result", "delivery", "rating",
	"licensee", "activity", "issued_on", "first_issued_on", "valid_until", "suspended", "copies", "sites", "predecessor", "successor", "ended", "version",
}

func applicationState(s application.State) map[string]any {
	m := map[string]any{
		"status": string(s.Status), "service": s.Service, "channel": string(s.Channel), "request": string(s.Request),
		"applicant": s.Applicant.ID, "number": s.Number, "registered_on": s.RegisteredOn, "result": s.Result, "delivery": s.Delivery,
		"confirmed": s.Confirmed, "documents": len(s.Documents), "version": s.Version,
	}
	if s.Step != 0 {
		m["step"] = fmt.Sprintf("%d %s (%s)", s.Step, s.Action, s.Role)
	}
	if s.Due != nil {
		m["due"] = due(*s.Due)
	}
	if len(s.Unmatched) > 0 {
		m["to_return"] = len(s.Unmatched)
	}
	switch {
	case s.NothingDue:
		m["payment"] = "none due"
	case s.Payment != nil:
		m["payment"] = fmt.Sprintf("%s paid", s.Payment.Order)
	case s.Order != nil:
		m["payment"] = fmt.Sprintf("%s open, %s", s.Order.Order, money(s.Order.Amount, s.Order.Currency))
	}
	if s.Signature != nil {
		m["signed_by"] = s.Signature.Subject
	}
	if s.Approval != nil {
		m["approved"] = cmp.Or(s.Approval.Order, "yes")
	}
	if s.Refusal != nil {
		m["refused"] = fmt.Sprintf("at %s: %s", s.Refusal.Stage, s.Refusal.Ground)
	}
	if s.Rating != nil {
		m["rating"] = fmt.Sprintf("quality %d, availability %d", s.Rating.Quality, s.Rating.Availability)
	}
	return withoutEmpty(m)
}

func licenseState(s license.State, day string) map[string]any {
	m := map[string]any{
		"status": string(s.On(day)), "service": s.Service, "licensee": fmt.Sprintf("%s, %s", s.Licensee.ID, s.Licensee.Name),
		"issued_on": s.IssuedOn, "first_issued_on": s.FirstIssuedOn, "valid_until": s.ValidUntil, "copies": s.Copies,
		"sites": len(s.Sites), "predecessor": s.Predecessor, "successor": s.Successor, "version": s.Version,
	}
	if s.FirstIssuedOn == s.IssuedOn {
		delete(m, "first_issued_on")
	}
	if s.On(day) == license.StatusSuspended {
		m["suspended"] = fmt.Sprintf("%s to %s: %s", s.Suspension.From, s.Suspension.Until, s.Suspension.Reason)
	}
	if s.End != nil {
		m["ended"] = fmt.Sprintf("%s: %s", s.End.On, s.End.Ground)
	}
	return withoutEmpty(m)
}

func withoutEmpty(m map[string]any) map[string]any {
	for name, value := range m {
		if value == "" || value == 0 || value == false {
			delete(m, name)
		}
	}
	return m
}

// print writes the story for people: one block for each event, then the state at the end.
func (h *story) print(out io.Writer) error {
	w := &strings.Builder{}
	fmt.Fprintf(w, "%s · as of %s · from %s · times of %s\n", h.Of, h.AsOf, h.Source, calendar.Zone)
	before := map[domain.Stream]map[string]any{}
	for i, one := range h.Events {
		fmt.Fprintf(w, "\n%2d  %s  %s  %s version %d, position %d\n", i+1, local(one.Time), one.Type, one.Stream, one.Version, one.Position)
		fmt.Fprintf(w, "    who   %s\n", who(one.Actor))
		if one.Progress != nil {
			fmt.Fprintf(w, "    step  %s\n", steps(*one.Progress, one.After))
		}
		if len(one.Data) > 0 {
			fmt.Fprintf(w, "    after %s\n", changes(before[one.Stream], one.After))
		}
		before[one.Stream] = one.After
	}
	if h.State != nil {
		fmt.Fprintf(w, "\nState of %s on %s\n", h.Of, h.AsOf)
		for _, name := range stateOrder {
			if value, ok := h.State[name]; ok {
				fmt.Fprintf(w, "    %-16s %v\n", strings.ReplaceAll(name, "_", " "), value)
			}
		}
	}
	_, err := io.WriteString(out, w.String())
	return err
}

// who is the actor, with role and organization.
func who(a domain.Actor) string {
	text := cmp.Or(a.Name, a.ID, "not told")
	role := string(a.Role)
	if a.Organization != "" {
		role += " of " + a.Organization
	}
	if a.Channel != "" {
		role += ", " + a.Channel
	}
	return text + " (" + role + ")"
}

// steps says which steps an event ended and began, or which one is open all the while.
func steps(p application.Progress, after map[string]any) string {
	var parts []string
	if len(p.Completes) > 0 {
		part := "completes " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(p.Completes)), ", "), "[]")
		if p.Outcome != "" {
			part += " (" + string(p.Outcome) + ")"
		}
		parts = append(parts, part)
	}
	if e := p.Enters; e != nil {
		part := fmt.Sprintf("enters %d %s", e.Step, e.Action)
		if e.Due != nil {
			part += ", due " + due(*e.Due).String()
		}
		parts = append(parts, part)
	}
	if p.Ends {
		parts = append(parts, "the procedure is over")
	}
	if len(parts) > 0 {
		return strings.Join(parts, "; ")
	}
	if open, ok := after["step"]; ok {
		return fmt.Sprintf("stays in %s", open)
	}
	return "none: the procedure is over"
}

// changes are the facts of the state that the event changed; all of it for the first one.
func changes(before, after map[string]any) string {
	var parts []string
	for _, name := range stateOrder {
		was, had := before[name]
		is, has := after[name]
		switch {
		case name == "version":
		case has && (!had || was != is):
			parts = append(parts, fmt.Sprintf("%s: %v", strings.ReplaceAll(name, "_", " "), is))
		case had && !has:
			parts = append(parts, fmt.Sprintf("no %s", strings.ReplaceAll(name, "_", " ")))
		}
	}
	if len(parts) == 0 {
		return "nothing that is shown here"
	}
	return strings.Join(parts, "; ")
}

// local is an instant in the licensor's time.
func local(t time.Time) string { return t.In(calendar.Zone).Format("2006-01-02 15:04:05") }

// due is an instant until which something has to be done. A term in working days ends with its last day,
// which is the first instant of the next one: nobody would take that for the day before.
type due time.Time

func (d due) String() string {
	t := time.Time(d).In(calendar.Zone)
	if day := calendar.DayOf(t); day.Start().Equal(t) {
		return "by the end of " + t.Add(-time.Nanosecond).Format("2 Jan 2006")
	}
	return local(t)
}

// MarshalText is the instant itself, for programs.
func (d due) MarshalText() ([]byte, error) { return time.Time(d).In(calendar.Zone).MarshalText() }

// MarshalJSON puts the event's place and time in the licensor's time beside the record.
func (t told) MarshalJSON() ([]byte, error) {
	type plain told // without this method
	return json.Marshal(struct {
		plain
		Local string `json:"local_time"`
	}{plain(t), local(t.Time)})
}

func money(hundredths int64, currency string) string {
	return fmt.Sprintf("%d.%02d %s", hundredths/100, hundredths%100, currency)
}
