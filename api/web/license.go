package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
)

// LicensePage is one license: how it stands on a day, and what befell it.
type LicensePage struct {
	Frame
	Number        string
	Status        string // token
	Standing      string // the status in words
	Facts         []Fact
	Subactivities []string
	Sites         []Place
	Events        []Event
	AsOf, KnownAt string // as typed
	Shown         []string
	Self          string // address of the present state
	Sign          string // where the viewer signs it; empty where that is done, or not the viewer's to do
	Awaits        string // where the signature stands
	Today         string
}

// Fact is a line about the license; URL leads to another license.
type Fact struct {
	Name  string
	Value Wording
	URL   string
}

// Place is a place of the activity.
type Place struct{ Kind, Name, Address string }

// Event is a line of the history.
type Event struct {
	At   string // for machines
	When string
	What string
	Who  string
	// Recorded says who recorded what somebody else decided.
	Recorded string
	More     []Fact
}

func (s *Site) license(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	number, err := ident.Normalize(r.PathValue("number"))
	if err != nil {
		return err
	}
	asOf, known, err := moments(in)
	if err != nil {
		return err
	}
	l, err := s.Licenses.AsOf(r.Context(), number, cmp.Or(asOf, string(calendar.DayOf(s.Now()))), known)
	if err != nil {
		return err
	}
	entries, err := s.History.Of(r.Context(), domain.Stream{Category: domain.LicenseCategory, ID: number})
	if err != nil {
		return err
	}
	f := s.frame(r, "search")
	page := LicensePage{
		Frame: f, Number: l.Number, Status: string(l.Status), Standing: f.T("license-status." + string(l.Status)),
		Facts: append(facts(f, l), s.licensing(f, l)), Subactivities: l.Subactivities, Self: (&url.URL{Path: r.URL.Path}).String(),
		AsOf: in.Get("as_of"), KnownAt: in.Get("known_at"), Today: string(calendar.DayOf(s.Now())),
	}
	page.Title = f.T("license.title."+kind(l), "number", l.Number)
	if f.Viewer.Seals != nil && l.Signed == nil && l.Successor == "" && l.End == nil && f.Viewer.Seals(l.Licensor, l.Licensee.ID) {
		page.Sign = LicenseSignatureURL(l.Number)
		page.Awaits = awaits(f, l)
	}
	for _, site := range l.Sites {
		page.Sites = append(page.Sites, Place{f.T("site-kind." + site.Kind), site.Name, site.Address})
	}
	if page.AsOf != "" {
		page.Shown = append(page.Shown, f.T("license.as-of-shown", "day", f.Day(page.AsOf)))
	}
	if page.KnownAt != "" {
		page.Shown = append(page.Shown, f.T("license.known-at-shown", "day", f.Day(page.KnownAt)))
	}
	if page.Events, err = s.events(r.Context(), f, l, entries, known); err != nil {
		return err
	}
	return s.render(w, r, "license", http.StatusOK, page)
}

// awaits says where the signature stands of a license that has none yet.
func awaits(f Frame, l licenses.License) string {
	reason := func(key string, r signing.Reason) string { return f.T(key) + ": " + f.T("signature-reason."+string(r)) }
	switch p, d := l.Pending, l.Discarded; {
	case p != nil:
		return reason("application.signature-waits", p.Reason)
	case d != nil:
		return reason("application.signature-discarded", d.Reason)
	}
	return f.T("license.awaits-signature")
}

func kind(l licenses.License) string {
	if l.Kind == "permit" {
		return "permit"
	}
	return "license"
}

// moments reads the days of as-of from the address.
func moments(in url.Values) (asOf string, known time.Time, err error) {
	if text := in.Get("as_of"); text != "" {
		day, err := calendar.ParseDay(text)
		if err != nil {
			return "", known, invalidDay()
		}
		asOf = string(day)
	}
	if known, err = projections.Instant(in.Get("known_at")); err != nil {
		return "", known, invalidDay()
	}
	return asOf, known, nil
}

// facts are the lines about the license that it has something for.
func facts(f Frame, l licenses.License) []Fact {
	id, idKind := ident.Masked(l.Licensee.ID)
	list := []Fact{
		fact(f, "license.licensee", l.Licensee.Name),
		fact(f, "license."+string(idKind), id),
	}
	if idKind == ident.BIN && l.Licensee.Address != "" { // a natural person's address is not public
		list = append(list, fact(f, "license.address", l.Licensee.Address))
	}
	list = append(list,
		Fact{Name: f.T("license.activity"), Value: f.wording(l.Activity)},
		Fact{Name: f.T("license.licensor"), Value: f.wording(l.LicensorTitle)},
		fact(f, "license.issued-on", f.Day(l.IssuedOn)),
	)
	if l.FirstIssuedOn != l.IssuedOn {
		list = append(list, fact(f, "license.first-issued-on", f.Day(l.FirstIssuedOn)))
	}
	if l.ValidUntil != "" {
		list = append(list, fact(f, "license.valid-until", f.Day(l.ValidUntil)))
	} else {
		list = append(list, fact(f, "license.term", f.T("license.no-end")))
	}
	if g := l.Signed; g != nil { // the person who signed is not public
		list = append(list, fact(f, "license.signed", f.T("role.signatory")+", "+f.Day(g.On)))
	}
	if l.Copies > 0 {
		list = append(list, fact(f, "license.copies", f.Count("count.copies", l.Copies)))
	}
	return append(list, standing(f, l)...)
}

// licensing is the service that gives such licenses. One that the catalog no longer has is shown by its slug.
func (s *Site) licensing(f Frame, l licenses.License) Fact {
	if _, err := s.Catalog().InForce(l.Service, s.Now()); err != nil {
		return fact(f, "license.service", l.Service)
	}
	return Fact{Name: f.T("license.service"), Value: s.serviceName(f, l.Service), URL: serviceURL(l.Service, "")}
}

// serviceName is the service's title in the wording in force; where there is none its slug has to do.
func (s *Site) serviceName(f Frame, slug string) Wording {
	service, err := s.Catalog().InForce(slug, s.Now())
	if err != nil {
		return Wording{Text: slug}
	}
	return f.wording(service.Title)
}

// standing are the lines about what befell the license.
func standing(f Frame, l licenses.License) (list []Fact) {
	if l.Predecessor != "" {
		list = append(list, link(f, "license.predecessor", l.Predecessor))
	}
	if l.Successor != "" {
		list = append(list, link(f, "license.successor", l.Successor))
	}
	if p := l.Stopped(); p != nil {
		list = append(list, span(f, p), fact(f, "license.suspension-reason", p.Reason))
	}
	if e := l.End; e != nil {
		list = append(list, fact(f, "license.ended-on", f.Day(e.On)),
			fact(f, "license.ended-ground", f.T("termination-ground."+string(e.Ground))))
	}
	return list
}

func fact(f Frame, key, value string) Fact { return Fact{Name: f.T(key), Value: Wording{Text: value}} }

func link(f Frame, key, number string) Fact {
	return Fact{Name: f.T(key), Value: Wording{Text: number}, URL: "/licenses/" + url.PathEscape(number)}
}

func span(f Frame, p *license.Suspended) Fact {
	return fact(f, "license.suspension", f.T("license.suspension-span", "from", f.Day(p.From), "until", f.Day(p.Until)))
}

// events are the lines of the history as far as it was known, the newest first.
func (s *Site) events(ctx context.Context, f Frame, l licenses.License, entries []history.Entry, known time.Time) ([]Event, error) {
	var list []Event
	sites := map[string]string{} // addresses
	for _, e := range entries {
		if !known.IsZero() && e.Time.After(known) {
			continue
		}
		p, err := license.Decode(e.Event)
		if err != nil {
			return nil, err
		}
		line := Event{
			At: e.Time.Format(time.RFC3339), When: s.Texts.Moment(f.Lang, e.Time, calendar.Zone),
			What: f.T("event." + e.Type), Who: s.who(f, e.Actor), More: more(f, p, sites),
		}
		order, decided, err := s.decision(ctx, p)
		if err != nil {
			return nil, err
		}
		if decided && e.Actor.Role == domain.RoleSystem { // the registry only wrote down what the licensor decided
			line.Recorded = f.T("history.recorded", "who", line.Who)
			line.Who = f.T("role.signatory") + ", " + f.wording(l.LicensorTitle).Text
		}
		if order != "" {
			line.More = append(line.More, fact(f, "license.order", order))
		}
		list = append(list, line)
	}
	slices.Reverse(list)
	return list, nil
}

// decision is the licensor's order behind an event, and whether the event follows from a decision on
// an application. The person who signed is not public.
func (s *Site) decision(ctx context.Context, p domain.Payload) (order string, decided bool, err error) {
	switch e := p.(type) {
	case license.Issued:
		return e.Order, true, nil
	case license.Reissued:
		order, err = s.approval(ctx, e.Application)
		return order, true, err
	case license.Duplicated:
		order, err = s.approval(ctx, e.Application)
		return order, true, err
	case license.Suspended:
		return e.Order, false, nil
	case license.Resumed:
		return e.Order, false, nil
	case license.Terminated:
		return e.Order, false, nil
	}
	return "", false, nil
}

// approval is the order by which an application was approved, empty where it names none.
func (s *Site) approval(ctx context.Context, id string) (string, error) {
	stream, err := domain.NewStream(domain.ApplicationCategory, id)
	if err != nil {
		return "", nil // a license from before the registry has no application here
	}
	entries, err := s.History.Of(ctx, stream)
	if errors.Is(err, domain.ErrNotFound) {
		return "", nil
	}
	for _, e := range entries {
		if e.Type != "application-approved" {
			continue
		}
		p, err := application.Decode(e.Event)
		if err != nil {
			return "", err
		}
		if approved, ok := p.(application.Approved); ok {
			return approved.Order, nil
		}
	}
	return "", err
}

// who is the role and the organization of whoever did something, never the person.
func (s *Site) who(f Frame, a domain.Actor) string {
	role := f.T("role." + string(a.Role))
	if a.Organization == "" {
		return role
	}
	return role + ", " + s.licensorName(f, a.Organization).Text
}

// licensorName is what the acts call the licensor; another organization keeps its slug.
func (s *Site) licensorName(f Frame, slug string) Wording {
	for _, service := range s.Catalog().Services() {
		if service.Licensor.Slug == slug {
			return f.wording(service.Licensor.Title)
		}
	}
	return Wording{Text: slug}
}

// more is what a line of the history says besides, and may say to everybody. It remembers where sites
// are, because an event that removes one has only its id.
func more(f Frame, p domain.Payload, sites map[string]string) []Fact {
	switch e := p.(type) {
	case license.Issued:
		for _, site := range e.Sites {
			sites[site.ID] = site.Address
		}
		if e.Predecessor != "" {
			return []Fact{link(f, "license.predecessor", e.Predecessor)}
		}
	case license.Reissued:
		return []Fact{link(f, "license.successor", e.Successor), fact(f, "license.suspension-reason", f.T("reason."+e.Reason))}
	case license.Duplicated:
		return []Fact{fact(f, "license.copy", f.T("license.copy-number", "n", strconv.Itoa(e.Copy)))}
	case license.Suspended:
		return []Fact{span(f, &e), fact(f, "license.suspension-reason", e.Reason)}
	case license.Resumed:
		return given(fact(f, "license.resumed-on", f.Day(e.On)), fact(f, "license.suspension-reason", e.Reason))
	case license.Terminated:
		return []Fact{fact(f, "license.ended-on", f.Day(e.On)), fact(f, "license.ended-ground", f.T("termination-ground."+string(e.Ground)))}
	case license.SiteAdded:
		sites[e.Site.ID] = e.Site.Address
		return []Fact{fact(f, "site-column.address", e.Site.Address)}
	case license.SiteRemoved:
		return given(fact(f, "site-column.address", sites[e.ID]), fact(f, "license.suspension-reason", e.Reason))
	}
	return nil
}

// given are the facts that say something.
func given(facts ...Fact) []Fact {
	return slices.DeleteFunc(facts, func(f Fact) bool { return f.Value.Text == "" })
}
