package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/signing"
)

// mediaCRL is the media type of a list of revoked certificates.
const mediaCRL = "application/pkix-crl"

type evidenceReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.Evidence
}

// evidence gives every signature of the application that was judged, with what was signed and what the
// verdict rests on.
func (s *Server) evidence(ctx context.Context, in *ByID) (*evidenceReply, error) {
	found, err := s.kept(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.replyEvidence(found), nil
}

func (s *Server) replyEvidence(found []signing.Evidence) *evidenceReply {
	out := &evidenceReply{Position: positionText(s.cfg.Follower.Head()), Body: v1.Evidence{Items: []v1.Judged{}}}
	for _, e := range found {
		out.Body.Items = append(out.Body.Items, v1.Judged{
			Event: e.Event.String(), Type: e.Type, Time: e.Time, Purpose: string(e.Purpose), Signed: e.Signed, Evidence: e.Document,
		})
	}
	return out
}

// kept is the evidence that the caller sees.
func (s *Server) kept(ctx context.Context, id string) ([]signing.Evidence, error) {
	state, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	found, err := application.EvidenceOf(s.cfg.Store.Read(ctx, domain.Stream{Category: domain.ApplicationCategory, ID: state.ID}, 1))
	if err != nil {
		return nil, fmt.Errorf("evidence of %s: %w", state.ID, err)
	}
	return visitOf(ctx).caller.shown(found), nil
}

// shown is the evidence that the caller sees. A decision that was made is addressed to the applicant, who may
// verify it, which shows the certificate of who signed; a signature that was not accepted is the licensor's own
// matter, and an operator's the service center's.
func (c caller) shown(found []signing.Evidence) []signing.Evidence {
	return slices.DeleteFunc(found, func(e signing.Evidence) bool {
		switch {
		case c.inside():
			return false
		case e.Purpose == signing.Entry:
			return c.reach != center
		}
		return e.Purpose == signing.Decision && discarded[e.Type]
	})
}

// discarded are the types of events with a signature that was not accepted.
var discarded = types(application.SignatureDiscarded{}, license.SignatureDiscarded{})

// types are the types of events.
func types(events ...domain.Payload) map[string]bool {
	all := map[string]bool{}
	for _, e := range events {
		token, _ := e.EventType()
		all[token] = true
	}
	return all
}

// evidenceList gives a list of revoked certificates that the evidence of the application names.
func (s *Server) evidenceList(w http.ResponseWriter, r *http.Request) error {
	found, err := s.kept(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	digest, named := r.PathValue("sha256"), false
	for _, e := range found {
		named = named || bytes.Contains(e.Document, fmt.Appendf(nil, `"sha256":%q`, digest))
	}
	if !named || !digestForm.MatchString(digest) {
		return fmt.Errorf("no evidence of it names the list: %w", domain.ErrNotFound)
	}
	content, _, err := s.cfg.Blobs.Get(r.Context(), digest)
	if err != nil {
		return err
	}
	defer content.Close()
	w.Header().Set("Content-Type", mediaCRL)
	_, err = io.Copy(w, content)
	return err
}

// ofLicensor are the types of events that are the licensor's own matter: what became of a license's signature
// before there was one.
var ofLicensor = types(license.SignatureReceived{}, license.SignatureDiscarded{})

// bare is the data of an event of the type without what the evidence holds: that has an address of its own. Whoever does
// not work for the licensor (inside) learns nothing of a decision that is not made, and here of those who signed
// no identifier but their own: that of a decision's signature comes with its evidence.
func bare(eventType string, data map[string]any, inside bool, own string) map[string]any {
	_, drafted := data["drafter"]
	if !inside && (drafted || data["content"] != nil || data["purpose"] == string(signing.Decision) || ofLicensor[eventType]) {
		return map[string]any{}
	}
	delete(data, "evidence")
	delete(data, "cms")
	if signature, ok := data["signature"].(map[string]any); ok {
		delete(signature, "evidence")
		hide(signature, inside, own)
	}
	hide(data, inside, own)
	return data
}

// hide takes out whose certificate it was, or has to be.
func hide(data map[string]any, inside bool, own string) {
	if inside {
		return
	}
	delete(data, "signer")
	delete(data, "person")
	if data["subject"] != own {
		delete(data, "subject")
	}
}
