package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	book "github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/signing"
)

// certified lets in by the demonstration's signatures, as cmd does by real ones.
func (w *world) certified() {
	w.t.Helper()
	w.cfg.Certificates = true
	w.reopen(func(c *book.Config) {
		c.Verify = func(ctx context.Context, challenge, cms []byte) (book.Certificate, error) {
			v, err := verifier{w}.Verify(ctx, signing.Claim{Signed: challenge, CMS: cms})
			switch {
			case err != nil:
				return book.Certificate{}, err
			case v.Outcome == signing.Pending:
				return book.Certificate{}, fmt.Errorf("verifier: %w", domain.ErrUnavailable)
			case v.Outcome != signing.Valid:
				return book.Certificate{}, domain.Reject(book.CodeCertificate, string(v.Reason))
			}
			return book.Certificate{IIN: v.IIN, Name: "Holder of the certificate"}, nil
		}
	})
}

// proven is a login by a challenge that the subject signed.
func (w *world) proven(subject string) v1.Login {
	w.t.Helper()
	challenge := decode[v1.Challenge](w.call("", "POST", "/api/v1/challenges", nil, "Idempotency-Key", "").want(201)).Challenge
	cms := must(json.Marshal(markOf(challenge, subject)))
	return v1.Login{Challenge: challenge, Signature: base64.StdEncoding.EncodeToString(cms)}
}

// TestLoginByCertificate: a signed challenge lets in, once, within its time, and into one's own account.
func TestLoginByCertificate(t *testing.T) {
	w := newWorld(t)
	w.certified()
	in := w.proven(person)
	session := decode[v1.Session](w.call("", "POST", "/api/v1/sessions", in).want(201))
	if session.Self.ID != "person" || session.Self.Identifier != person || session.Self.As.Role != "applicant" {
		t.Errorf("logged in as %+v", session.Self)
	}
	if !strings.Contains(in.Challenge, "https://licenses.test") {
		t.Errorf("challenge %q", in.Challenge)
	}
	w.call("", "POST", "/api/v1/sessions", in).want(401, "challenge-refused") // replayed
	a := app(w.bearer(session.Token, "POST", "/api/v1/applications", v1.Opening{
		Service: "private-bailiff-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: person},
	}).want(201))
	w.call("person", "GET", at(a.ID, ""), nil).want(200)

	newcomer := decode[v1.Session](w.call("", "POST", "/api/v1/sessions", w.proven("990101450026")).want(201)).Self
	if again := decode[v1.Session](w.call("", "POST", "/api/v1/sessions", w.proven("990101450026")).want(201)).Self; again.ID != newcomer.ID {
		t.Errorf("first %+v, then %+v", newcomer, again)
	}

	old := w.proven(person)
	w.clock.pass(5 * time.Minute)
	w.call("", "POST", "/api/v1/sessions", old).want(401, "challenge-refused")
	made := w.proven(person)
	made.Challenge = strings.Replace(made.Challenge, "until 2026", "until 2027", 1)
	w.call("", "POST", "/api/v1/sessions", made).want(401, "challenge-refused")
	other := w.proven(person)
	other.Signature = w.proven(person).Signature // over another challenge
	w.call("", "POST", "/api/v1/sessions", other).want(401, "certificate-refused")
	broken := w.proven(person)
	broken.Signature = "AAAA"
	w.call("", "POST", "/api/v1/sessions", broken).want(422, "signature-malformed")
	w.blind.Store(true)
	kept := w.proven(person)
	w.call("", "POST", "/api/v1/sessions", kept).want(503, "unavailable")
	w.blind.Store(false)
	w.call("", "POST", "/api/v1/sessions", kept).want(201) // the same may be brought again
}

var challengeForm = regexp.MustCompile(`(?s)<form [^>]*action="/login/certificate"[^>]*method="post"[^>]*data-ncalayer data-ncalayer-bytes="([^"]*)" data-ncalayer-field="signature" data-ncalayer-purpose="authentication">.*name="challenge" value="([^"]*)"`)

// TestLoginByCertificateOnThePage: the form shows what to sign, and takes the signature as text or as a file.
func TestLoginByCertificateOnThePage(t *testing.T) {
	w := newWorld(t)
	if strings.Contains(w.call("", "GET", "/login", nil).want(200).body, "/login/certificate") {
		t.Error("the page offers what there is not")
	}
	w.certified()
	challenge := func() (string, []byte) {
		t.Helper()
		page := w.call("", "GET", "/login?lang=kk", nil).want(200).body
		found := challengeForm.FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no form to sign in %s", page)
		}
		text := html.UnescapeString(found[2])
		if bytes := string(must(base64.StdEncoding.DecodeString(html.UnescapeString(found[1])))); bytes != text {
			t.Errorf("to sign are %q, the challenge is %q", bytes, text)
		}
		if !strings.Contains(page, `href="data:application/octet-stream;base64,`) {
			t.Error("the page gives no file to sign")
		}
		return text, must(json.Marshal(markOf(text, person)))
	}
	text, cms := challenge()
	r := w.submit("/login/certificate", url.Values{"challenge": {text}, "signature": {base64.StdEncoding.EncodeToString(cms)}, "next": {"/account"}}).want(303)
	if c := cookie(t, r); r.header.Get("Location") != "/account" || !w.in(c.Name+"="+c.Value) {
		t.Errorf("goes on to %q", r.header.Get("Location"))
	}
	w.contains(w.submit("/login/certificate", url.Values{"challenge": {text}, "signature": {base64.StdEncoding.EncodeToString(cms)}}).want(422).body, `role="alert"`)

	text, cms = challenge()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("challenge", text)
	_ = form.WriteField("signature", "")
	file := must(form.CreateFormFile("cms", "login.cms"))
	must(file.Write(cms))
	_ = form.Close()
	w.call("", "POST", "/login/certificate", body.Bytes(), "Content-Type", form.FormDataContentType(), "Sec-Fetch-Site", "same-origin").want(303)
	w.contains(w.submit("/login/certificate", url.Values{"challenge": {text}}).want(422).body, `role="alert"`) // no signature at all
	w.submit("/login/certificate", url.Values{"challenge": {text}}, "Sec-Fetch-Site", "cross-site").want(403)
}
