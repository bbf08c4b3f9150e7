package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

// actions says which action each route is, and so who may use it.
var actions = map[string]access.Action{
	"GET /api/v1/services":                                          access.ReadServices,
	"GET /api/v1/services/{slug}":                                   access.ReadServices,
	"GET /api/v1/services/{slug}/procedures/{channel}":              access.ReadServices,
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.svg":  access.ReadServices,
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.bpmn": access.ReadServices,

	"POST /api/v1/applications":                         access.OpenApplication,
	"GET /api/v1/applications":                          access.ReadApplications,
	"GET /api/v1/applications/{id}":                     access.ReadApplications,
	"GET /api/v1/applications/{id}/history":             access.ReadApplications,
	"GET /api/v1/applications/{id}/diagram.svg":         access.ReadApplications,
	"GET /api/v1/applications/{id}/deadlines":           access.ReadApplications,
	"PUT /api/v1/applications/{id}/form":                access.FillApplication,
	"POST /api/v1/applications/{id}/documents":          access.FillApplication,
	"GET /api/v1/applications/{id}/documents/{sha256}":  access.ReadApplications,
	"POST /api/v1/applications/{id}/payment":            access.PayApplication,
	"GET /api/v1/applications/{id}/signature":           access.ReadApplications,
	"POST /api/v1/applications/{id}/signature":          access.SignApplication,
	"POST /api/v1/applications/{id}/registration":       access.RegisterApplication,
	"POST /api/v1/applications/{id}/decision":           access.DecideApplication,
	"GET /api/v1/applications/{id}/decision/signature":  access.DecideApplication,
	"POST /api/v1/applications/{id}/decision/signature": access.SignDecision,
	"GET /api/v1/applications/{id}/evidence":            access.ReadApplications,
	"GET /api/v1/applications/{id}/evidence/{sha256}":   access.ReadApplications,
	"POST /api/v1/applications/{id}/withdrawal":         access.WithdrawApplication,
	"POST /api/v1/applications/{id}/delivery":           access.DeliverResult,
	"POST /api/v1/applications/{id}/rating":             access.RateService,
	"POST /api/v1/payments/callback":                    access.NotifyPaid,
	"GET /api/v1/licenses":                              access.ReadLicenses,
	"GET /api/v1/licenses.csv":                          access.ReadLicenses,
	"GET /api/v1/licenses/{number}":                     access.ReadLicenses,
	"GET /api/v1/licenses/{number}/history":             access.ReadLicenses,
	"GET /api/v1/licenses/{number}/signature":           access.SignLicense,
	"POST /api/v1/licenses/{number}/signature":          access.SignLicense,
	"GET /api/v1/licenses/{number}/evidence":            access.ReadEvidence,
	"POST /api/v1/licenses/{number}/suspension":         access.SuspendLicense,
	"POST /api/v1/licenses/{number}/resumption":         access.ResumeLicense,
	"POST /api/v1/licenses/{number}/termination":        access.TerminateLicense,
	"POST /api/v1/licenses/{number}/sites":              access.ChangeSites,
	"DELETE /api/v1/licenses/{number}/sites/{id}":       access.ChangeSites,
	"GET /api/v1/deadlines":                             access.ReadFigures,
	"GET /api/v1/deadlines/steps":                       access.ReadFigures,
	"GET /api/v1/deadlines/overdue":                     access.ReadVisits,
	"GET /api/v1/deadlines/visits":                      access.ReadVisits,
	"GET /api/v1/deadlines.csv":                         access.ReadFigures,
	"GET /api/v1/deadlines/steps.csv":                   access.ReadFigures,
	"GET /api/v1/deadlines/visits.csv":                  access.ReadVisits,
	"GET /api/v1/events":                                access.ReadEvents,
	"GET /api/v1/calendar/explanation":                  access.ReadCalendar,
	"GET /api/v1/calendar/years/{year}":                 access.ReadCalendar,

	"GET /openapi.json":              access.ReadServer,
	"GET /metrics":                   access.ReadServer,
	"GET /livez":                     access.ReadServer,
	"GET /readyz":                    access.ReadServer,
	"GET /{$}":                       access.ReadPages,
	"GET /licenses/{number}":         access.ReadPages,
	"GET /services":                  access.ReadPages,
	"GET /services/{slug}":           access.ReadPages,
	"GET /services/{slug}/{channel}": access.ReadPages,
	"GET /deadlines":                 access.ReadPages,
	"GET /deadlines/visits":          access.ReadVisits,
	"GET /applications/{id}":         access.ReadApplications,

	"GET /applications/{id}/signature":         access.SignApplication,
	"POST /applications/{id}/signature":        access.SignApplication,
	"GET /applications/{id}/signature/content": access.SignApplication,

	"GET /applications/{id}/decision/signature":         access.SignDecision,
	"POST /applications/{id}/decision/signature":        access.SignDecision,
	"GET /applications/{id}/decision/signature/content": access.SignDecision,

	"GET /licenses/{number}/signature":         access.SignLicense,
	"POST /licenses/{number}/signature":        access.SignLicense,
	"GET /licenses/{number}/signature/content": access.SignLicense,

	"GET /calendar":      access.ReadPages,
	"GET /login":         access.LogIn,
	"POST /login":        access.LogIn,
	"POST /logout":       access.LogIn,
	"GET /static/{file}": access.ReadServer,
}

// TestGateIsTheTable: every route is one action of the table of who may do what, and the gate lets
// through exactly whom the table does.
func TestGateIsTheTable(t *testing.T) {
	for route, rule := range rules {
		action, ok := actions[route]
		if !ok {
			t.Errorf("%s is no action", route)
			continue
		}
		if rule.public != access.Public(action) {
			t.Errorf("%s (%s): public %v, in the table %v", route, action, rule.public, !rule.public)
		}
		want, got := map[domain.Role]string{}, map[domain.Role]string{}
		for _, role := range access.Roles() {
			want[role], got[role] = access.Allowed(role, action).String(), access.Scope(rule.roles[role]).String()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (%s): the table and the gate differ:\n%s", route, action, diff)
		}
	}
	for route := range actions {
		if _, ok := rules[route]; !ok {
			t.Errorf("%s is no route", route)
		}
	}
}
