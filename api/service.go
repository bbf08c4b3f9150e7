package api

import (
	"context"
	"slices"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/regulation"
)

type servicesReply struct{ Body v1.Services }

func (s *Server) listServices(context.Context, *struct{}) (*servicesReply, error) {
	out := &servicesReply{Body: v1.Services{Items: []v1.Service{}}}
	for _, service := range s.cfg.Rules().Catalog.Services() {
		out.Body.Items = append(out.Body.Items, wireService(service))
	}
	return out, nil
}

type serviceReply struct{ Body v1.ServiceDetail }

// BySlug names a service in one of its wordings.
type BySlug struct {
	Slug string `path:"slug" maxLength:"100" doc:"Slug of the service"`
	Act  string `query:"act" maxLength:"100" doc:"Id of the act whose wording is meant, as an application names it; the one in force where absent"`
}

func (s *Server) getService(_ context.Context, in *BySlug) (*serviceReply, error) {
	service, err := s.service(*in)
	if err != nil {
		return nil, err
	}
	return &serviceReply{Body: wireServiceDetail(service)}, nil
}

func (s *Server) service(in BySlug) (*regulation.Service, error) {
	service, err := s.cfg.Rules().Catalog.InForce(in.Slug, s.cfg.Now())
	if err != nil {
		return nil, fail("service-not-found", err)
	}
	if in.Act == "" {
		return service, nil
	}
	if service, err = s.cfg.Rules().Catalog.Named(in.Act, in.Slug); err != nil {
		return nil, fail("wording-not-found", err)
	}
	return service, nil
}

// ByChannel names a procedure.
type ByChannel struct {
	BySlug
	Channel string `path:"channel" maxLength:"20" doc:"portal, office or center"`
}

type procedureReply struct{ Body v1.Procedure }

func (s *Server) getProcedure(_ context.Context, in *ByChannel) (*procedureReply, error) {
	procedure, err := s.procedure(*in)
	if err != nil {
		return nil, err
	}
	return &procedureReply{Body: wireProcedure(procedure)}, nil
}

func (s *Server) procedure(in ByChannel) (*regulation.Procedure, error) {
	service, err := s.service(in.BySlug)
	if err != nil {
		return nil, err
	}
	procedure, err := service.Procedure(regulation.Channel(in.Channel))
	if err != nil {
		return nil, fail("procedure-not-found", err)
	}
	return procedure, nil
}

func wireService(s *regulation.Service) v1.Service {
	out := v1.Service{
		Slug: s.Slug, Title: v1.Text(s.Title), Activity: v1.Text(s.Activity), Standard: v1.Text(s.Standard),
		Licensor: v1.Licensor{Slug: s.Licensor.Slug, Title: v1.Text(s.Licensor.Title)},
		Requests: tokens(s.Requests), Applicants: tokens(s.Applicants), Result: s.Result, Paid: s.Paid, Channels: []string{},
		Act: v1.Act{ID: s.Act.ID, Title: v1.Text(s.Act.Title), Number: s.Act.Number, Date: string(s.Act.Date), EffectiveFrom: string(s.Act.EffectiveFrom)},
	}
	for _, p := range s.Procedures {
		out.Channels = append(out.Channels, string(p.Channel))
	}
	return out
}

func wireProcedure(p *regulation.Procedure) v1.Procedure {
	out := v1.Procedure{
		Service: p.Service.Slug, Channel: string(p.Channel), Act: p.Service.Act.ID,
		Item: p.Item, Heading: v1.Text(p.Heading), Caption: v1.Text(p.Caption), Text: []v1.Item{}, Steps: []v1.Step{},
	}
	for _, item := range p.Text {
		out.Text = append(out.Text, v1.Item{Kind: item.Kind, Number: item.Number, Wording: v1.Text(item.Wording)})
	}
	concern := slices.Concat(p.Service.Discrepancies, p.Discrepancies)
	for _, step := range p.Steps {
		out.Steps = append(out.Steps, wireStep(step))
		concern = append(concern, step.Discrepancies...)
	}
	out.Discrepancies = wireDiscrepancies(p.Service.Act, concern)
	return out
}

func wireStep(s *regulation.Step) v1.Step {
	out := v1.Step{
		Number: s.Number, Role: string(s.Actor.Role), Actor: v1.Text(s.Actor.Printed), Action: string(s.Action),
		Wording: v1.Text(s.Wording), Completion: v1.Text(s.Completion), NextPrinted: v1.Text(s.NextPrinted), Next: []v1.Edge{},
		Deadline:      v1.Deadline{Printed: v1.Text(s.Deadline.Printed), Min: s.Deadline.Min, Max: s.Deadline.Max, Unit: string(s.Deadline.Unit)},
		Discrepancies: s.Discrepancies,
	}
	for request, n := range s.Deadline.ByRequest {
		if out.Deadline.ByRequest == nil {
			out.Deadline.ByRequest = map[string]int{}
		}
		out.Deadline.ByRequest[string(request)] = n
	}
	for _, e := range s.Next {
		out.Next = append(out.Next, v1.Edge{To: e.To, When: string(e.When)})
	}
	return out
}

// tokens are a list's texts, an empty list rather than none.
func tokens[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}
