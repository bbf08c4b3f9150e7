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
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// maxSignature bounds the form that brings a signature.
const maxSignature = 1 << 20

// matter is what a page has signed: a request, the decision on it, or a license.
type matter struct {
	back string // address of what it belongs to
	name string // of its file, without the extension
	page web.Signing
	sign func(context.Context, v1.Signing) error // as the API does
	over bool                                    // it was signed, and there is nothing left to show but what came of it
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
	m := ofApplication(state)
	m.sign = func(ctx context.Context, b v1.Signing) error {
		_, err := s.sign(ctx, &byIDSigning{ByID{state.ID}, b})
		return err
	}
	m.page = web.Signing{
		Title:  s.site.ApplicationTitle(r, "signing.title", state.ID, state.Number),
		Action: web.SignatureURL(state.ID), Content: state.Content(), Open: state.AwaitsSignature(), Final: state.Action == regulation.ChooseCertificate,
		Waits: state.Pending != nil && state.Pending.Purpose != signing.Decision,
	}
	return m, nil
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
	m := ofApplication(state)
	if m.over = state.Draft == nil && decided(state); m.over {
		return m, nil
	}
	if state.Draft == nil {
		return matter{}, domain.Reject("draft-required", "there is no draft of a decision to sign")
	}
	m.sign = func(ctx context.Context, b v1.Signing) error {
		_, err := s.signDecision(ctx, &byIDSigning{ByID{state.ID}, b})
		return err
	}
	m.page = web.Signing{
		Title:  s.site.ApplicationTitle(r, "signing.decision-title", state.ID, state.Number),
		Action: web.DecisionURL(state.ID), Content: state.Draft.Content, Open: !decided(state),
		Waits: state.Pending != nil && state.Pending.Purpose == signing.Decision,
	}
	return m, nil
}

func ofApplication(state application.State) matter {
	return matter{back: "/applications/" + state.ID, name: state.ID}
}

// decided reports whether the draft is a decision by now, or can be none any more.
func decided(s application.State) bool { return s.Approval != nil || s.Over() }

// licenseToSign is a license as it was issued, which the authorized person signs.
func (s *Server) licenseToSign(r *http.Request) (matter, error) {
	by := ByNumber{r.PathValue("number")}
	l, err := s.changeable(r.Context(), by)
	if err != nil {
		return matter{}, err
	}
	number := l.Number
	return matter{
		back: "/licenses/" + number, name: number, over: l.Signed != nil,
		sign: func(ctx context.Context, b v1.Signing) error {
			_, err := s.signLicense(ctx, &byNumberSigning{by, b})
			return err
		},
		page: web.Signing{
			Title:  s.site.LicenseTitle(r, number),
			Action: web.LicenseSignatureURL(number), Content: l.Content(), Within: "license", Open: l.Successor == "" && l.End == nil,
			Waits: l.Pending != nil,
		},
	}, nil
}

// signs reports whether the caller is the one to sign the application now.
func (c caller) signs(s application.State) bool {
	return c.Grant.Allowed(access.SignApplication) != nothing && c.mayEnter(s) == nil && s.AwaitsSignature() && s.Pending == nil
}

// decides reports whether the caller is the one to sign the decision now.
func (c caller) decides(s application.State) bool {
	return c.Grant.Allowed(access.SignDecision) != nothing && c.mayDecide(s) == nil && s.Draft != nil && s.Pending == nil && !decided(s)
}

// seals reports whether the caller is the one to sign the licensor's licenses, but for their own.
func (c caller) seals(licensorSlug, licensee string) bool {
	return c.Grant.Allowed(access.SignLicense) != nothing && c.Actor.Organization == licensorSlug && (c.Identifier == "" || c.Identifier != licensee)
}

// signaturePage shows what there is to sign.
func (s *Server) signaturePage(w http.ResponseWriter, r *http.Request, find func(*http.Request) (matter, error)) error {
	m, err := find(r)
	if err != nil {
		return err
	}
	if m.over {
		http.Redirect(w, r, m.back, http.StatusSeeOther)
		return nil
	}
	return s.ask(w, r, http.StatusOK, m)
}

// ask shows the page. Its form carries a key of its own, so that sending it twice does nothing twice, and the
// digest of what it shows.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, status int, m matter) error {
	m.page.Back = m.back
	m.page.Hidden = []web.Hidden{{Name: "key", Value: uuid.NewString()}, {Name: "shown", Value: signing.Digest(m.page.Content)}}
	return s.site.AskSignature(w, r, status, m.page)
}

// contentFile gives the exact bytes as a file, to be signed in another program.
func contentFile(w http.ResponseWriter, r *http.Request, find func(*http.Request) (matter, error)) error {
	m, err := find(r)
	if err == nil && m.over {
		err = fmt.Errorf("content of %s: %w", m.name, domain.ErrNotFound)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+m.name+`.json"`)
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
		http.Redirect(w, r, m.back, http.StatusSeeOther)
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
		http.Redirect(w, r, m.back, http.StatusSeeOther)
		return nil
	}
	switch s.answer(err, visitOf(ctx).lang).Status {
	case http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable:
	default:
		return err
	}
	p := s.problem(ctx, err)
	m.page.Code, m.page.Problem, m.page.Detail = p.Code, p.Title, p.Detail
	if rejection := (*domain.Rejection)(nil); errors.As(err, &rejection) && rejection.Params["signature"] != "" {
		m.page.Code = "signature-refused" // one text for all reasons
	}
	return s.ask(w, r, p.Status, m)
}

// signSent signs under the form's own key.
func (s *Server) signSent(r *http.Request, m matter, signature string) error {
	key := r.PostForm.Get("key")
	if key == "" || !visible(key) {
		return fail("idempotency-key-invalid", domain.ErrInvalid)
	}
	v := visitOf(r.Context())
	v.write = newWrite(key, r.Method+" "+r.URL.Path, []byte(signature), v.caller)
	return m.sign(r.Context(), v1.Signing{Signature: signature})
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
