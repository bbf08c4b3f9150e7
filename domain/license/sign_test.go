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

func wantCode(t *testing.T, s license.State, c license.Command, want string) {
	t.Helper()
	_, err := license.Decide(s, c)
	if r, ok := err.(*domain.Rejection); !ok || r.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
