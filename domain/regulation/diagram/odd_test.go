package diagram

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// odd is a procedure that the checks of package regulation would let pass and no act has: any action
// by any role, with and without steps of refusal, with and without deadlines.
func odd(r *rand.Rand) *regulation.Procedure {
	way := [][]regulation.Action{
		{regulation.Authorize, regulation.FillForm, regulation.QueryRegisters, regulation.AnswerRegisters, regulation.Pay,
			regulation.ChooseCertificate, regulation.Sign, regulation.Register, regulation.IssueResult},
		{regulation.Authorize, regulation.EnterApplicant, regulation.QueryRegisters, regulation.AttachAndSign, regulation.Send,
			regulation.Register, regulation.IssueOrRefuse},
		{regulation.Authorize, regulation.AttachDocuments, regulation.Register, regulation.IssueResult},
	}[r.IntN(3)]
	branches := map[regulation.Action][]any{
		regulation.Authorize:         {regulation.Authorized, regulation.Unauthorized, regulation.RejectAuthorization},
		regulation.QueryRegisters:    {regulation.Found, regulation.Absent, regulation.ReportAbsent},
		regulation.AnswerRegisters:   {regulation.Found, regulation.Absent, regulation.ReportAbsent},
		regulation.Pay:               {regulation.Paid, regulation.Unpaid, regulation.RefuseUnpaid},
		regulation.ChooseCertificate: {regulation.Valid, regulation.Invalid, regulation.RefuseSignature},
		regulation.Register:          {regulation.Approved, regulation.Refused, regulation.Refuse},
	}
	roles := []regulation.Role{regulation.Applicant, regulation.Officer, regulation.Operator, regulation.System}
	roles = roles[:1+r.IntN(len(roles))]
	long := strings.Repeat("Қазақстанреспубликасы ", 1+r.IntN(4))
	act := &regulation.Act{ID: "xx", Date: "2026-01-02", Number: "1", Body: regulation.Text{"ru": long}}
	service := &regulation.Service{Slug: "odd", Title: regulation.Text{"kk": long}, Result: "permit", Act: act}
	p := &regulation.Procedure{Channel: regulation.Office, Service: service}
	add := func(a regulation.Action) *regulation.Step {
		s := &regulation.Step{Number: len(p.Steps) + 1, Action: a}
		s.Actor.Role = roles[r.IntN(len(roles))]
		s.Actor.Printed = regulation.Text{"ru": long}
		if r.IntN(2) == 0 {
			n := 1 + r.IntN(2000)
			s.Deadline = regulation.Deadline{Max: &n, Unit: regulation.Seconds}
			if r.IntN(3) == 0 {
				s.Deadline.Unit = regulation.WorkingDays
				s.Deadline.ByRequest = map[regulation.Request]int{regulation.Issue: n, regulation.Duplicate: 2}
			}
		}
		p.Steps = append(p.Steps, s)
		return s
	}
	for i, a := range way {
		s := add(a)
		if i+1 == len(way) {
			break
		}
		branch := branches[a]
		// The query branches only where no answer follows; the registration not before a step that refuses itself.
		if branch == nil || a == regulation.QueryRegisters && way[i+1] == regulation.AnswerRegisters ||
			a == regulation.Register && way[i+1] == regulation.IssueOrRefuse || a == regulation.Authorize && r.IntN(2) == 0 {
			s.Next = []regulation.Edge{{To: len(p.Steps) + 1}}
			continue
		}
		refuse := 0
		if r.IntN(3) > 0 {
			refuse = add(branch[2].(regulation.Action)).Number
		}
		s.Next = []regulation.Edge{{To: len(p.Steps) + 1, When: branch[0].(regulation.Outcome)}, {To: refuse, When: branch[1].(regulation.Outcome)}}
	}
	return p
}

func TestOddProcedures(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 3))
		p, lang := odd(r), languages[seed%3]
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			for _, path := range [][]Visit{nil, through(p)} {
				c, err := draw(p, Options{Lang: lang, Path: path})
				if err != nil {
					t.Fatal(err)
				}
				inspect(t, c)
				wellFormed(t, c.svg())
			}
			inspectBPMN(t, p, lang)
		})
	}
}

// TestSharedRefusal: two conditions may lead to one step of refusal; it is drawn at each.
func TestSharedRefusal(t *testing.T) {
	p := odd(rand.New(rand.NewPCG(1, 1)))
	p.Steps = nil
	for i, a := range []regulation.Action{regulation.Authorize, regulation.QueryRegisters, regulation.AnswerRegisters, regulation.ReportAbsent,
		regulation.FillForm, regulation.Register, regulation.IssueResult} {
		p.Steps = append(p.Steps, &regulation.Step{Number: i + 1, Action: a, Actor: regulation.Actor{Role: regulation.System}, Next: []regulation.Edge{{To: i + 2}}})
	}
	p.Steps[1].Next = []regulation.Edge{{To: 3, When: regulation.Found}, {To: 4, When: regulation.Absent}}
	p.Steps[2].Next = []regulation.Edge{{To: 5, When: regulation.Found}, {To: 4, When: regulation.Absent}}
	p.Steps[3].Next, p.Steps[6].Next = nil, nil
	visits := []Visit{
		{Step: 1, Entered: morning, Left: morning, Outcome: OnTime},
		{Step: 2, Entered: morning, Left: morning, Outcome: OnTime, Branch: regulation.Found},
		{Step: 3, Entered: morning, Left: morning, Outcome: OnTime, Branch: regulation.Absent},
		{Step: 4, Entered: morning, Left: morning, Outcome: OnTime},
	}
	c, err := draw(p, Options{Path: visits})
	if err != nil {
		t.Fatal(err)
	}
	inspect(t, c)
	inspectBPMN(t, p, "en")
	first, again := c.node("step-4"), c.node("step-4-again")
	if first == nil || again == nil {
		t.Fatal("the refusal is not drawn twice")
	}
	if first.visit != nil || first.taken || again.visit == nil {
		t.Error("the path goes through the refusal of the other condition")
	}
}

func TestRefused(t *testing.T) {
	sound := func() *regulation.Procedure { return procedure(t, "import-permit", regulation.Portal) }
	tests := map[string]func(p *regulation.Procedure, o *Options){
		"no steps":            func(p *regulation.Procedure, o *Options) { p.Steps = nil },
		"no service":          func(p *regulation.Procedure, o *Options) { p.Service = nil },
		"a loop":              func(p *regulation.Procedure, o *Options) { p.Step(3).Next[0].To = 1 },
		"a missing step":      func(p *regulation.Procedure, o *Options) { p.Step(3).Next[0].To = 99 },
		"a missing refusal":   func(p *regulation.Procedure, o *Options) { p.Step(1).Next[1].To = 99 },
		"two ways on":         func(p *regulation.Procedure, o *Options) { p.Step(1).Next[1].When = regulation.Paid },
		"two refusals":        func(p *regulation.Procedure, o *Options) { p.Step(1).Next[0].When = regulation.Absent },
		"an end half way":     func(p *regulation.Procedure, o *Options) { p.Step(3).Next = nil },
		"a refusal goes on":   func(p *regulation.Procedure, o *Options) { p.Step(2).Next = []regulation.Edge{{To: 3}} },
		"an unknown step":     func(p *regulation.Procedure, o *Options) { o.Path = []Visit{{Step: 77, Outcome: OnTime}} },
		"an unknown standing": func(p *regulation.Procedure, o *Options) { o.Path = []Visit{{Step: 1, Outcome: "early"}} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			p, o := sound(), Options{}
			spoil(p, &o)
			if err := SVG(io.Discard, p, o); !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("SVG: %v, want ErrInvalid", err)
			}
			if o.Path == nil {
				if err := BPMN(io.Discard, p, "ru"); !errors.Is(err, domain.ErrInvalid) {
					t.Errorf("BPMN: %v, want ErrInvalid", err)
				}
			}
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriterFails(t *testing.T) {
	p := procedure(t, "import-permit", regulation.Portal)
	if err := SVG(full{}, p, Options{}); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
	if err := BPMN(full{}, p, "kk"); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}
