package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/regulation/diagram"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
)

// ApplicationPage is one application: what it is, its way through its procedure, and what befell it.
type ApplicationPage struct {
	Frame
	Status    string // token
	Standing  string // the status in words
	Facts     []Fact
	Drawing   template.HTML
	Procedure string // address of the procedure that it follows
	// Sign and Decide are where the viewer signs it, and the decision on it; empty where that is not to be
	// done now, or not by the viewer.
	Sign, Decide string
	Visits       []Visit
	Events       []Event // the newest last
}

func (s *Site) application(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(r, "deadline")
	state, entries, err := s.followed(r, f.Viewer)
	if err != nil {
		return err
	}
	procedure, act, err := s.follows(state)
	if err != nil {
		return err
	}
	visits, err := s.Deadlines.Visits(r.Context(), state.ID, s.Now())
	if err != nil && !errors.Is(err, domain.ErrNotFound) { // the application is there: it has no visits yet
		return err
	}
	page := ApplicationPage{
		Frame: f, Status: string(state.Status), Standing: f.T("application-status." + string(state.Status)),
		Facts: s.applicationFacts(f, state, procedure, act), Procedure: procedureURL(procedure, act),
	}
	page.Title = f.T("application.title", "number", number(f, state.ID, state.Number))
	if page.Drawing, err = wayDrawing(f, procedure, page.Procedure, visits); err != nil {
		return err
	}
	if f.Viewer.Signs != nil && f.Viewer.Signs(state) {
		page.Sign = SignatureURL(state.ID)
	}
	if f.Viewer.Decides != nil && f.Viewer.Decides(state) {
		page.Decide = DecisionURL(state.ID)
	}
	for _, v := range visits {
		line := s.visit(f, v)
		line.Reckoned = s.reckoned(f, v, entries)
		page.Visits = append(page.Visits, line)
	}
	if page.Events, err = s.applicationEvents(f, procedure, entries); err != nil {
		return err
	}
	return s.render(w, r, "application", http.StatusOK, page)
}

// followed is the application as its events left it, with them; domain.ErrNotFound where the viewer may not
// see it.
func (s *Site) followed(r *http.Request, v Viewer) (state application.State, entries []history.Entry, err error) {
	stream, err := domain.NewStream(domain.ApplicationCategory, strings.ToLower(r.PathValue("id")))
	if err != nil {
		return state, nil, fmt.Errorf("application: %w", domain.ErrNotFound)
	}
	if entries, err = s.History.Of(r.Context(), stream); err != nil {
		return state, nil, err
	}
	for _, e := range entries {
		if err := application.Fold(&state, e.Record); err != nil {
			return state, nil, err
		}
	}
	sees := false
	if v.Sees != nil {
		if sees, err = v.Sees(state); err != nil {
			return state, nil, err
		}
	}
	if !sees {
		return state, nil, fmt.Errorf("%s: out of sight: %w", stream, domain.ErrNotFound)
	}
	return state, entries, nil
}

// follows is the procedure that the application follows to its end. act is to be in the links to it, empty
// where its wording is the one in force.
func (s *Site) follows(state application.State) (p *regulation.Procedure, act string, err error) {
	service, err := s.Catalog().Wording(state.Act, state.Wording, state.Service)
	if err == nil {
		p, err = service.Procedure(state.Channel)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", domain.ErrDamaged, err) // no address could do better
	}
	if now, err := s.Catalog().InForce(state.Service, s.Now()); err != nil || now.Act.Name() != p.Service.Act.Name() {
		act = p.Service.Act.Name()
	}
	return p, act, nil
}

// applicationFacts are the lines about the application that it has something for.
func (s *Site) applicationFacts(f Frame, a application.State, p *regulation.Procedure, act string) []Fact {
	id, kind := ident.Masked(a.Applicant.ID)
	list := []Fact{
		{Name: f.T("deadlines.service"), Value: f.wording(p.Service.Title), URL: procedureURL(p, act)},
		fact(f, "deadlines.channel", f.T("channel."+string(a.Channel))),
		fact(f, "csv.request", f.T("request."+string(a.Request))),
		{Name: f.T("license.licensor"), Value: f.wording(p.Service.Licensor.Title)},
		fact(f, "application.applicant", a.Applicant.Name),
		fact(f, "license."+string(kind), id),
	}
	list = append(list, identified(f, a.Applicant.ID)...)
	list = append(list, fact(f, "application.opened", s.Texts.Moment(f.Lang, a.OpenedAt, calendar.Zone)))
	if a.License != "" {
		list = append(list, link(f, "application.license", a.License))
	}
	if a.Reason != "" {
		list = append(list, fact(f, "license.suspension-reason", f.T("reason."+string(a.Reason))))
	}
	if a.Holder != "" {
		holder, _ := ident.Masked(a.Holder)
		list = append(list, fact(f, "application.holder", holder))
	}
	list = append(list, fact(f, "csv.number", a.Number), fact(f, "application.registered-on", f.Day(a.RegisteredOn)))
	if a.Step != 0 {
		list = append(list, fact(f, "application.step", stepOf(f, p, a.Step)))
	}
	if a.Due != nil {
		list = append(list, fact(f, "csv.due", s.due(f, *a.Due)))
	}
	list = append(list, s.paymentFacts(f, a)...)
	list = append(list, signatureFact(f, a))
	if a.Result != "" {
		list = append(list, link(f, "application.result", a.Result))
	}
	return given(list...)
}

// signatureFact is where a signature stands that had to wait, empty where there is none. That of a decision
// is for nobody to see before the decision.
func signatureFact(f Frame, a application.State) Fact {
	switch p, d := a.Pending, a.Discarded; {
	case p != nil && p.Purpose != signing.Decision:
		return fact(f, "application.signature-waits", f.T("signature-reason."+string(p.Reason)))
	case d != nil && d.Purpose != signing.Decision:
		return fact(f, "application.signature-discarded", f.T("signature-reason."+string(d.Reason)))
	}
	return Fact{}
}

// identified is what an identifier tells of whom it belongs to, and what is odd about it.
func identified(f Frame, identifier string) (list []Fact) {
	id, err := ident.Parse(identifier)
	if err != nil {
		return nil
	}
	if kind, unit := id.Organization(); unit != "" {
		list = append(list, fact(f, "application.organization", f.T("organization."+kind)+", "+f.T("unit."+unit)))
	} else if kind != "" {
		list = append(list, fact(f, "application.organization", f.T("organization."+kind)))
	}
	for _, warning := range id.Warnings() {
		list = append(list, fact(f, "application.warning", f.T("warning."+warning)))
	}
	return list
}

// stepOf is a step of the procedure with its number and action.
func stepOf(f Frame, p *regulation.Procedure, n int) string {
	if step := p.Step(n); step != nil {
		return strconv.Itoa(n) + ". " + f.T("action."+string(step.Action))
	}
	return strconv.Itoa(n)
}

// wayDrawing is the diagram of the procedure with the application's way through it, its steps links to
// their rows on the procedure's page.
func wayDrawing(f Frame, p *regulation.Procedure, address string, visits []deadlines.Visit) (template.HTML, error) {
	var svg bytes.Buffer
	if err := diagram.SVG(&svg, p, diagram.Options{Lang: f.Lang, Path: Path(visits), Anchor: address + "#step-"}); err != nil {
		return "", fmt.Errorf("%w: %w", domain.ErrDamaged, err)
	}
	return template.HTML(svg.String()), nil
}

// Path is the way of an application that its visits are of, as a diagram shows it.
func Path(visits []deadlines.Visit) (path []diagram.Visit) {
	for _, v := range visits {
		if v.Step != deadlines.Whole {
			outcome := diagram.Outcome(v.Outcome)
			if v.Outcome == deadlines.Untimed { // a diagram tells by the due time
				outcome = diagram.OnTime
			}
			path = append(path, diagram.Visit{
				Step: v.Step, Entered: v.Entered, Due: v.Due, Left: v.Left,
				Outcome: outcome, Branch: regulation.Outcome(v.Branch),
			})
		}
	}
	return path
}

// reckoned says how the due time of a visit came about: the term with the way to count it day by day, and
// the licensor's act where that set it. Events of before the registry noted the term say nothing of it.
func (s *Site) reckoned(f Frame, v deadlines.Visit, entries []history.Entry) (list []Fact) {
	e := entering(v, entries)
	if e == nil || e.Term == 0 {
		return nil
	}
	term := fact(f, "visits.term", f.term(e.Term, e.Term, e.Unit))
	if e.From != "" {
		term.Value.Text = f.T("visits.counted-from", "term", term.Value.Text, "day", f.Day(e.From))
	}
	if _, err := s.Rules().Calendars.Version(e.Calendar); err == nil && e.From != "" && e.Term <= MaxTerm {
		term.URL = "/calendar?" + query("from", e.From, "days", strconv.Itoa(e.Term), "version", e.Calendar)
	}
	return given(term, fact(f, "visits.basis", e.Basis))
}

// entering is the step as the visit entered it, nil for one that was only passed through. The service as a
// whole has its term from the step that forms the result.
func entering(v deadlines.Visit, entries []history.Entry) *application.Entered {
	for _, e := range entries {
		n := e.Progress.Enters
		if n == nil || !e.Time.Equal(v.Entered) {
			continue
		}
		if n.Step == v.Step || v.Step == deadlines.Whole && e.Type == "application-registered" && n.Action.Result() {
			return n
		}
	}
	return nil
}

// applicationEvents are the lines of the history in order.
func (s *Site) applicationEvents(f Frame, p *regulation.Procedure, entries []history.Entry) (list []Event, err error) {
	for _, e := range entries {
		payload, err := application.Decode(e.Event)
		if err != nil {
			return nil, err
		}
		list = append(list, Event{
			At: e.Time.Format(time.RFC3339Nano), When: s.Texts.Second(f.Lang, e.Time, calendar.Zone), What: f.T("event." + e.Type),
			Who: s.who(f, e.Actor), More: append(s.told(f, payload), moved(f, p, e.Progress)...),
		})
	}
	return list, nil
}

// toldOfSignature is why a signature waits or was not accepted. Of a decision that is not made nothing is told.
func toldOfSignature(f Frame, purpose signing.Purpose, reason signing.Reason) []Fact {
	if purpose == signing.Decision {
		return nil
	}
	return []Fact{signatureReason(f, reason)}
}

// told is what an event says besides, but for what is personal.
func (s *Site) told(f Frame, p domain.Payload) []Fact {
	switch e := p.(type) {
	case application.SignatureReceived:
		return toldOfSignature(f, e.Purpose, e.Reason)
	case application.SignatureDiscarded:
		return toldOfSignature(f, e.Purpose, e.Reason)
	case application.ApplicantConfirmed:
		return s.answered(f, e.Source, e.Answer)
	case application.ApplicantNotFound:
		return s.answered(f, e.Source, e.Answer)
	case application.Registered:
		return []Fact{fact(f, "csv.number", e.Number), fact(f, "application.registered-on", f.Day(e.RegisteredOn))}
	case application.Approved:
		return given(fact(f, "license.order", e.Order), fact(f, "license.valid-until", f.Day(e.ValidUntil)),
			fact(f, "payment.proof", proof(f, e.PaymentProof)))
	case application.Refused:
		return given(fact(f, "application.stage", f.T("stage."+string(e.Stage))), fact(f, "license.ended-ground", f.T("ground."+string(e.Ground))),
			signatureReason(f, e.Reason), fact(f, "license.suspension-reason", refusalText(f, e.Text)))
	case application.PaymentRequested, application.PaymentNotRequired, application.Paid, application.PaymentUnmatched:
		return s.toldOfPayment(f, p)
	case application.Completed:
		return []Fact{{Name: f.T("application.result"), Value: Wording{Text: e.License}, URL: "/licenses/" + url.PathEscape(e.License)}}
	case application.Withdrawn:
		return given(fact(f, "license.suspension-reason", e.Reason))
	case application.Delivered:
		return []Fact{fact(f, "application.delivery", f.T("delivery."+e.To))}
	}
	return nil
}

func signatureReason(f Frame, r signing.Reason) Fact {
	if r == "" {
		return Fact{}
	}
	return fact(f, "application.signature-reason", f.T("signature-reason."+string(r)))
}

// answered says which register answered and when. Events of before the answer was kept name the register.
func (s *Site) answered(f Frame, source string, a *application.RegisterAnswer) []Fact {
	if a == nil {
		return given(fact(f, "application.register", source))
	}
	return given(fact(f, "application.register", source), fact(f, "application.answered", s.Texts.Second(f.Lang, a.At, calendar.Zone)),
		fact(f, "application.answer-reference", a.Reference))
}

// moved says which steps an event completed and which one it entered.
func moved(f Frame, p *regulation.Procedure, way application.Progress) (list []Fact) {
	for _, n := range way.Completes {
		list = append(list, fact(f, "application.completes", stepOf(f, p, n)))
	}
	if way.Outcome != "" {
		list = append(list, fact(f, "csv.branch", f.T("branch."+string(way.Outcome))))
	}
	if way.Enters != nil {
		list = append(list, fact(f, "application.enters", stepOf(f, p, way.Enters.Step)))
	}
	if way.Ends {
		list = append(list, fact(f, "procedure.next", f.T("procedure.end")))
	}
	return list
}
