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
)

// maxSignature bounds the form that brings a signature.
const maxSignature = 1 << 20

// signs reports whether the caller is the one to sign the application now.
func (c caller) signs(s application.State) bool {
	return entrants.roles[c.Actor.Role] != nothing && c.mayEnter(s) == nil && s.AwaitsSignature()
}

// signable loads an application whose content the caller signs.
func (s *Server) signable(ctx context.Context, id string) (application.State, error) {
	state, err := s.load(ctx, id)
	if err == nil {
		err = visitOf(ctx).caller.mayEnter(state)
	}
	if err == nil && state.Form == nil {
		err = domain.Reject("form-required", "there is nothing to sign before the form is filed")
	}
	return state, err
}

// signaturePage shows what there is to sign.
func (s *Server) signaturePage(w http.ResponseWriter, r *http.Request) error {
	state, err := s.signable(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.site.AskSignature(w, r, http.StatusOK, s.signing(r, state, uuid.NewString()))
}

// signing is what the page shows of the application. The form carries a key of its own, so that sending it
// twice does nothing twice, and the digest of what it shows.
func (s *Server) signing(r *http.Request, state application.State, key string) web.Signing {
	return web.Signing{
		Title: s.site.ApplicationTitle(r, state.ID, state.Number), Back: "/applications/" + state.ID, Action: web.SignatureURL(state.ID),
		Content: state.Content(), Open: visitOf(r.Context()).caller.signs(state), Final: state.Action == regulation.ChooseCertificate,
		Hidden: []web.Hidden{{Name: "key", Value: key}, {Name: "shown", Value: state.ContentDigest()}},
	}
}

// contentFile gives the exact bytes as a file, to be signed in another program.
func (s *Server) contentFile(w http.ResponseWriter, r *http.Request) error {
	state, err := s.signable(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+state.ID+`.json"`)
	_, err = w.Write(state.Content())
	return err
}

// takeSignature signs with what the form brought, as the API would. What a person can do something about is
// told on the page itself.
func (s *Server) takeSignature(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrForbidden, err)
	}
	state, err := s.signable(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	signature, err := sentSignature(w, r)
	if err == nil && r.PostForm.Get("shown") != state.ContentDigest() {
		err = domain.Reject("signed-other-content", "the page showed other content")
	}
	if err == nil {
		err = s.signSent(ctx, state.ID, r, signature)
	}
	if err == nil {
		http.Redirect(w, r, "/applications/"+state.ID, http.StatusSeeOther)
		return nil
	}
	p := s.problem(ctx, err)
	if p.Status != http.StatusConflict && p.Status != http.StatusUnprocessableEntity && p.Status != http.StatusServiceUnavailable {
		return err
	}
	page := s.signing(r, state, uuid.NewString())
	page.Code, page.Problem, page.Detail = p.Code, p.Title, p.Detail
	return s.site.AskSignature(w, r, p.Status, page)
}

// signSent signs under the form's own key.
func (s *Server) signSent(ctx context.Context, id string, r *http.Request, signature string) error {
	key := r.PostForm.Get("key")
	if key == "" || !visible(key) {
		return fail("idempotency-key-invalid", domain.ErrInvalid)
	}
	v := visitOf(ctx)
	v.write = newWrite(key, r.Method+" "+r.URL.Path, []byte(signature), v.caller)
	_, err := s.sign(ctx, &byIDSigning{ByID{id}, v1.Signing{Signature: signature}})
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
