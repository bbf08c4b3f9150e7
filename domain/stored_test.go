package domain_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/loss"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet")

// What was ever stored is read for ever: testdata/events has one file for each type and schema. With
// -update a file that does not exist yet is written; one that has landed is never edited.
func TestStoredApplicationEvents(t *testing.T) {
	due := time.Date(2026, 12, 15, 19, 0, 0, 0, time.UTC)
	first := application.Progress{ // as in schema 1
		Completes: []int{9}, Outcome: regulation.Approved,
		Enters: &application.Entered{Step: 11, Action: regulation.IssueResult, Role: regulation.System, Due: &due, Calendar: "kz-1"},
	}
	entered := *first.Enters
	entered.Term, entered.Unit, entered.From, entered.Basis = 15, regulation.WorkingDays, "2026-11-24", "b"
	way := first
	way.Enters = &entered
	form := application.Form{
		Name: "ТОО «Жарық»", Address: "Алматы, Абай 1", Subactivities: []string{"покупка"},
		Sites: []application.Site{{Kind: "branch", Name: "Филиал", Address: "Астана"}}, Phone: "+77010000000", Email: "a@example.kz", Note: "n",
	}
	document := application.Document{Name: "устав.pdf", MediaType: "application/pdf", Size: 1024, SHA256: "ab", Paper: true}
	evidence := json.RawMessage(`"e"`)
	certified := &application.Certified{Subject: "850312300121", Serial: "1", Digest: "d", Method: "m", Evidence: evidence}
	fee := application.Fee{Rate: 1000, MCI: 432_500, MCIFrom: "2026-01-01", On: "2026-11-24", Source: "s", Unverified: true, Version: "v"}
	answer := &application.RegisterAnswer{At: due, Reference: "r-1", Text: "{\"found\": true,\r\n \"name\":\"<n>\"}\n"}
	payloads := []domain.Payload{
		application.Opened{
			Progress: way, Service: "casino-license", Channel: regulation.Portal, Act: "act", Wording: "0123456789ab", Request: regulation.Reissue, Licensor: "l",
			Applicant: application.Applicant{ID: "120540001238", Name: "n", Address: "a"}, License: "25000001", Reason: application.NameChanged, Holder: "940140000385",
		},
		application.ApplicantConfirmed{Progress: way, Name: "n", Address: "a", Source: "gbd-ul", Answer: answer},
		application.ApplicantNotFound{Progress: first, Source: "gbd-ul", Answer: answer},
		application.Filed{Progress: way, Form: form, Documents: []application.Document{document}},
		application.PaymentRequested{Progress: first, Order: "o", Amount: 100, Currency: "KZT", URL: "u", Fee: &fee, Expires: &due},
		application.PaymentNotRequired{Progress: way, Fee: fee},
		application.PaymentUnmatched{Order: "o", Reference: "r2", Amount: 100, Currency: "KZT", Reason: application.PaidTwice},
		application.Paid{Progress: way, Order: "o", Reference: "r", Amount: 100, Currency: "KZT"},
		application.CertificateAccepted{Progress: way, Subject: "120540001238", Serial: "1", Method: "m"},
		application.Signed{Progress: way, Subject: "120540001238", Digest: "d", Method: "m", Serial: "1", Evidence: evidence, Person: "850312300121"},
		application.SignatureReceived{
			Purpose: signing.Decision, Signer: signing.Signer{IIN: "850312300121", BIN: "120540001238"}, CMS: []byte("cms"), SHA256: "ab", Reason: signing.OCSPUnreachable,
		},
		application.SignatureDiscarded{Purpose: signing.Entry, SHA256: "ab", Reason: signing.Revoked, Evidence: evidence},
		application.DecisionDrafted{Decision: application.Decision{
			Decision: application.Approve, Order: "12", ValidUntil: "2030-01-01", Holder: "940140000385", PaymentProof: "shown", Ground: application.NotQualified, Text: "t",
		}, Drafter: "000229550014", Content: json.RawMessage(`"c"`)},
		application.Registered{Progress: way, Number: "KZ45LIC00000001", RegisteredOn: "2026-11-24"},
		application.Approved{Progress: application.Progress{Completes: []int{11}, Outcome: regulation.Approved}, Order: "12", ValidUntil: "2030-01-01", Signatory: "s", Signature: certified, PaymentProof: "shown"},
		application.Refused{
			Progress: application.Progress{Completes: []int{11, 10}, Ends: true}, Stage: application.AtDecision, Ground: application.NotQualified, Text: "t", Signatory: "s",
			Signature: certified, Reason: signing.Revoked, Evidence: evidence,
		},
		application.Completed{Progress: application.Progress{Ends: true}, License: "26000001"},
		application.Withdrawn{Progress: application.Progress{Ends: true}, Reason: "r"},
		application.Delivered{To: "cabinet"},
		application.Rated{Quality: 3, Availability: 2},
	}
	checkStored(t, payloads, application.Decode)

	// The earlier schemas of what has a later one: the same without what came with that.
	for _, p := range payloads {
		token, schema := p.EventType()
		for schema--; schema > 0; schema-- {
			p = earlier(t, p, first)
			checkRead(t, token, schema, p, application.Decode)
		}
	}
}

// earlier is the payload as it was one schema before.
func earlier(t *testing.T, p domain.Payload, first application.Progress) domain.Payload {
	switch e := p.(type) {
	case application.Opened:
		e.Progress, e.Wording = first, ""
		return e
	case application.ApplicantConfirmed:
		if e.Answer != nil {
			e.Answer = nil
			return e
		}
		e.Progress = first
		return e
	case application.ApplicantNotFound:
		e.Answer = nil
		return e
	case application.Filed:
		e.Progress = first
		return e
	case application.Paid:
		e.Progress = first
		return e
	case application.CertificateAccepted:
		e.Progress = first
		return e
	case application.Signed:
		if e.Person != "" {
			e.Person = ""
			return e
		}
		if e.Evidence != nil {
			e.Serial, e.Evidence = "", nil
			return e
		}
		e.Progress = first
		return e
	case application.Registered:
		e.Progress = first
		return e
	case application.Approved:
		e.Signature, e.PaymentProof = nil, ""
		return e
	case application.PaymentRequested:
		e.Fee, e.Expires = nil, nil
		return e
	case application.Refused:
		e.Signature, e.Reason, e.Evidence = nil, "", nil
		return e
	}
	t.Fatalf("%T: no earlier schema of it here", p)
	return nil
}

func TestStoredLicenseEvents(t *testing.T) {
	payloads := []domain.Payload{
		license.Issued{
			Number: "26000002", Kind: "license", Service: "casino-license", Act: "act",
			Activity: regulation.Text{"ru": "казино", "kk": "казино", "en": "casino"}, Subactivities: []string{"x"},
			Licensor: "l", LicensorTitle: regulation.Text{"ru": "Комитет"}, Licensee: license.Licensee{ID: "120540001238", Name: "n", Address: "a"},
			Sites:    []license.Site{{ID: "1", Kind: "object", Name: "n", Address: "a"}},
			IssuedOn: "2026-11-24", FirstIssuedOn: "2020-01-09", ValidUntil: "2030-01-01",
			Application: "a-1", Order: "12", Signatory: "s", Predecessor: "20000017", Reason: "name",
		},
		license.Reissued{Successor: "26000003", On: "2026-11-24", Reason: "name", Application: "a-2"},
		license.Duplicated{Copy: 1, Application: "a-3"},
		license.Signed{On: "2026-11-24", Subject: "850312300121", Signatory: "s", Serial: "1", Digest: "d", Method: "m", Evidence: json.RawMessage(`"e"`)},
		license.SignatureReceived{Signer: signing.Signer{IIN: "850312300121", BIN: "120540001238"}, CMS: []byte("cms"), SHA256: "ab", Reason: signing.OCSPUnreachable},
		license.SignatureDiscarded{SHA256: "ab", Reason: signing.Revoked, Evidence: json.RawMessage(`"e"`)},
		license.Suspended{From: "2026-11-24", Until: "2027-01-31", Reason: "r", Order: "3"},
		license.Resumed{On: "2026-12-01", Reason: "r", Order: "4"},
		license.Terminated{On: "2026-12-02", Ground: license.Revoked, Text: "t", Order: "5"},
		license.SiteAdded{Site: license.Site{ID: "2", Kind: "point", Name: "n", Address: "a"}},
		license.SiteRemoved{ID: "2", Reason: "r"},
		license.Assigned{For: "a-1", Number: "26000002"},
	}
	checkStored(t, payloads, func(e domain.Event) (domain.Payload, error) {
		if e.Type == "number-assigned" {
			return license.DecodeAssigned(e)
		}
		return license.Decode(e)
	})
}

func TestStoredRegistryEvents(t *testing.T) {
	checkStored(t, []domain.Payload{
		loss.Accepted{Kept: 10, Root: "root of ten", Had: 12, HadRoot: "root of twelve", Reason: "r"},
	}, loss.Decode)
}

func checkStored(t *testing.T, payloads []domain.Payload, decode func(domain.Event) (domain.Payload, error)) {
	t.Helper()
	for _, p := range payloads {
		token, schema := p.EventType()
		path := filepath.Join("testdata", "events", fmt.Sprintf("%s-%d.json", token, schema))
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) && *update {
			data, err = json.MarshalIndent(p, "", "  ")
			if err == nil {
				err = os.WriteFile(path, append(data, '\n'), 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		checkRead(t, token, schema, p, decode)
		if _, err := decode(domain.Event{Type: token, Schema: schema + 1, Data: data}); err == nil {
			t.Errorf("%s: a schema that was never written is read", token)
		}
	}
}

// checkRead wants the golden file of the type and schema to be read as the payload.
func checkRead(t *testing.T, token string, schema int, want domain.Payload, decode func(domain.Event) (domain.Payload, error)) {
	t.Helper()
	path := filepath.Join("testdata", "events", fmt.Sprintf("%s-%d.json", token, schema))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(domain.Event{Type: token, Schema: schema, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}
