package application

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

// NewLicense is the license that the application asks for, without its number, days, and what the
// decision adds. predecessor is the license that it takes the place of, nil where there is none: of that it
// keeps the date of first issue, the term, and whatever the application did not ask to change.
func (s State) NewLicense(service *regulation.Service, predecessor *license.State) license.Issued {
	l := license.Issued{
		Kind: service.Result, Service: s.Service, Act: s.Act,
		Activity: service.Activity, Licensor: s.Licensor, LicensorTitle: service.Licensor.Title,
		Licensee:      license.Licensee{ID: s.Applicant.ID, Name: s.Form.Name, Address: s.Form.Address},
		Subactivities: s.Form.Subactivities, Application: s.ID, Reason: string(s.Reason),
	}
	if s.Confirmed && s.Applicant.Name != "" { // the registers know the name better than the form
		l.Licensee.Name = s.Applicant.Name
	}
	if l.Licensee.Address == "" {
		l.Licensee.Address = s.Applicant.Address
	}
	for i, site := range s.Form.Sites {
		l.Sites = append(l.Sites, license.Site{ID: strconv.Itoa(i + 1), Kind: site.Kind, Name: site.Name, Address: site.Address})
	}
	if predecessor == nil {
		return l
	}
	l.Predecessor, l.FirstIssuedOn, l.ValidUntil = predecessor.Number, predecessor.FirstIssuedOn, predecessor.ValidUntil
	if s.Form.Address == "" && l.Licensee.ID == predecessor.Licensee.ID {
		l.Licensee.Address = predecessor.Licensee.Address
	}
	if len(l.Subactivities) == 0 {
		l.Subactivities = predecessor.Subactivities
	}
	if len(l.Sites) == 0 {
		l.Sites = predecessor.Sites
	}
	return l
}

// licenseToBe is what a decision says of the license that comes of it.
type licenseToBe struct {
	Kind          string           `json:"kind"`
	Activity      regulation.Text  `json:"activity"`
	Subactivities []string         `json:"subactivities,omitempty"`
	Licensee      license.Licensee `json:"licensee"`
	Sites         []license.Site   `json:"sites,omitempty"`
	FirstIssuedOn string           `json:"first_issued_on,omitempty"`
	ValidUntil    string           `json:"valid_until,omitempty"`
	Predecessor   string           `json:"predecessor,omitempty"`
}

// decisionContent is what is signed: the decision with all that it says, and the license that is to come of
// an approval, as canonical JSON. A duplicate makes no new license.
func (w way) decisionContent(s State, d Decision, concerns *license.State) (json.RawMessage, error) {
	content := struct {
		Application  string             `json:"application"`
		Number       string             `json:"number"`
		RegisteredOn string             `json:"registered_on"`
		Service      string             `json:"service"`
		Act          string             `json:"act"`
		Request      regulation.Request `json:"request"`
		Licensor     string             `json:"licensor"`
		Applicant    Applicant          `json:"applicant"`
		Concerned    string             `json:"license_concerned,omitempty"`
		Decision
		License *licenseToBe `json:"license,omitempty"`
	}{s.ID, s.Number, s.RegisteredOn, s.Service, s.Act, s.Request, s.Licensor, s.Applicant, s.License, d, nil}
	if d.Decision == Approve && s.Request != regulation.Duplicate {
		l := s.NewLicense(w.proc.Service, concerns)
		if concerns == nil {
			l.ValidUntil = d.ValidUntil
		}
		content.License = &licenseToBe{
			l.Kind, l.Activity, l.Subactivities, l.Licensee, l.Sites, l.FirstIssuedOn, l.ValidUntil, l.Predecessor,
		}
	}
	text, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("content of the decision: %w", err)
	}
	return text, nil
}
