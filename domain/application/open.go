package application

import (
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

func (r Rules) open(s State, c Open) ([]domain.Payload, error) {
	service, err := r.Catalog.InForce(c.Service, c.At)
	if err != nil {
		return nil, domain.Reject("service-unknown", "no such service", "service", c.Service)
	}
	proc, err := service.Procedure(c.Channel)
	if err != nil {
		return nil, domain.Reject("channel-unknown", "the service is not given through this channel", "channel", string(c.Channel))
	}
	id, err := checkApplicant(service, c.Applicant.ID)
	if err != nil {
		return nil, err
	}
	c.Applicant.ID = id
	if err := checkRequest(service, c); err != nil {
		return nil, err
	}
	if s.Exists {
		return r.reopen(s, c)
	}
	w := way{rules: r, proc: proc, request: c.Request, step: proc.Start()}
	progress, err := w.advance(c.At, regulation.Authorized, regulation.EnterApplicant)
	if err != nil {
		return nil, err
	}
	holder := ""
	if c.Concerns != nil && c.Concerns.Licensee.ID != c.Applicant.ID {
		holder = c.Concerns.Licensee.ID
	}
	return []domain.Payload{Opened{
		Progress: progress, Service: service.Slug, Channel: c.Channel, Act: service.Act.ID, Wording: service.Act.Wording,
		Request: c.Request, Licensor: service.Licensor.Slug, Applicant: c.Applicant,
		License: c.License, Reason: c.Reason, Holder: holder,
	}}, nil
}

// reopen answers an Open of an application that exists: done already when it is the same one.
func (r Rules) reopen(s State, c Open) ([]domain.Payload, error) {
	if s.Service == c.Service && s.Channel == c.Channel && s.Request == c.Request &&
		s.Applicant.ID == c.Applicant.ID && s.License == c.License && s.Reason == c.Reason {
		return nil, nil
	}
	return nil, domain.Reject("application-exists", "another application has this id")
}

// checkApplicant returns the identifier in canonical form.
func checkApplicant(service *regulation.Service, number string) (string, error) {
	id, err := ident.Parse(number)
	if err != nil {
		return "", err
	}
	if !slices.Contains(service.Applicants, string(id.Kind())) {
		return "", domain.Reject("applicant-kind", "the service is not given to this kind of applicant",
			"accepted", fmt.Sprint(service.Applicants))
	}
	return id.String(), nil
}

var reissueReasons = []ReissueReason{NameChanged, AddressChanged, Reorganized, ActivityRenamed}

func checkRequest(service *regulation.Service, c Open) error {
	if !service.Offers(c.Request) {
		return domain.Reject("request-not-offered", "the service does not offer this kind of request", "request", string(c.Request))
	}
	if c.Request == regulation.Issue {
		if c.License != "" || c.Reason != "" {
			return domain.Reject("license-not-expected", "an application for a new license names no license and no reason")
		}
		return nil
	}
	if c.License == "" {
		return domain.Reject("license-required", "name the license that is to be reissued or duplicated")
	}
	if c.Request == regulation.Reissue && !slices.Contains(reissueReasons, c.Reason) {
		return domain.Reject("reason-required", "say why the license is to be reissued: name, address, reorganization or activity-name")
	}
	if c.Request == regulation.Duplicate && c.Reason != "" {
		return domain.Reject("reason-not-expected", "a duplicate needs no reason")
	}
	if c.Concerns == nil || !c.Concerns.Exists || c.Concerns.Licensee.ID != c.Applicant.ID && c.Reason != Reorganized {
		return domain.Reject("license-unknown", "the applicant holds no license of this number", "license", c.License)
	}
	if c.Concerns.Service != service.Slug {
		return domain.Reject("license-of-other-service", "the license belongs to another service", "license", c.License)
	}
	return checkStanding(*c.Concerns, c.At)
}

// checkStanding refuses what concerns a license that is not active any more.
func checkStanding(l license.State, at time.Time) error {
	if st := l.On(string(calendar.DayOf(at))); st != license.StatusActive {
		return domain.Reject("license-not-active", "the license is "+string(st), "status", string(st))
	}
	return nil
}
