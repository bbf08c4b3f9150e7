package demo

import (
	"context"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/google/uuid"

	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Clock is the time of the sample world: it stands at what is being seeded, and only goes forward.
// Now moves it a little, so that what the registry does by itself takes some time too.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// tick is what passes between two looks at the clock.
const tick = 400 * time.Millisecond

// Set brings the clock to t, unless it is there already.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
	}
}

// Now is the sample world's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(tick)
	return c.now
}

// Stands is the time without moving it.
func (c *Clock) Stands() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Seeder puts the plan into the registry through the commands that people use. What the registry
// does by itself is done by the running reactor, whose clock is Clock.
type Seeder struct {
	Store    domain.EventStore
	Rules    application.Rules
	Clock    *Clock
	World    World
	Document application.Document // attached to every application; the file is in the document store
	// Number assigns an application its registration number, where an employee registers it.
	Number func(ctx context.Context, application string) (string, error)
	// Settle waits until the registry has done its own part of the application, the last event of
	// which is at the position.
	Settle func(ctx context.Context, application string, position domain.Position) error
	// Sign signs what the claim says with the key of the holder and has the signature judged.
	Sign func(ctx context.Context, holder string, claim signing.Claim) (signing.Verdict, error)
	// Paid and Failed tell the payment gateway how an order ended, and Paid gives its reference.
	Paid   func(ctx context.Context, order string) (reference string, err error)
	Failed func(ctx context.Context, order string) error
}

// LastTime is when the last event of the log happened, zero for an empty log: where the clock has to
// be set before seeding goes on, because the registry may have something left to do. A log is followed from
// commits that one knows, so all of it is read: it is no longer than the sample world.
func LastTime(ctx context.Context, log domain.Log) (time.Time, error) {
	head, err := log.Head(ctx)
	if err != nil || head == 0 {
		return time.Time{}, err
	}
	for c, err := range log.Follow(ctx, 0) {
		if err != nil {
			return time.Time{}, err
		}
		if c.Position >= head {
			return c.Records[len(c.Records)-1].Time, nil
		}
	}
	return time.Time{}, context.Cause(ctx)
}

// names is the name space of everything the demo makes.
var names = uuid.MustParse("5f0f4b0e-5d2c-5b58-8a6e-6d0c7a3b9f21")

// ID is the id of the sample application with the name.
func ID(name string) string { return uuid.NewSHA1(names, []byte(name)).String() }

// Seed carries out the plan. What is in the log already is left as it is, so Seed may be called again
// after it was cut off.
func (s *Seeder) Seed(ctx context.Context, plan []Move) error {
	for _, m := range plan {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.Clock.Set(m.At)
		if err := s.move(ctx, m); err != nil {
			return fmt.Errorf("sample %s, %s: %w", m.Sample.Name, m.Kind, err)
		}
	}
	return nil
}

func (s *Seeder) move(ctx context.Context, m Move) error {
	if m.Kind.onLicense() {
		return s.onLicense(ctx, m)
	}
	id := ID(m.Sample.Name)
	stream, err := domain.NewStream(domain.ApplicationCategory, id)
	if err != nil {
		return err
	}
	state, at, done, err := s.load(ctx, stream, m)
	if err != nil {
		return err
	}
	if done {
		if state.AwaitsRegistry() { // what was cut off behind the move
			err = s.Settle(ctx, id, at)
		}
		if err != nil || m.Kind != Approve {
			return err
		}
		return s.signLicense(ctx, m)
	}
	if m.Kind == Approve || m.Kind == Refuse {
		if state, err = s.draft(ctx, m, stream, state); err != nil {
			return err
		}
	}
	command, actor, err := s.command(ctx, m, state)
	if err != nil || command == nil {
		return err
	}
	result, err := s.execute(ctx, stream, s.meta(m, actor), command)
	if err == nil {
		err = s.Settle(ctx, id, result.Position)
	}
	if err != nil || m.Kind != Approve {
		return err
	}
	return s.signLicense(ctx, m)
}

func (s *Seeder) execute(ctx context.Context, stream domain.Stream, meta domain.Meta, command application.Command) (domain.Result, error) {
	return domain.Execute(ctx, s.Store, stream, meta, application.Fold,
		func(now application.State) ([]domain.Payload, error) { return s.Rules.Decide(now, command) })
}

// load folds the sample's application, and says where its last event is and whether the move has been
// made before.
func (s *Seeder) load(ctx context.Context, stream domain.Stream, m Move) (state application.State, at domain.Position, done bool, err error) {
	first := domain.Meta{Command: m.id()}.EventID(0)
	for rec, err := range s.Store.Read(ctx, stream, 1) {
		if err == nil {
			err = application.Fold(&state, rec)
		}
		if err != nil {
			return state, at, false, err
		}
		at, done = rec.Position, done || rec.ID == first
	}
	return state, at, done, nil
}

// id names the command by its sample and its place there.
func (m Move) id() uuid.UUID {
	return uuid.NewSHA1(names, fmt.Appendf(nil, "%s/%d", m.Sample.Name, m.Number))
}

func (s *Seeder) meta(m Move, who Account) domain.Meta {
	channel := string(m.Sample.Procedure.Channel)
	switch who.Role {
	case domain.RoleHead, domain.RoleOfficer:
		channel = string(regulation.Office)
	case domain.RoleSystem:
		channel = ""
	}
	return domain.Meta{
		Command: m.id(),
		Time:    m.At, Regulation: m.Sample.Procedure.Service.Act.ID,
		Actor: domain.Actor{ID: who.ID, Name: who.Name, Role: who.Role, Organization: who.Organization, Channel: channel},
	}
}

// order is the licensor's order that a decision rests on.
func (m Move) order(series string) string {
	return fmt.Sprintf("Бұйрық / Приказ № %d-%s", 1+crc32.ChecksumIEEE([]byte(m.Sample.Name+string(m.Kind)))%900, series)
}

// registryItself gives the commands that follow from what the payment gateway says.
var registryItself = Account{ID: domain.System.ID, Role: domain.RoleSystem}

// command is what the move comes to in the application's present state, nil where nothing is left to do.
func (s *Seeder) command(ctx context.Context, m Move, state application.State) (application.Command, Account, error) {
	sample := m.Sample
	who := s.applicantSide(sample)
	head := s.World.account(domain.RoleHead, sample.Procedure.Service.Licensor.Slug)
	switch m.Kind {
	case Open:
		command, err := s.open(ctx, m)
		return command, who, err
	case Forward:
		return s.forward(ctx, m, state)
	case Unpaid:
		if state.Order == nil {
			return nil, who, nil
		}
		return application.FailPayment{At: m.At, Order: state.Order.Order, Text: "Төлем жасалмады. Оплата не поступила."}, registryItself, s.Failed(ctx, state.Order.Order)
	case BadSignature:
		return s.sign(ctx, m, state, who, ended(authority.Revoked, who.Subject))
	case Approve, Refuse:
		command, err := s.decide(ctx, m, state, head)
		return command, head, err
	case Withdraw:
		return application.Withdraw{At: m.At, Reason: "Өтініш қате берілді. Подано ошибочно."}, who, nil
	case Deliver:
		to := map[regulation.Channel]string{regulation.Portal: "cabinet", regulation.Office: "hand", regulation.Center: "center"}
		return application.Deliver{At: m.At, To: to[sample.Procedure.Channel]}, who, nil
	case Rate:
		return application.Rate{At: m.At, Quality: 2 + m.Number%2, Availability: 3}, who, nil
	}
	return nil, who, fmt.Errorf("move %q: %w", m.Kind, domain.ErrInvalid)
}

// proof is by what the head saw that the fee was paid, empty where that is paid through the gateway.
func proof(p *regulation.Procedure, state application.State) string {
	switch {
	case !p.Service.Paid || p.Has(regulation.Pay):
		return ""
	case len(state.Documents) > 0:
		return state.Documents[0].SHA256
	}
	return application.ProofShown
}

// applicantSide is the account that enters the application through its channel.
func (s *Seeder) applicantSide(sample *Sample) Account {
	switch sample.Procedure.Channel {
	case regulation.Office:
		return s.World.account(domain.RoleOfficer, sample.Procedure.Service.Licensor.Slug)
	case regulation.Center:
		return s.World.account(domain.RoleOperator, Center)
	}
	for _, a := range s.World.Accounts {
		if a.Role == domain.RoleApplicant && a.Subject == sample.Applicant.ID {
			return a
		}
	}
	// Somebody of the sample world who has no account in the demo.
	return Account{ID: "sample-" + sample.Applicant.ID[6:], Name: sample.Applicant.Name, Role: domain.RoleApplicant, Subject: sample.Applicant.ID}
}

func (s *Seeder) open(ctx context.Context, m Move) (application.Command, error) {
	command := application.Open{
		At: m.At, Service: m.Sample.Procedure.Service.Slug, Channel: m.Sample.Procedure.Channel,
		Request: m.Sample.Request, Reason: m.Sample.Reason,
		Applicant: application.Applicant{ID: m.Sample.Applicant.ID, Name: m.Sample.Applicant.Name},
	}
	if m.Sample.Concerns == nil {
		return command, nil
	}
	number, err := s.result(ctx, m.Sample.Concerns)
	if err != nil {
		return nil, err
	}
	command.License = number
	command.Concerns, err = s.license(ctx, number)
	return command, err
}

// forward is the next thing a person does for an application that goes its way.
func (s *Seeder) forward(ctx context.Context, m Move, state application.State) (application.Command, Account, error) {
	who := s.applicantSide(m.Sample)
	switch state.Action {
	case regulation.FillForm, regulation.AttachDocuments:
		return s.file(m), who, nil
	case regulation.AttachAndSign:
		if state.Form == nil {
			return s.file(m), who, nil
		}
		return s.sign(ctx, m, state, who, who.holder().ID)
	case regulation.Pay:
		reference, err := s.Paid(ctx, state.Order.Order)
		return application.Pay{At: m.At, Order: state.Order.Order, Reference: reference, Amount: state.Order.Amount, Currency: state.Order.Currency}, registryItself, err
	case regulation.ChooseCertificate:
		return s.sign(ctx, m, state, who, who.holder().ID)
	case regulation.Register:
		officer := s.World.account(domain.RoleOfficer, state.Licensor)
		number, err := s.Number(ctx, state.ID)
		return application.Register{At: m.At, Number: number}, officer, err
	}
	return nil, who, nil // it waits for the decision, or is over
}

func (s *Seeder) file(m Move) application.File {
	form := application.Form{
		Name: m.Sample.Applicant.Name, Address: m.Sample.Applicant.Address, Phone: "+7 700 000 00 00", Email: "demo@example.kz",
		Subactivities: m.Sample.Subactivities,
	}
	if m.Sample.Site != "" {
		form.Sites = []application.Site{{Kind: "object", Name: "№ 1", Address: m.Sample.Site}}
	}
	document := s.Document
	document.Paper = m.Sample.Procedure.Channel != regulation.Portal
	return application.File{At: m.At, Form: form, Documents: []application.Document{document}}
}

// sign signs as the application wants it, with the key of the holder.
func (s *Seeder) sign(ctx context.Context, m Move, state application.State, who Account, holder string) (application.Command, Account, error) {
	purpose, signer, _ := s.Rules.Signature(state, who.Subject)
	command, err := s.judged(ctx, m, holder, who, nil, signing.Claim{Signed: state.Content(), Purpose: purpose, Signer: signer})
	return command, who, err
}

// judged signs, and gives the command that the verdict calls for.
func (s *Seeder) judged(ctx context.Context, m Move, holder string, who Account, concerns *license.State, c signing.Claim) (application.Command, error) {
	c.Received = m.At
	v, err := s.Sign(ctx, holder, c)
	return application.Judged(c.Purpose, v, m.At, 0, who.ID, concerns), err
}

// draft has an officer draft the decision, unless that has been done.
func (s *Seeder) draft(ctx context.Context, m Move, stream domain.Stream, state application.State) (application.State, error) {
	officer := s.World.account(domain.RoleOfficer, state.Licensor)
	concerns, err := s.license(ctx, state.License)
	if err != nil || state.Draft != nil {
		return state, err
	}
	d := application.Decision{Decision: application.Approve, Order: m.order("Д"), ValidUntil: m.Sample.ValidUntil, PaymentProof: proof(m.Sample.Procedure, state)}
	if m.Kind == Refuse {
		d = application.Decision{Decision: application.Refuse, Ground: m.Sample.Ground,
			Text: "Біліктілік талаптарына сәйкестік расталмады. Соответствие квалификационным требованиям не подтверждено."}
	}
	meta := s.meta(m, officer)
	meta.Command = uuid.NewSHA1(m.id(), []byte("draft"))
	if _, err := s.execute(ctx, stream, meta, application.Draft{At: m.At, Decision: d, Drafter: officer.Subject, Concerns: concerns}); err != nil {
		return state, err
	}
	return domain.Load(ctx, s.Store, stream, application.Fold)
}

// decide has the head sign the draft.
func (s *Seeder) decide(ctx context.Context, m Move, state application.State, head Account) (application.Command, error) {
	concerns, err := s.license(ctx, state.License)
	if err != nil {
		return nil, err
	}
	return s.judged(ctx, m, head.ID, head, concerns, signing.Claim{
		Signed: state.Draft.Content, Purpose: signing.Decision,
		Signer: signing.Signer{IIN: head.Subject, BIN: s.Rules.Signing[state.Licensor].BIN},
	})
}

// signLicense has the head sign the license that came of the approval, unless that has been done.
func (s *Seeder) signLicense(ctx context.Context, m Move) error {
	number, err := s.result(ctx, m.Sample)
	if err != nil {
		return err
	}
	l, err := s.license(ctx, number)
	if err != nil || l.Signed != nil {
		return err
	}
	head := s.World.account(domain.RoleHead, l.Licensor)
	at := s.Clock.Now()
	v, err := s.Sign(ctx, head.ID, signing.Claim{
		Signed: l.Content(), Purpose: signing.Decision, Received: at,
		Signer: signing.Signer{IIN: head.Subject, BIN: s.Rules.Signing[l.Licensor].BIN},
	})
	if err == nil && v.Outcome != signing.Valid {
		err = fmt.Errorf("signature of license %s: %s: %w", number, v.Reason, domain.ErrInvalid)
	}
	if err != nil {
		return err
	}
	meta := s.meta(m, head)
	meta.Command, meta.Time = uuid.NewSHA1(m.id(), []byte("license")), at
	command := license.Sign{At: at, Signed: license.Signed{
		Subject: v.IIN, Signatory: v.Name, Serial: v.Serial, Digest: v.Digest, Method: v.Method, Evidence: v.Evidence,
	}}
	_, err = domain.Execute(ctx, s.Store, domain.Stream{Category: domain.LicenseCategory, ID: number}, meta, license.Fold,
		func(now license.State) ([]domain.Payload, error) { return license.Decide(now, command) })
	return err
}

// result is the number of the license that came of the sample.
func (s *Seeder) result(ctx context.Context, sample *Sample) (string, error) {
	state, err := domain.Load(ctx, s.Store, domain.Stream{Category: domain.ApplicationCategory, ID: ID(sample.Name)}, application.Fold)
	if err == nil && state.Result == "" {
		err = fmt.Errorf("sample %s has no license: %w", sample.Name, domain.ErrInvalid)
	}
	return state.Result, err
}

func (s *Seeder) license(ctx context.Context, number string) (*license.State, error) {
	if number == "" {
		return nil, nil
	}
	state, err := domain.Load(ctx, s.Store, domain.Stream{Category: domain.LicenseCategory, ID: number}, license.Fold)
	return &state, err
}

// onLicense is what befalls the license that came of the sample.
func (s *Seeder) onLicense(ctx context.Context, m Move) error {
	number, err := s.result(ctx, m.Sample)
	if err != nil {
		return err
	}
	stream, err := domain.NewStream(domain.LicenseCategory, number)
	if err != nil {
		return err
	}
	head := s.World.account(domain.RoleHead, m.Sample.Procedure.Service.Licensor.Slug)
	command := licenseCommand(m)
	_, err = domain.Execute(ctx, s.Store, stream, s.meta(m, head), license.Fold,
		func(now license.State) ([]domain.Payload, error) { return license.Decide(now, command) })
	return err
}

func licenseCommand(m Move) license.Command {
	day := func(after int) string { return string(calendar.DayOf(m.At.AddDate(0, 0, after))) }
	order := m.order("П")
	switch m.Kind {
	case Suspend:
		return license.Suspend{At: m.At, From: day(0), Until: day(60), Order: order,
			Reason: "Анықталған бұзушылықтар жойылғанға дейін. До устранения выявленных нарушений."}
	case Resume:
		return license.Resume{At: m.At, On: day(0), Order: order, Reason: "Бұзушылықтар жойылды. Нарушения устранены."}
	case Terminate:
		return license.Terminate{At: m.At, On: day(0), Ground: license.OwnRequest, Order: order, Text: "Лицензиаттың өтініші бойынша. По заявлению лицензиата."}
	case AddSite:
		return license.AddSite{At: m.At, Site: license.Site{ID: "2", Kind: "branch", Name: "№ 2", Address: "Алматы қ., Сынақ көшесі, 2"}}
	default: // RemoveSite
		return license.RemoveSite{At: m.At, ID: "2", Reason: "Филиал жабылды. Филиал закрыт."}
	}
}
