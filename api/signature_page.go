package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/api/web"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// maxSignature bounds the form that brings a signature.
const maxSignature = 1 << 20

// matter is what a page has signed: the request, or the decision on it.
type matter struct {
	state application.State
	page  web.Signing
	sign  func(context.Context, *byIDSigning) (*applicationReply, error) // as the API does
	over  bool                                                           // it was signed, and there is nothing left to show but what came of it
}

// signaturePages are the routes of a page at the path where what find finds is signed: the page, the exact
// bytes as a file, and where the signature is sent.
func (s *Server) signaturePages(path string, find func(*http.Request) (matter, error)) map[string]handler {
	return map[string]handler{
		"GET " + path:              func(w http.ResponseWriter, r *http.Request) error { return s.signaturePage(w, r, find) },
		"GET " + path + "/content": func(w http.ResponseWriter, r *http.Request) error { return contentFile(w, r, find) },
		"POST " + path:             func(w http.ResponseWriter, r *http.Request) error { return s.takeSignature(w, r, find) },
	}
}

// requestToSign is an application whose content the caller signs.
func (s *Server) requestToSign(r *http.Request) (matter, error) {
	state, err := s.load(r.Context(), r.PathValue("id"))
	if err == nil {
		err = visitOf(r.Context()).caller.mayEnter(state)
	}
	if err != nil {
		return matter{}, err
	}
	if state.Form == nil {
		return matter{}, domain.Reject("form-required", "there is nothing to sign before the form is filed")
	}
	page := web.Signing{
		Action: web.SignatureURL(state.ID), Content: state.Content(), Open: state.AwaitsSignature(), Final: state.Action == regulation.ChooseCertificate,
		Waits: state.Pending != nil && state.Pending.Purpose != signing.Decision,
	}
	return s.matter(r, state, page, "signing.title", s.sign), nil
}

// decisionToSign is the draft of the decision on an application, which the authorized person signs.
func (s *Server) decisionToSign(r *http.Request) (matter, error) {
	state, err := s.load(r.Context(), r.PathValue("id"))
	if err == nil {
		err = visitOf(r.Context()).caller.mayDecide(state)
	}
	if err != nil {
		return matter{}, err
	}
	if state.Draft == nil && decided(state) {
		return matter{state: state, over: true}, nil
	}
	if state.Draft == nil {
		return matter{}, domain.Reject("draft-required", "there is no draft of a decision to sign")
	}
	page := web.Signing{
		Action: web.DecisionURL(state.ID), Content: state.Draft.Content, Open: !decided(state),
		Waits: state.Pending != nil && state.Pending.Purpose == signing.Decision,
	}
	return s.matter(r, state, page, "signing.decision-title", s.signDecision), nil
}

// decided reports whether the draft is a decision by now, or can be none any more.
func decided(s application.State) bool { return s.Approval != nil || s.Over() }

// matter completes a page. Its form carries a key of its own, so that sending it twice does nothing twice, and
// the digest of what it shows.
func (s *Server) matter(r *http.Request, state application.State, page web.Signing, title string, sign func(context.Context, *byIDSigning) (*applicationReply, error)) matter {
	page.Title = s.site.ApplicationTitle(r, title, state.ID, state.Number)
	page.Back = back(state)
	page.Hidden = []web.Hidden{{Name: "key", Value: uuid.NewString()}, {Name: "shown", Value: signing.Digest(page.Content)}}
	return matter{state: state, page: page, sign: sign}
}

// back is the page of the application.
func back(state application.State) string { return "/applications/" + state.ID }

// signs reports whether the caller is the one to sign the application now.
func (c caller) signs(s application.State) bool {
	return entrants.roles[c.Actor.Role] != nothing && c.mayEnter(s) == nil && s.AwaitsSignature() && s.Pending == nil
}

// decides reports whether the caller is the one to sign the decision now.
func (c caller) decides(s application.State) bool {
	return heads.roles[c.Actor.Role] != nothing && c.mayDecide(s) == nil && s.Draft != nil && s.Pending == nil && !decided(s)
}

// signaturePage shows what there is to sign.
func (s *Server) signaturePage(w http.ResponseWriter, r *http.Request, find func(*http.Request) (matter, error)) error {
	m, err := find(r)
	if err != nil {
		return err
	}
	if m.over {
		http.Redirect(w, r, back(m.state), http.StatusSeeOther)
		return nil
	}
	return s.site.AskSignature(w, r, http.StatusOK, m.page)
}

// contentFile gives the exact bytes as a file, to be signed in another program.
func contentFile(w http.ResponseWriter, r *http.Request, find func(*http.Request) (matter, error)) error {
	m, err := find(r)
	if err == nil && m.over {
		err = fmt.Errorf("content of %s: %w", m.state.ID, domain.ErrNotFound)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+m.state.ID+`.json"`)
	_, err = w.Write(m.page.Content)
	return err
}

// takeSignature signs with what the form brought, as the API would. What a person can do something about is
// told on the page itself.
func (s *Server) takeSignature(w http.ResponseWriter, r *http.Request, find func(*http.Request) (matter, error)) error {
	ctx := r.Context()
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrForbidden, err)
	}
	m, err := find(r)
	if err != nil {
		return err
	}
	if m.over { // sent twice
		http.Redirect(w, r, back(m.state), http.StatusSeeOther)
		return nil
	}
	signature, err := sentSignature(w, r)
	if err == nil && r.PostForm.Get("shown") != signing.Digest(m.page.Content) {
		err = domain.Reject("signed-other-content", "the page showed other content")
	}
	if err == nil {
		err = s.signSent(r, m, signature)
	}
	if err == nil {
		http.Redirect(w, r, back(m.state), http.StatusSeeOther)
		return nil
	}
	p := s.problem(ctx, err)
	if p.Status != http.StatusConflict && p.Status != http.StatusUnprocessableEntity && p.Status != http.StatusServiceUnavailable {
		return err
	}
	m.page.Code, m.page.Problem, m.page.Detail = p.Code, p.Title, p.Detail
	if rejection := (*domain.Rejection)(nil); errors.As(err, &rejection) && rejection.Params["signature"] != "" {
		m.page.Code = "signature-refused" // one text for all reasons
	}
	return s.site.AskSignature(w, r, p.Status, m.page)
}

// signSent signs under the form's own key.
func (s *Server) signSent(r *http.Request, m matter, signature string) error {
	key := r.PostForm.Get("key")
	if key == "" || !visible(key) {
		return fail("idempotency-key-invalid", domain.ErrInvalid)
	}
	v := visitOf(r.Context())
	v.write = newWrite(key, r.Method+" "+r.URL.Path, []byte(signature), v.caller)
	_, err := m.sign(r.Context(), &byIDSigning{ByID{m.state.ID}, v1.Signing{Signature: signature}})
	return err
}

// sentSignature reads the form: a file, or text, and not both. It is given in base64, as programs send it.
func sentSignature(w http.ResponseWriter, r *http.Request) (string, error) {
	defer hurry(w, bodyTime)()
	r.Body = http.MaxBytesReader(w, r.Body, maxSignature)
	if err := r.ParseMultipartForm(maxSignature); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return "", bodyError(err, maxSignature)
	}
	text := strings.TrimSpace(r.PostForm.Get("signature"))
	file, err := sentFile(r)
	if err != nil {
		return "", err
	}
	if (text == "") == (len(file) == 0) {
		return "", fail("signature-required", errUnprocessable)
	}
	if strings.HasPrefix(text, "-----BEGIN ") { // PEM is a signature as it is, like a file
		text, file = "", []byte(text)
	}
	if text == "" {
		text = base64.StdEncoding.EncodeToString(file)
	}
	return text, nil
}

// sentFile is the file of the form, nil where none was chosen.
func sentFile(r *http.Request) ([]byte, error) {
	file, _, err := r.FormFile("cms")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("file with a signature: %w: %w", domain.ErrInvalid, err)
	}
	defer file.Close()
	return io.ReadAll(file) // it is no larger than the body was
}
