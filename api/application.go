package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/applications"
)

// applicationReply answers with one application.
type applicationReply struct {
	Status   int
	ETag     string `header:"ETag" doc:"The version, for If-Match"`
	Position string `header:"Tizilim-Position" doc:"Where this can be seen; send it with a read to wait for it"`
	Location string `header:"Location" doc:"Address of the application that was opened"`
	Body     v1.Application
}

func etag(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }

func positionText(p domain.Position) string { return strconv.FormatUint(uint64(p), 10) }

// replyApplication answers with the state, readable up to now. 202 says that a signature waits.
func (s *Server) replyApplication(ctx context.Context, state application.State) *applicationReply {
	status := http.StatusOK
	if v := visitOf(ctx); state.Pending != nil && v.write.key != "" {
		status = http.StatusAccepted
	}
	return &applicationReply{
		Status: status, ETag: etag(state.Version), Position: positionText(s.cfg.Follower.Head()), Body: s.wireApplication(ctx, state),
	}
}

// recordedApplication answers a write that is durable and not yet readable.
func recordedApplication(id string, r domain.Result) *applicationReply {
	return &applicationReply{
		Status: http.StatusAccepted, ETag: etag(r.Version), Position: positionText(r.Position),
		Body: v1.Application{ID: id, Version: r.Version, Status: "being-recorded"},
	}
}

// ByID names an application. It is exported because the decoder sets embedded fields only then.
type ByID struct {
	ID string `path:"id" maxLength:"36" doc:"UUID of the application, or its registration number"`
}

func (s *Server) openApplication(ctx context.Context, in *struct{ Body v1.Opening }) (*applicationReply, error) {
	v, b := visitOf(ctx), in.Body
	service, err := s.cfg.Rules().Catalog.InForce(b.Service, s.now(ctx))
	if err != nil {
		return nil, domain.Reject("service-unknown", "no such service", "service", b.Service)
	}
	if _, err := service.Procedure(regulation.Channel(b.Channel)); err != nil {
		return nil, domain.Reject("channel-unknown", "the service is not given through this channel", "channel", b.Channel)
	}
	applicant, err := ident.Parse(b.Applicant.ID)
	if err != nil {
		return nil, err
	}
	if err := v.caller.mayOpen(regulation.Channel(b.Channel), applicant.String(), service.Licensor.Slug); err != nil {
		return nil, err
	}
	if b.License != "" {
		if b.License, err = ident.Normalize(b.License); err != nil {
			return nil, at("body.license", err)
		}
	}
	concerns, err := s.concerns(ctx, b.License)
	if err != nil {
		return nil, err
	}
	id := uuid.NewSHA1(applicationSpace, []byte(v.caller.Actor.ID+"\x00"+v.write.key)).String()
	if err := s.accessed(ctx, subject{"application", id, applicant.String()}); err != nil {
		return nil, err
	}
	reply, err := s.do(ctx, id, service.Act.ID, application.Open{
		At: s.now(ctx), Service: b.Service, Channel: regulation.Channel(b.Channel), Request: regulation.Request(b.Request),
		Applicant: application.Applicant{ID: applicant.String()},
		License:   b.License, Concerns: concerns, Reason: application.ReissueReason(b.Reason),
	})
	if err != nil {
		return nil, err
	}
	if reply.Status == http.StatusOK {
		reply.Status = http.StatusCreated
	}
	reply.Location = "/api/v1/applications/" + id
	return reply, nil
}

// concerns is the license that an application is about, nil where there is none of the number.
func (s *Server) concerns(ctx context.Context, number string) (*license.State, error) {
	if number == "" {
		return nil, nil
	}
	l, err := s.loadLicense(ctx, number)
	if isNotFound(err) {
		return nil, nil
	}
	return &l, err
}

func (s *Server) getApplication(ctx context.Context, in *ByID) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.replyApplication(ctx, state), nil
}

type applicationsInput struct {
	Service string `query:"service" maxLength:"100"`
	Channel string `query:"channel" enum:"portal,office,center"`
	Request string `query:"request" enum:"issue,reissue,duplicate"`
	Status  string `query:"status" enum:"draft,in-progress,examined,approved,completed,refused,withdrawn"`
	Action  string `query:"action" maxLength:"40" doc:"Action of the open step"`
	Role    string `query:"role" enum:"applicant,officer,operator,system" doc:"Who acts in the open step"`
	Overdue bool   `query:"overdue" doc:"Only those whose open step is past its deadline"`
	Cursor  string `query:"cursor" maxLength:"200"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type applicationsReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.Applications
}

// listApplications lists the caller's own, or the queue of their licensor or center.
func (s *Server) listApplications(ctx context.Context, in *applicationsInput) (*applicationsReply, error) {
	filter := applications.Filter{
		Service: in.Service, Channel: in.Channel, Request: in.Request, Action: in.Action, Role: in.Role,
		Cursor: in.Cursor, Limit: in.Limit,
	}
	if in.Status != "" {
		filter.Statuses = []application.Status{application.Status(in.Status)}
	}
	if in.Overdue {
		filter.OverdueAt = s.cfg.Now()
	}
	if err := s.known(in.Service, ""); err != nil {
		return nil, err
	}
	if err := visitOf(ctx).caller.narrow(&filter); err != nil {
		return nil, err
	}
	position := s.cfg.Applications.Position()
	page, err := s.cfg.Applications.List(ctx, filter)
	if err != nil {
		return nil, cursorFault(in.Cursor, err)
	}
	shown := []subject{{kind: "applications"}}
	out := &applicationsReply{Position: positionText(position), Body: v1.Applications{Items: []v1.Application{}, Next: page.Next}}
	for _, a := range page.Applications {
		item := s.wireApplication(ctx, a.State)
		updated := a.UpdatedAt
		item.UpdatedAt = &updated
		out.Body.Items = append(out.Body.Items, item)
		shown = append(shown, subject{"application", a.ID, a.Applicant.ID})
	}
	return out, s.accessed(ctx, shown...)
}

// narrow makes a list show what the caller sees, and nothing else.
func (c caller) narrow(f *applications.Filter) error {
	switch c.reach {
	case own:
		f.ApplicantID = c.Identifier
	case licensor:
		f.Licensor = c.Actor.Organization
	case center:
		f.Center, f.Channel = c.Actor.Organization, string(regulation.Center)
	case all:
		return nil
	default:
		return fmt.Errorf("no reach: %w", domain.ErrForbidden)
	}
	if f.ApplicantID == "" && f.Licensor == "" && f.Center == "" {
		return fmt.Errorf("account without identifier or organization: %w", domain.ErrForbidden)
	}
	return nil
}

type byIDFiling struct {
	ByID
	Body v1.Filing
}

func (s *Server) fileForm(ctx context.Context, in *byIDFiling) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := visitOf(ctx).caller.mayEnter(state); err != nil {
		return nil, err
	}
	documents, err := s.documents(ctx, in.Body.Documents)
	if err != nil {
		return nil, err
	}
	reply, err := s.do(ctx, state.ID, state.Act, application.File{
		At: s.now(ctx), Form: form(in.Body.Form), Documents: documents,
	})
	if rejection := (*domain.Rejection)(nil); errors.As(err, &rejection) && rejection.Code == "site-invalid" {
		i := slices.IndexFunc(in.Body.Form.Sites, func(x v1.NewSite) bool { return license.CheckSite(x.Kind, x.Address) != nil })
		err = at(fmt.Sprintf("body.form.sites[%d].address", i), err)
	}
	return reply, err
}

type byIDWithdrawal struct {
	ByID
	Body v1.Withdrawal
}

func (s *Server) withdraw(ctx context.Context, in *byIDWithdrawal) (*applicationReply, error) {
	state, err := s.loadForApplicant(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, state.ID, state.Act, application.Withdraw{At: s.now(ctx), Reason: in.Body.Reason})
}

type byIDDelivery struct {
	ByID
	Body v1.Delivery
}

func (s *Server) deliver(ctx context.Context, in *byIDDelivery) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := visitOf(ctx).caller.mayEnter(state); err != nil {
		return nil, err
	}
	return s.do(ctx, state.ID, state.Act, application.Deliver{At: s.now(ctx), To: in.Body.To})
}

type byIDRating struct {
	ByID
	Body v1.Rating
}

func (s *Server) rate(ctx context.Context, in *byIDRating) (*applicationReply, error) {
	state, err := s.loadForApplicant(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, state.ID, state.Act, application.Rate{At: s.now(ctx), Quality: in.Body.Quality, Availability: in.Body.Availability})
}

// loadForApplicant loads what the applicant may do whatever the channel, and staff for the applicants
// of their own channel.
func (s *Server) loadForApplicant(ctx context.Context, id string) (application.State, error) {
	state, err := s.load(ctx, id)
	if c := visitOf(ctx).caller; err == nil && c.reach != own {
		err = c.mayEnter(state)
	}
	return state, err
}

// wireApplication is the application as it goes out to the caller, in their language.
func (s *Server) wireApplication(ctx context.Context, state application.State) v1.Application {
	v := visitOf(ctx)
	a := wireApplication(state, v.caller)
	s.wireSignature(v, state, &a)
	return a
}

// wireApplication is the application but for its signatures. Of somebody else who holds the license an
// applicant sees what the public sees.
func wireApplication(s application.State, c caller) v1.Application {
	opened, holder := s.OpenedAt, s.Holder
	if holder != "" && (c.reach == own || c.reach == nothing) {
		holder, _ = ident.Masked(holder)
	}
	a := v1.Application{
		ID: s.ID, Version: s.Version, Status: string(s.Status), Service: s.Service, Channel: string(s.Channel),
		Act: s.Act, Wording: s.Wording, Request: string(s.Request), Licensor: s.Licensor, License: s.License, Holder: holder, Reason: string(s.Reason),
		Applicant: wireApplicant(s.Applicant),
		OpenedAt:  &opened, Number: s.Number, RegisteredOn: s.RegisteredOn, Result: s.Result, Delivery: s.Delivery,
	}
	if s.Step != 0 {
		a.Step = &v1.OpenStep{Number: s.Step, Action: string(s.Action), Role: string(s.Role), Due: s.Due}
		if s.Due != nil {
			a.Step.DueDay = dueDay(*s.Due)
		}
	}
	if s.Form != nil {
		a.Form = wireForm(*s.Form)
	}
	for _, d := range s.Documents {
		a.Documents = append(a.Documents, v1.Document(d))
	}
	if s.Order != nil || s.NothingDue {
		a.Payment = wirePayment(s)
	}
	for _, u := range s.Unmatched {
		a.Unmatched = append(a.Unmatched, v1.Returned{
			Order: u.Order, Reference: u.Reference, Amount: u.Amount, Currency: u.Currency, Reason: string(u.Reason), At: u.At,
		})
	}
	if s.Signature != nil && (c.inside() || c.reach == center || s.Signature.Subject == c.Identifier) {
		a.SignedBy = s.Signature.Subject
	}
	if p := s.Approval; p != nil {
		a.Approval = &v1.Approval{Order: p.Order, ValidUntil: p.ValidUntil, Signatory: p.Signatory, PaymentProof: p.PaymentProof}
	}
	if f := s.Refusal; f != nil {
		a.Refusal = &v1.Refusal{Stage: string(f.Stage), Ground: string(f.Ground), Text: f.Text, Signatory: f.Signatory}
	}
	if r := s.Rating; r != nil {
		a.Rating = &v1.Rating{Quality: r.Quality, Availability: r.Availability}
	}
	return a
}

// wireApplicant is the applicant with what the identifier tells of them. What cannot be read as one tells
// nothing.
func wireApplicant(p application.Applicant) *v1.Person {
	out := &v1.Person{ID: p.ID, Name: p.Name, Address: p.Address}
	if id, err := ident.Parse(p.ID); err == nil {
		out.Organization, out.Unit = id.Organization()
		out.Warnings = id.Warnings()
	}
	return out
}

// dueDay is the day by whose end something is due, empty where it is due within a day.
func dueDay(due time.Time) string {
	day, _ := calendar.LastDay(due)
	return string(day)
}

func form(f v1.Form) application.Form {
	out := application.Form{
		Name: f.Name, Address: f.Address, Subactivities: f.Subactivities, Phone: f.Phone, Email: f.Email, Note: f.Note,
	}
	for _, site := range f.Sites {
		out.Sites = append(out.Sites, application.Site(site))
	}
	return out
}

func wireForm(f application.Form) *v1.Form {
	out := &v1.Form{
		Name: f.Name, Address: f.Address, Subactivities: f.Subactivities, Phone: f.Phone, Email: f.Email, Note: f.Note,
	}
	for _, site := range f.Sites {
		out.Sites = append(out.Sites, v1.NewSite(site))
	}
	return out
}
