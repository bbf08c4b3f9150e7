package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"html"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	pki "github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/signing"
)

// certified judges real signatures by a demo certificate authority, with keys for a person and a stranger.
type certified struct {
	*pki.Verifier
	authority *demo.Authority
	server    *httptest.Server
}

func (c *certified) Verify(ctx context.Context, claim signing.Claim) (signing.Verdict, error) {
	v, evidence, err := c.Verifier.Verify(ctx, pki.Claim{
		Signed: claim.Signed, CMS: claim.CMS, Purpose: pki.Purpose(claim.Purpose), Who: pki.Who(claim.Signer), Received: claim.Received,
	})
	if err != nil {
		return signing.Verdict{}, err
	}
	without, _ := evidence.Detach()
	text, err := without.Encode()
	return signing.Verdict{
		Outcome: signing.Outcome(v.Outcome), Reason: signing.Reason(v.Reason), IIN: v.Signer.IIN, BIN: v.Signer.BIN, Name: v.Signer.Name,
		Serial: v.Serial, Digest: v.Digest, Method: v.Method, Evidence: text,
	}, err
}

// trusting puts it into a world.
func (c *certified) trusting(t *testing.T) func(*api.Config) {
	return func(cfg *api.Config) {
		t.Helper()
		door := must(net.Listen("tcp", "127.0.0.1:0"))
		c.authority = must(demo.Open(demo.Config{Dir: t.TempDir(), URL: "http://" + door.Addr().String(), Now: cfg.Now, Logger: slog.New(slog.DiscardHandler)}))
		for _, h := range []demo.Holder{{ID: "person", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: person}, {ID: "clerk", Surname: "Мысалов", GivenName: "Қанат", IIN: clerk},
			{ID: "boss", Surname: "Сынақова", GivenName: "Әсел", IIN: boss, BIN: "050752006781", Organization: "Комитет", Role: pki.Head}} {
			if err := c.authority.Issue(h); err != nil {
				t.Fatal(err)
			}
		}
		c.server = &httptest.Server{Listener: door, Config: &http.Server{Handler: c.authority}}
		c.server.Start()
		t.Cleanup(c.server.Close)
		trust := must(pki.ReadTrust(c.authority.TrustDir()))
		trust.Now = cfg.Now
		c.Verifier = must(pki.New(trust))
		cfg.Verifier = c
	}
}

func (c *certified) key(holder string, usage demo.Usage) pki.Key {
	return must(c.authority.Key(holder, usage))
}

func (c *certified) sign(holder, content string) []byte {
	return must(c.key(holder, demo.Sign).Sign(context.Background(), []byte(content), pki.Signing{}))
}

// signable is an application of a person that waits to be signed, with all that a form can have.
func (w *world) signable() v1.Application {
	w.t.Helper()
	a := w.open("person", "private-bailiff-license", "portal", person)
	up := decode[v1.Uploaded](w.upload("person", a.ID, "%PDF-1.7 of "+a.ID).want(201))
	a = app(w.call("person", "PUT", at(a.ID, "/form"), v1.Filing{
		Form: v1.Form{
			Name: "Үлгібаев <Ерлан> & «Ко»", Address: "Алматы, Абай даңғылы, 1", Subactivities: []string{"бірінші", "екінші"}, Phone: "+7 701 000 00 00",
			Email: "a@example.kz", Note: "ескертпе", Sites: []v1.NewSite{{Kind: "branch", Name: "Филиал", Address: "Шымкент, 5"}, {Kind: "point", Address: "Тараз, 7"}},
		},
		Documents: []v1.Attached{{Name: "жарғы.pdf", SHA256: up.SHA256}, {Name: "скан.pdf", SHA256: up.SHA256, Paper: true}},
	}).want(200))
	if a.Step != nil && a.Step.Action == "pay" {
		a = w.pay(a)
	}
	if a.Step == nil || a.Step.Action != "choose-certificate" {
		w.t.Fatalf("does not wait to be signed: %+v", a)
	}
	return a
}

func signatureAt(id string) string { return "/applications/" + id + "/signature" }

// sent is what the form of the page is sent with.
type sent struct {
	text  string
	file  []byte
	other map[string]string // instead of what the page has
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// send sends the form as a browser without scripts does.
func (w *world) send(who, page, path string, s sent, header ...string) *reply {
	w.t.Helper()
	fields := map[string]string{"signature": s.text}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		fields[m[1]] = html.UnescapeString(m[2])
	}
	for name, value := range s.other {
		fields[name] = value
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			w.t.Fatal(err)
		}
	}
	name := ""
	if s.file != nil {
		name = "a.cms"
	}
	must(must(form.CreateFormFile("cms", name)).Write(s.file)) // without a file a browser sends an empty one
	if err := form.Close(); err != nil {
		w.t.Fatal(err)
	}
	return w.call(who, "POST", path, body.String(), append([]string{"Content-Type", form.FormDataContentType(), "Accept-Language", "en", "Idempotency-Key", ""}, header...)...)
}

func (w *world) refused(r *reply, status int, texts ...string) {
	w.t.Helper()
	w.contains(r.want(status).body, append([]string{`role="alert"`}, texts...)...)
	if strings.Contains(r.body, "GET …") || !strings.Contains(r.body, "data-ncalayer-bytes=") {
		w.t.Errorf("what a person cannot use, or no form:\n%s", r.body)
	}
}

// TestSignaturePage: what is shown is all of what is signed, and what is signed are just those bytes.
func TestSignaturePage(t *testing.T) {
	w := newWorld(t)
	a := w.signable()
	content := w.call("person", "GET", at(a.ID, "/signature"), nil).want(200).body
	var leaves []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case string:
			leaves = append(leaves, v)
		}
	}
	var parsed map[string]any
	if err := json.Unmarshal([]byte(content), &parsed); err != nil {
		t.Fatal(err)
	}
	walk(parsed)
	if len(leaves) < 20 {
		t.Fatalf("only %d values to sign", len(leaves))
	}
	words := map[string]map[string]string{
		"issue": {"kk": "беру", "ru": "выдача", "en": "issue"}, "branch": {"kk": "филиал", "ru": "филиал", "en": "branch"}, "point": {"kk": "пункт", "ru": "пункт", "en": "point"},
	}
	digest := sha256.Sum256([]byte(content))
	for lang, labels := range map[string][]string{
		"kk": {"Өтінімге қол қою", "Қағаз құжаттан сканерленген"}, "ru": {"Подписание запроса", "Отсканирован с бумажного документа"}, "en": {"Signing the request", "Scanned from paper"},
	} {
		page := w.pageAs("person", signatureAt(a.ID), lang, 200)
		w.contains(page, append(labels, hex.EncodeToString(digest[:]))...)
		for _, leaf := range leaves {
			if word := words[leaf][lang]; word != "" {
				leaf = word
			}
			if !strings.Contains(page, html.EscapeString(leaf)) && !strings.Contains(page, strings.ReplaceAll(html.EscapeString(leaf), "+", "&#43;")) {
				t.Errorf("in %s the page does not show %q", lang, leaf)
			}
		}
		m := regexp.MustCompile(`data-ncalayer-bytes="([^"]+)"`).FindStringSubmatch(page)
		if bytes, err := base64.StdEncoding.DecodeString(html.UnescapeString(m[1])); err != nil || string(bytes) != content {
			t.Errorf("%v: the page has %s signed, not %s", err, bytes, content)
		}
	}
	file := w.call("person", "GET", signatureAt(a.ID)+"/content", nil).want(200)
	if file.body != content || file.header.Get("Content-Disposition") != `attachment; filename="`+a.ID+`.json"` {
		t.Errorf("the file is %s %s", file.header.Get("Content-Disposition"), file.body)
	}
	link := `<a href="` + signatureAt(a.ID) + `">`
	w.contains(w.pageAs("person", "/applications/"+a.ID, "ru", 200), "Запрос ожидает подписания.", link)
	if strings.Contains(w.pageAs("auditor", "/applications/"+a.ID, "ru", 200), link) {
		t.Error("somebody is sent to sign what is not theirs to sign")
	}
	empty := w.open("person", "import-export-license", "portal", person)
	w.call("person", "GET", signatureAt(empty.ID), nil).want(409)
	w.call("person", "GET", signatureAt(empty.ID)+"/content", nil).want(409)
}

// TestEverythingSignedHasWords: no field that an application can have signed is shown by its bare name.
func TestEverythingSignedHasWords(t *testing.T) {
	w := newWorld(t)
	a := w.issued("company", "commodity-broker-license", company, "officer")
	b := app(w.call("company", "POST", "/api/v1/applications", v1.Opening{
		Service: "commodity-broker-license", Channel: "portal", Request: "reissue", License: a.Result, Reason: "name", Applicant: v1.Applicant{ID: company},
	}).want(201))
	b = w.file("company", b.ID)
	if b.Step != nil && b.Step.Action == "pay" {
		b = w.pay(b)
	}
	for _, lang := range []string{"kk", "ru", "en"} {
		for who, id := range map[string]string{"company": b.ID, "person": w.signable().ID} {
			page := w.pageAs(who, signatureAt(id), lang, 200)
			if bare := regexp.MustCompile(`<dt>[a-z_.0-9]+</dt>|<h3>[a-z_.0-9 ]+</h3>`).FindString(page); bare != "" {
				t.Errorf("in %s: %s", lang, bare)
			}
		}
	}
	w.contains(w.pageAs("company", signatureAt(b.ID), "en", 200), "reissue", "Number of the license", a.Result, "the name changed", "Documents attached", "none")
}

// TestSignOnPage: a signature made elsewhere, sent as a browser without scripts does.
func TestSignOnPage(t *testing.T) {
	var keys certified
	w := newWorld(t, keys.trusting(t))
	for _, form := range []string{"file", "pem file", "base64", "pem"} {
		a := w.signable()
		page := w.pageAs("person", signatureAt(a.ID), "en", 200)
		content := w.call("person", "GET", signatureAt(a.ID)+"/content", nil).want(200).body
		der := keys.sign("person", content)
		text := string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: der}))
		s := map[string]sent{
			"file": {file: der}, "pem file": {file: []byte(text)}, "base64": {text: base64.StdEncoding.EncodeToString(der)}, "pem": {text: strings.ReplaceAll(text, "\n", "\r\n")},
		}[form]
		for range 2 { // sent twice it is signed once
			if r := w.send("person", page, signatureAt(a.ID), s).want(303); r.header.Get("Location") != "/applications/"+a.ID {
				t.Errorf("%s: goes on to %s", form, r.header.Get("Location"))
			}
		}
		got := app(w.call("person", "GET", at(a.ID, ""), nil).want(200))
		if got.Status != "examined" || got.SignedBy != person {
			t.Errorf("%s: %+v", form, got)
		}
		closed := w.pageAs("person", signatureAt(a.ID), "en", 200)
		if w.contains(closed, "does not wait for a signature now"); strings.Contains(closed, "<form class=\"signing\"") {
			t.Error("signed, and asked to sign")
		}
	}
}

// TestRefusedOnPage: what was wrong is told in the page's words, and nothing befell the application.
func TestRefusedOnPage(t *testing.T) {
	var keys certified
	w := newWorld(t, keys.trusting(t))
	a := w.signable()
	path := signatureAt(a.ID)
	page := w.pageAs("person", path, "en", 200)
	content := w.call("person", "GET", path+"/content", nil).want(200).body
	der := keys.sign("person", content)
	w.refused(w.send("person", page, path, sent{}), 422, "There is no signature")
	w.refused(w.send("person", page, path, sent{text: "MIIB", file: der}), 422, "There is no signature", "one of the two")
	w.refused(w.send("person", page, path, sent{text: "not a signature"}), 422, "cannot be read", "download")
	w.refused(w.send("person", page, path, sent{file: []byte("{}")}), 422, "cannot be read")
	w.refused(w.send("person", page, path, sent{file: keys.sign("person", "other bytes")}), 422, "other bytes were signed", "Sign what is shown again")
	w.refused(w.send("person", page, path, sent{file: must(keys.key("person", demo.Auth).Sign(t.Context(), []byte(content), pki.Signing{}))}), 422, "one for logging in is not enough")
	w.refused(w.send("person", page, path, sent{file: der, other: map[string]string{"shown": strings.Repeat("0", 64)}}), 422, "The content has changed")
	w.send("person", page, path, sent{file: der, other: map[string]string{"key": ""}}).want(400)
	w.send("person", page, path, sent{file: bytes.Repeat([]byte{'x'}, 2<<20)}).want(413)
	w.send("person", page, path, sent{file: der}, "Sec-Fetch-Site", "cross-site").want(403)
	w.send("stranger", page, path, sent{file: der}).want(404)
	w.send("other-operator", page, path, sent{file: der}).want(404)
	if still := app(w.call("person", "GET", at(a.ID, ""), nil).want(200)); still.Version != a.Version {
		t.Errorf("something befell it: %+v", still)
	}
	// As the acts say: another person's signature refuses the request.
	w.send("person", page, path, sent{file: keys.sign("clerk", content)}).want(303)
	if got := app(w.call("person", "GET", at(a.ID, ""), nil).want(200)); got.Status != "refused" || got.Refusal.Stage != string(application.AtSignature) {
		t.Errorf("%+v", got)
	}
	late := w.send("person", page, path, sent{file: der, other: map[string]string{"key": "another"}}).want(409).body
	if w.contains(late, `role="alert"`, "does not wait for a signature now"); strings.Contains(late, "<script") {
		t.Error("scripts where there is nothing to sign")
	}
}

// TestSignaturePages of those who sign: an operator signs what the center's applicant asked for.
func TestOperatorSignsOnPage(t *testing.T) {
	w := newWorld(t)
	a := w.file("operator", w.open("operator", "trunk-pipeline-license", "center", company).ID)
	path := signatureAt(a.ID)
	page := w.pageAs("operator", path, "kk", 200)
	if strings.Contains(page, "бас тартуға әкеледі") {
		t.Error("an operator signs again, and is told that it is refused")
	}
	content := w.call("operator", "GET", path+"/content", nil).want(200).body
	w.send("operator", page, path, sent{file: must(json.Marshal(markOf(content, operator)))}).want(303)
	if got := app(w.call("operator", "GET", at(a.ID, ""), nil).want(200)); got.SignedBy != operator {
		t.Errorf("%+v", got)
	}
}

// TestDecisionSignedOnPage: the authorized person reads the whole decision and makes it by signing.
func TestDecisionSignedOnPage(t *testing.T) {
	w := newWorld(t)
	a := w.examined("company", "commodity-broker-license", company)
	path := "/applications/" + a.ID + "/decision/signature"
	w.call("head", "GET", path, nil).want(409)
	drafts := []v1.Decision{{Decision: "refuse", Ground: "not-qualified", Text: "<себеп>"}, {Decision: "approve", Order: "17-л", ValidUntil: "2030-12-31"}}
	for i, shows := range [][]string{
		{"refuse", "the qualification requirements are not met", "&lt;себеп&gt;"},
		{"approve", "17-л", "31 December 2030", "License or permit to be issued", "License", "In Kazakh", "In Russian", "Licensee", company},
	} {
		w.call("officer", "POST", at(a.ID, "/decision"), drafts[i]).want(200)
		for _, lang := range []string{"kk", "ru", "en"} {
			page := w.pageAs("head", path, lang, 200)
			if bare := regexp.MustCompile(`<dt>[a-z_.0-9]+</dt>|<h3>[a-z_.0-9 ]+</h3>`).FindString(page); bare != "" {
				t.Errorf("in %s: %s", lang, bare)
			}
			if lang == "en" {
				w.contains(page, append([]string{"Signing the decision on application", a.Number}, shows...)...)
			}
		}
	}
	link := `<a href="` + path + `">`
	w.contains(w.pageAs("head", "/applications/"+a.ID, "en", 200), "drafted decision waits", link)
	if strings.Contains(w.pageAs("officer", "/applications/"+a.ID, "en", 200), link) {
		t.Error("who drafts is sent to sign")
	}
	page := w.pageAs("head", path, "en", 200)
	content := w.call("head", "GET", path+"/content", nil).want(200).body
	if content != w.call("head", "GET", at(a.ID, "/decision/signature"), nil).want(200).body {
		t.Error("the page has other bytes signed than the API")
	}
	signed := func(change func(*mark)) sent {
		m := markOf(content, boss)
		change(&m)
		return sent{file: must(json.Marshal(m))}
	}
	w.refused(w.send("head", page, path, signed(func(m *mark) { m.IIN = clerk })), 422, "is not accepted", "another person", "Sign what is shown again")
	w.call("officer", "POST", at(a.ID, "/decision"), drafts[0]).want(200) // another draft in the meantime
	w.refused(w.send("head", page, path, signed(func(*mark) {})), 422, "has changed", "refuse")
	w.call("officer", "POST", at(a.ID, "/decision"), drafts[1]).want(200)
	for range 2 {
		w.send("head", page, path, signed(func(*mark) {})).want(303)
	}
	if got := app(w.call("head", "GET", at(a.ID, ""), nil).want(200)); got.Status != "completed" {
		t.Errorf("%+v", got)
	}
	w.call("head", "GET", path, nil).want(303)
	w.call("head", "GET", path+"/content", nil).want(404)
}

// TestLicenseSignedOnPage: the authorized person signs the license as it was issued.
func TestLicenseSignedOnPage(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	path := "/licenses/" + number + "/signature"
	for _, lang := range []string{"kk", "ru", "en"} {
		page := w.pageAs("head", path, lang, 200)
		if bare := regexp.MustCompile(`<dt>[a-z_.0-9]+</dt>|<h3>[a-z_.0-9 ]+</h3>`).FindString(page); bare != "" {
			t.Errorf("in %s: %s", lang, bare)
		}
	}
	link := `<a href="` + path + `">`
	w.contains(w.pageAs("head", "/licenses/"+number, "en", 200), "not signed yet", link)
	for _, who := range []string{"", "officer", "other-head", "company"} {
		if strings.Contains(w.pageAs(who, "/licenses/"+number, "en", 200), link) {
			t.Errorf("%q is sent to sign", who)
		}
	}
	page := w.pageAs("head", path, "en", 200)
	w.contains(page, "Signing license "+number, "Kind", "License", "(commodity-broker-license)", "24 November 2026", "Licensee", company)
	content := w.call("head", "GET", path+"/content", nil).want(200).body
	m := markOf(content, boss)
	m.Over = strings.Repeat("0", 64)
	w.refused(w.send("head", page, path, sent{file: must(json.Marshal(m))}), 422, "is not accepted")
	for range 2 {
		w.send("head", page, path, sent{file: must(json.Marshal(markOf(content, boss)))}).want(303)
	}
	if body := w.pageAs("head", "/licenses/"+number, "en", 200); strings.Contains(body, link) {
		t.Error("signed, and the head is asked to sign")
	}
	if at := w.call("head", "GET", path, nil).want(303).header.Get("Location"); at != "/licenses/"+number {
		t.Errorf("goes on to %s", at)
	}
}

// TestSignatureWaitsOnPage: one that cannot be verified yet is taken, and the pages say that it waits.
func TestSignatureWaitsOnPage(t *testing.T) {
	w := newWorld(t)
	w.blind.Store(true)
	a := w.signable()
	path := signatureAt(a.ID)
	content := w.call("person", "GET", path+"/content", nil).want(200).body
	w.send("person", w.pageAs("person", path, "en", 200), path, sent{file: must(json.Marshal(markOf(content, person)))}).want(303)
	w.contains(w.pageAs("person", path, "en", 200), "is being verified", `<form class="signing"`)
	if body := w.pageAs("person", "/applications/"+a.ID, "en", 200); strings.Contains(body, `href="`+path+`"`) {
		t.Error("it waits, and the person is asked to sign")
	}
}

// The vendored client is the file of the package, unchanged, with its license.
func TestVendoredClient(t *testing.T) {
	w := newWorld(t)
	sum := sha256.Sum256([]byte(w.call("", "GET", "/static/ncalayer-client.js", nil).want(200).body))
	if got := hex.EncodeToString(sum[:]); got != "b84d1425a63d163280df60315437f309e4822345acce61fb73a725321f723833" {
		t.Errorf("ncalayer-js-client 1.5.6 was changed: %s", got)
	}
	w.contains(w.call("", "GET", "/static/ncalayer-client.LICENSE.txt", nil).want(200).body, "MIT License", "SIGEX")
}
