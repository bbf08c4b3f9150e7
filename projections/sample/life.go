package sample

import (
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Services and Licensors occur in a sample.
var (
	Services  = []string{"casino-license", "bookmaker-license", "scrap-metal-license", "trunk-pipeline-license"}
	Licensors = []string{"sport-committee", "sport-committee", "akimat", "energy-agency"}
	channels  = []regulation.Channel{regulation.Portal, regulation.Office, regulation.Center}
)

// The steps of the sample's procedure.
const (
	stepAuthorize = iota + 1
	stepFill
	stepQuery
	stepAnswer
	stepAbsent
	stepPay
	stepUnpaid
	stepChoose
	stepBadSignature
	stepSign
	stepSend
	stepRegister
	stepRefuse
	stepIssue
)

// walk is one application on its way.
type walk struct {
	*maker
	stream  domain.Stream
	at      time.Time
	actor   domain.Actor
	opened  application.Opened
	officer domain.Actor
	end     string // where the life ends early: how it is to be
}

// life makes everything about the i-th application.
func (m *maker) life(i int) {
	kind := m.rand.IntN(len(Services))
	w := &walk{maker: m, stream: domain.Stream{Category: domain.ApplicationCategory, ID: m.uuid().String()}}
	w.at = Begin.Add(time.Duration(i)*m.pace + time.Duration(m.rand.IntN(60_000_000))*time.Microsecond)
	w.opened = application.Opened{
		Service: Services[kind], Channel: pick(m, channels), Act: "kz-sample-2012-1", Request: regulation.Issue,
		Licensor: Licensors[kind], Applicant: m.applicant(i),
	}
	old := w.chooseRequest()
	w.officer = domain.Actor{ID: "officer-" + fmt.Sprint(m.rand.IntN(20)), Name: "Ахметов А.", Role: domain.RoleOfficer, Organization: w.opened.Licensor, Channel: "office"}
	w.actor = w.opener()
	w.end = pick(m, []string{"", "", "", "", "", "", "", "", "registers", "payment", "signature", "refused", "withdrawn", "open"})
	w.through(old)
}

// chooseRequest makes some applications ones for a reissue or duplicate of an earlier license.
func (w *walk) chooseRequest() *issued {
	if len(w.licenses) == 0 || !w.chance(8) {
		return nil
	}
	old := pick(w.maker, w.licenses)
	if !old.at.Before(w.at) {
		return nil
	}
	p := old.payload
	w.opened.Request, w.opened.License = regulation.Duplicate, p.Number
	w.opened.Service, w.opened.Licensor = p.Service, p.Licensor
	w.opened.Applicant = application.Applicant{ID: p.Licensee.ID, Name: p.Licensee.Name}
	if w.chance(2) {
		w.opened.Request, w.opened.Reason = regulation.Reissue, application.NameChanged
	}
	w.licenses = remove(w.licenses, old) // whatever comes of it, nothing else befalls it
	return old
}

func remove(list []*issued, one *issued) []*issued {
	for i, l := range list {
		if l == one {
			list[i] = list[len(list)-1]
			return list[:len(list)-1]
		}
	}
	return list
}

func (w *walk) opener() domain.Actor {
	switch w.opened.Channel {
	case regulation.Center:
		return domain.Actor{ID: "operator-" + fmt.Sprint(w.rand.IntN(9)), Name: "Оспанова Г.", Role: domain.RoleOperator, Organization: "center-almaty", Channel: "center"}
	case regulation.Office:
		return w.officer
	}
	return domain.Actor{ID: "applicant-" + w.opened.Applicant.ID, Name: w.opened.Applicant.Name, Role: domain.RoleApplicant, Channel: "portal"}
}

// wait lets time pass: up to the seconds, and now and then three times that.
func (w *walk) wait(seconds int) {
	if w.chance(12) {
		seconds *= 3
	}
	w.at = w.at.Add(time.Duration(1+w.rand.IntN(seconds*1_000_000)) * time.Microsecond)
}

func (w *walk) append(actor domain.Actor, payloads ...domain.Payload) {
	w.add(w.stream, w.at, actor, payloads...)
}

// to is the progress from the steps completed into the next one, due after so many seconds.
func (w *walk) to(step int, action regulation.Action, seconds int, outcome regulation.Outcome, completes ...int) application.Progress {
	e := &application.Entered{Step: step, Action: action, Role: regulation.System}
	if seconds > 0 {
		due := w.at.Add(time.Duration(seconds) * time.Second)
		e.Due = &due
		if seconds >= 86400 {
			e.Calendar = "2026.1"
		}
	}
	return application.Progress{Completes: completes, Outcome: outcome, Enters: e}
}

func ends(outcome regulation.Outcome, completes ...int) application.Progress {
	return application.Progress{Completes: completes, Outcome: outcome, Ends: true}
}

// through is the way through the procedure.
func (w *walk) through(old *issued) {
	w.opened.Progress = w.to(stepFill, regulation.FillForm, 0, regulation.Authorized, stepAuthorize)
	w.append(w.actor, w.opened)
	w.wait(3600)
	if w.end == "withdrawn" {
		w.append(w.actor, application.Withdrawn{Progress: application.Progress{Ends: true}, Reason: "own wish"})
		return
	}
	w.append(w.actor, application.Filed{
		Progress: w.to(stepQuery, regulation.QueryRegisters, 15, "", stepFill),
		Form: application.Form{Name: w.opened.Applicant.Name, Address: w.address(), Subactivities: []string{"продажа", "сақтау"},
			Phone: "+7 700 000 00 00", Email: "info@example.kz"},
		Documents: []application.Document{{Name: "charter.pdf", MediaType: "application/pdf", Size: 123456,
			SHA256: fmt.Sprintf("%016x%016x%016x%016x", w.rand.Uint64(), w.rand.Uint64(), w.rand.Uint64(), w.rand.Uint64())}},
	})
	if !w.registers() || !w.payment() || !w.signature() {
		return
	}
	w.decision(old)
}

func (w *walk) registers() bool {
	w.wait(14)
	if w.end == "registers" {
		w.append(domain.System, application.ApplicantNotFound{Source: "state register of legal entities"},
			application.Refused{Progress: ends(regulation.Absent, stepQuery, stepAnswer, stepAbsent), Stage: application.AtRegisters, Ground: application.NotInRegisters})
		return false
	}
	w.append(domain.System, application.ApplicantConfirmed{
		Progress: w.to(stepPay, regulation.Pay, 0, regulation.Found, stepQuery, stepAnswer),
		Name:     w.opened.Applicant.Name, Address: w.address(), Source: "state register of legal entities"})
	return true
}

func (w *walk) payment() bool {
	w.wait(10)
	order := "order-" + w.stream.ID
	w.append(domain.System, application.PaymentRequested{Order: order, Amount: 432500, Currency: "KZT", URL: "https://pay.example.kz/" + order})
	w.wait(7200)
	if w.end == "payment" {
		w.append(domain.System, application.Refused{Progress: ends(regulation.Unpaid, stepPay, stepUnpaid), Stage: application.AtPayment, Ground: application.NoPayment})
		return false
	}
	w.append(domain.System, application.Paid{Progress: w.to(stepChoose, regulation.ChooseCertificate, 0, regulation.Paid, stepPay),
		Order: order, Reference: fmt.Sprint(w.rand.Uint64()), Amount: 432500, Currency: "KZT"})
	return true
}

func (w *walk) signature() bool {
	w.wait(600)
	if w.end == "signature" {
		w.append(w.actor, application.Refused{Progress: ends(regulation.Invalid, stepChoose, stepBadSignature), Stage: application.AtSignature, Ground: application.SignatureInvalid})
		return false
	}
	subject := w.opened.Applicant.ID
	w.append(w.actor,
		application.CertificateAccepted{Progress: w.to(stepSign, regulation.Sign, 15, regulation.Valid, stepChoose), Subject: subject, Serial: fmt.Sprint(w.rand.Uint64()), Method: "sample"},
		application.Signed{Progress: w.to(stepSend, regulation.Send, 120, "", stepSign), Subject: subject, Digest: fmt.Sprintf("%064x", w.rand.Uint64()), Method: "sample"})
	return true
}

// day is a day of work, for terms in the sample.
const day = 24 * 3600

func (w *walk) decision(old *issued) {
	w.wait(60)
	number := w.next("application", w.stream.ID, w.at)
	w.at = w.at.Add(time.Millisecond)
	w.append(domain.System, application.Registered{Progress: w.to(stepIssue, regulation.IssueResult, 15*day, "", stepSend, stepRegister),
		Number: number, RegisteredOn: string(calendar.DayOf(w.at))})
	if w.end == "open" {
		return
	}
	w.wait(8 * day)
	if w.end == "refused" {
		w.append(w.officer, application.Refused{Progress: ends(regulation.Refused, stepIssue, stepRefuse), Stage: application.AtDecision,
			Ground: application.NotQualified, Text: "не соответствует квалификационным требованиям", Signatory: "Ахметов А."})
		return
	}
	w.append(w.officer, application.Approved{Progress: application.Progress{Completes: []int{stepIssue}, Outcome: regulation.Approved}, Order: "№ 17", ValidUntil: "2031-12-31", Signatory: "Ахметов А."})
	w.at = w.at.Add(50 * time.Millisecond)
	result := w.result(old)
	w.at = w.at.Add(50 * time.Millisecond)
	w.append(domain.System, application.Completed{Progress: ends(""), License: result})
	w.wait(3600)
	w.append(domain.System, application.Delivered{To: "cabinet"})
	if w.chance(3) {
		w.wait(day)
		w.append(w.actor, application.Rated{Quality: 3, Availability: 2})
	}
}

// result makes the license, or the copy, and what befalls it later.
func (w *walk) result(old *issued) string {
	if w.opened.Request == regulation.Duplicate {
		old.copies++
		w.add(licenseStream(old.payload.Number), w.at, domain.System, license.Duplicated{Copy: old.copies, Application: w.stream.ID})
		return old.payload.Number
	}
	today := string(calendar.DayOf(w.at))
	p := license.Issued{
		Number: w.next("license-26", w.stream.ID, w.at), Kind: "license", Service: w.opened.Service, Act: w.opened.Act,
		Activity: regulation.Text{"ru": "деятельность: " + w.opened.Service, "kk": "қызмет: " + w.opened.Service}, Subactivities: []string{"продажа", "сақтау"},
		Licensor: w.opened.Licensor, LicensorTitle: regulation.Text{"ru": "Комитет", "kk": "Комитет"},
		Licensee: license.Licensee{ID: w.opened.Applicant.ID, Name: w.opened.Applicant.Name, Address: w.address()},
		IssuedOn: today, FirstIssuedOn: today, Application: w.stream.ID, Order: "№ 17", Signatory: "Ахметов А.",
	}
	if w.chance(2) {
		p.ValidUntil = "2031-12-31"
	}
	if old != nil {
		p.Predecessor, p.Reason, p.FirstIssuedOn = old.payload.Number, string(w.opened.Reason), old.payload.FirstIssuedOn
	}
	w.at = w.at.Add(time.Millisecond)
	w.add(licenseStream(p.Number), w.at, domain.System, p)
	if old != nil {
		w.at = w.at.Add(time.Millisecond)
		w.add(licenseStream(old.payload.Number), w.at, domain.System, license.Reissued{Successor: p.Number, On: today, Reason: p.Reason, Application: w.stream.ID})
	}
	w.licenses = append(w.licenses, &issued{payload: p, at: w.afterwards(p)})
	return p.Number
}

func licenseStream(number string) domain.Stream {
	return domain.Stream{Category: domain.LicenseCategory, ID: number}
}

// afterwards makes what befalls a license in the months after its issue, and returns when it is over.
func (w *walk) afterwards(p license.Issued) time.Time {
	at, stream := w.at, licenseStream(p.Number)
	later := func(days int) string {
		at = at.Add(time.Duration(1+w.rand.IntN(days)) * day * time.Second)
		return string(calendar.DayOf(at))
	}
	if w.chance(6) {
		from := later(20)
		until := string(calendar.DayOf(at.AddDate(0, 2, 0)))
		w.add(stream, at, w.officer, license.Suspended{From: from, Until: until, Reason: "violation", Order: "№ 5"})
		if w.chance(2) {
			on := later(30)
			w.add(stream, at, w.officer, license.Resumed{On: on, Reason: "remedied"})
		}
	}
	if w.chance(10) {
		later(10)
		w.add(stream, at, w.officer, license.SiteAdded{Site: license.Site{ID: "s1", Kind: "branch", Address: "г. Астана, пр. Мира, 1"}})
		later(10)
		w.add(stream, at, w.officer, license.SiteRemoved{ID: "s1", Reason: "closed"})
	}
	if w.chance(15) {
		on := later(60)
		w.add(stream, at, w.officer, license.Terminated{On: on, Ground: license.OwnRequest})
		return at.AddDate(100, 0, 0)
	}
	return at
}
