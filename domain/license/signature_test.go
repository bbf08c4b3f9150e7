package license_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// issuedOne is a license just issued.
func issuedOne() license.State {
	var s license.State
	s.Evolve(license.Issued{
		Number: "26000002", Kind: "license", Service: "casino-license", Act: "act", Activity: regulation.Text{"ru": "казино", "en": "casino"},
		Licensor: "l", LicensorTitle: regulation.Text{"ru": "Комитет"}, Licensee: license.Licensee{ID: "120540001238", Name: "ТОО «Ж» & K"},
		Sites: []license.Site{{ID: "1", Kind: "object", Address: "a"}}, IssuedOn: "2026-11-24", FirstIssuedOn: "2020-01-09", Application: "a-1", Signatory: "s",
	})
	return s
}

// The authorized person signs the license as it was issued, whatever befell it since, and once.
func TestSign(t *testing.T) {
	at := time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC)
	s := issuedOne()
	const want = `{"number":"26000002","kind":"license","service":"casino-license","act":"act","activity":{"en":"casino","ru":"казино"},` +
		`"licensor":"l","licensor_title":{"ru":"Комитет"},"licensee":{"id":"120540001238","name":"ТОО «Ж» \u0026 K"},` +
		`"sites":[{"id":"1","kind":"object","address":"a"}],"issued_on":"2026-11-24","first_issued_on":"2020-01-09","application":"a-1","signatory":"s"}`
	s.Evolve(license.SiteAdded{Site: license.Site{ID: "2", Kind: "point", Address: "b"}})
	if diff := cmp.Diff(want, string(s.Content())); diff != "" {
		t.Error(diff)
	}
	sign := license.Sign{At: at, Signed: license.Signed{Subject: "850312300121", Signatory: "n", Digest: signing.Digest([]byte(want)), Evidence: json.RawMessage(`{}`)}}
	other := sign
	other.Signed.Digest = signing.Digest([]byte("x"))
	wantCode(t, s, other, "signed-other-content")
	events, err := license.Decide(s, sign)
	if err != nil || len(events) != 1 || events[0].(license.Signed).On != "2026-11-25" { // in Almaty it is the next day
		t.Fatalf("%v %v", events, err)
	}
	s.Evolve(events[0])
	if s.Signed == nil || s.Signed.Evidence != nil {
		t.Errorf("state %+v", s.Signed)
	}
	if again, err := license.Decide(s, sign); err != nil || len(again) > 0 {
		t.Errorf("again: %v %v", again, err)
	}
	other = sign
	other.Signed.Subject = "990101450026"
	wantCode(t, s, other, "license-signed-already")
	ended := issuedOne()
	ended.Evolve(license.Terminated{On: "2026-11-24", Ground: license.Revoked})
	wantCode(t, ended, sign, "license-not-active")
	if _, err := license.Decide(license.State{}, sign); err == nil {
		t.Error("a license that does not exist was signed")
	}
}

// A signature that cannot be judged waits, until the verdict or another one; a verdict on one that waits no more
// changes nothing.
func TestSignatureWaits(t *testing.T) {
	s, version := issuedOne(), uint64(1)
	do := func(c license.Command) int {
		t.Helper()
		events, err := license.Decide(s, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range events {
			token, schema := p.EventType()
			version++
			data, err := json.Marshal(p)
			if err == nil {
				err = license.Fold(&s, domain.Record{Version: version, Event: domain.Event{Type: token, Schema: schema, Data: data, Actor: domain.Actor{ID: "head"}}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return len(events)
	}
	one := license.ReceiveSignature{Signer: signing.Signer{IIN: "850312300121"}, CMS: []byte("one"), Reason: signing.OCSPUnreachable}
	if do(one) != 1 || do(one) != 0 || string(s.Claim().CMS) != "one" || s.Claim().Signer != one.Signer || s.Pending.By.ID != "head" {
		t.Fatalf("it waits as %+v", s.Pending)
	}
	first := s.Pending.Version
	two := one
	two.CMS = []byte("two")
	do(two)
	valid := signing.Verdict{Outcome: signing.Valid, IIN: "850312300121", Name: "n", Digest: signing.Digest(s.Content())}
	revoked := signing.Verdict{Outcome: signing.Invalid, Reason: signing.Revoked, Evidence: json.RawMessage(`{}`)}
	at := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
	if do(license.Judged(valid, at, first)) != 0 || do(license.Judged(revoked, at, first)) != 0 {
		t.Error("a verdict on the first was carried out")
	}
	wantCode(t, s, license.Judged(revoked, at, 0), "signature-revoked")
	if do(license.Judged(revoked, at, s.Pending.Version)) != 1 || s.Pending != nil || s.Discarded.Reason != signing.Revoked {
		t.Errorf("discarded: %+v", s)
	}
	large := one
	large.CMS = make([]byte, signing.MaxCMS+1)
	wantCode(t, s, large, "signature-too-large")
	do(one)
	if do(license.Judged(valid, at, s.Pending.Version)) != 1 || s.Signed == nil || s.Pending != nil || s.Discarded != nil {
		t.Errorf("signed: %+v", s)
	}
	wantCode(t, s, one, "license-signed-already")
}

func wantCode(t *testing.T, s license.State, c license.Command, want string) {
	t.Helper()
	_, err := license.Decide(s, c)
	if r, ok := err.(*domain.Rejection); !ok || r.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
