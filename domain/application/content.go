package application

import (
	"encoding/json"
	"fmt"

	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Content is what is signed: the application's content as canonical JSON, the same bytes for ever.
func (s State) Content() []byte {
	content, err := json.Marshal(struct {
		Application string             `json:"application"`
		Service     string             `json:"service"`
		Act         string             `json:"act"`
		Request     regulation.Request `json:"request"`
		Applicant   string             `json:"applicant"`
		License     string             `json:"license,omitempty"`
		Reason      ReissueReason      `json:"reason,omitempty"`
		Form        *Form              `json:"form"`
		Documents   []Document         `json:"documents"`
	}{s.ID, s.Service, s.Act, s.Request, s.Applicant.ID, s.License, s.Reason, s.Form, s.Documents})
	if err != nil {
		panic(fmt.Sprintf("application content: %v", err)) // strings and integers always encode
	}
	return content
}

// ContentDigest is the SHA-256 of Content, hex.
func (s State) ContentDigest() string { return signing.Digest(s.Content()) }
