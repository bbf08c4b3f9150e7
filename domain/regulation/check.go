package regulation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// languages are those the registry speaks; a title must be there in each.
var languages = []string{"ru", "kk", "en"}

var (
	token       = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	phoneNumber = regexp.MustCompile(`^[0-9]{3,15}$`)
)

// checker collects the problems of one act.
type checker struct {
	act      *Act
	problems []error
	named    map[string]bool // the act's discrepancies that something refers to
}

// checkAll checks every act by itself, and what no two acts may share.
func checkAll(sources []*source) []error {
	var problems []error
	discrepancies := map[string]string{} // id to file
	type wording struct {
		slug string
		from Date
	}
	wordings := map[wording]string{} // to act id
	for _, src := range sources {
		problems = append(problems, checkAct(src)...)
		for i, d := range src.act.Discrepancies {
			if file, ok := discrepancies[d.ID]; ok && file != src.file {
				problems = append(problems, src.at("discrepancies", i, "id").problem("discrepancy %q is in %s too", d.ID, file))
			}
			discrepancies[d.ID] = src.file
		}
		for i, s := range src.act.Services {
			if s == nil {
				continue
			}
			w := wording{s.Slug, src.act.EffectiveFrom}
			if id, ok := wordings[w]; ok && id != src.act.ID {
				problems = append(problems, src.at("services", i, "slug").problem(
					"service %q is worded by act %q from %s too", s.Slug, id, w.from))
			}
			wordings[w] = src.act.ID
		}
	}
	return problems
}

func checkAct(src *source) []error {
	a, at := src.act, src.at()
	c := &checker{act: a, named: map[string]bool{}}
	c.token(at, "id", a.ID)
	if len(a.Country) != 2 || strings.ToUpper(a.Country) != a.Country {
		c.refuse(at.at("country"), "country %q is no ISO 3166 alpha-2 code", a.Country)
	}
	set(c, at.at("languages"), "language", a.Languages, languages...)
	c.some(at, "title", a.Title)
	c.some(at, "kind", a.Kind)
	c.some(at, "body", a.Body)
	c.filled(at, "number", a.Number)
	c.date(at, "date", a.Date)
	c.date(at, "effective_from", a.EffectiveFrom)
	c.filled(at.at("registration"), "number", a.Registration.Number)
	c.date(at.at("registration"), "date", a.Registration.Date)
	if a.Repeal != nil {
		c.filled(at.at("repeal"), "by", a.Repeal.By)
		c.date(at.at("repeal"), "date", a.Repeal.Date)
	}
	for i, m := range a.Amendments {
		c.filled(at.at("amendments", i), "by", m.By)
		c.date(at.at("amendments", i), "date", m.Date)
	}
	c.discrepancies(at, a.Discrepancies)
	c.provisions(at.at("provisions"), a.Provisions)
	c.each(at, "agreed", a.Agreed)
	c.each(at, "signatories", a.Signatories)
	c.services(at.at("services"), a.Services)
	c.unnamed(at, a.Discrepancies)
	return c.problems
}

func (c *checker) services(at place, services []*Service) {
	if len(services) == 0 {
		c.refuse(at, "an act without services")
	}
	seen := map[string]bool{}
	for i, s := range services {
		if s == nil {
			c.refuse(at.at(i), "a service without content")
			continue
		}
		if seen[s.Slug] {
			c.refuse(at.at(i, "slug"), "two services %q", s.Slug)
		}
		seen[s.Slug] = true
		c.service(at.at(i), s)
	}
}

func (c *checker) service(at place, s *Service) {
	c.token(at, "slug", s.Slug)
	c.every(at, "title", s.Title)
	c.every(at, "activity", s.Activity)
	c.token(at.at("licensor"), "slug", s.Licensor.Slug)
	c.every(at.at("licensor"), "title", s.Licensor.Title)
	c.print(at, "standard", s.Standard)
	c.print(at, "automation", s.Automation)
	set(c, at.at("requests"), "request", s.Requests, Issue, Reissue, Duplicate)
	set(c, at.at("applicants"), "identifier", s.Applicants, "iin", "bin")
	if s.Result != "license" && s.Result != "permit" {
		c.refuse(at.at("result"), "result %q is neither license nor permit", s.Result)
	}
	if !at.has("paid") {
		c.refuse(at, "service %q does not say whether it is paid", s.Slug)
	}
	c.references(at, s.Discrepancies)
	c.beside(at, s)
	if len(s.Procedures) == 0 {
		c.refuse(at.at("procedures"), "service %q has no procedure", s.Slug)
	}
	var channels []Channel
	for i, p := range s.Procedures {
		here := at.at("procedures", i)
		if p == nil {
			c.refuse(here, "a procedure without content")
			continue
		}
		channels = append(channels, p.Channel)
		c.procedure(here, s, p)
	}
	set(c, at.at("procedures"), "channel", channels, Portal, Office, Center)
	if s.Paid && !slices.ContainsFunc(s.Procedures, func(p *Procedure) bool { return p != nil && p.Has(Pay) }) {
		c.refuse(at.at("paid"), "service %q is paid, and no procedure has a step %q", s.Slug, Pay)
	}
}

func (c *checker) procedure(at place, s *Service, p *Procedure) {
	c.references(at, p.Discrepancies)
	c.onlyPrinted(at, "heading", p.Heading)
	c.onlyPrinted(at, "caption", p.Caption)
	for i, item := range p.Text {
		c.item(at.at("text", i), item)
	}
	if len(p.Steps) == 0 {
		c.refuse(at.at("steps"), "a procedure without steps")
		return
	}
	if i := slices.Index(p.Steps, nil); i >= 0 {
		c.refuse(at.at("steps", i), "a step without content")
		return
	}
	before := len(c.problems)
	for i, step := range p.Steps {
		c.step(at.at("steps", i), s, p, i, step)
	}
	if len(c.problems) == before { // a flow is only worth checking over sound steps
		c.flow(at.at("steps"), p)
	}
}

func (c *checker) item(at place, item Item) {
	switch {
	case item.Kind != "process" && item.Kind != "condition" && item.Kind != "":
		c.refuse(at.at("kind"), "kind %q is neither process nor condition", item.Kind)
	case item.Kind == "" && item.Number != nil:
		c.refuse(at.at("number"), "an item that is neither process nor condition has no number")
	case item.Kind != "" && (item.Number == nil || *item.Number < 1):
		c.refuse(at.at("number"), "a %s without a number", item.Kind)
	}
	c.print(at, "wording", item.Wording)
}

// step checks what a step says of itself; its place among the others is for flow.
func (c *checker) step(at place, s *Service, p *Procedure, i int, step *Step) {
	if p.Step(step.Number) != step {
		c.refuse(at.at("number"), "two steps %d", step.Number)
	} else if step.Number != i+1 {
		c.refuse(at.at("number"), "step %d where step %d is due", step.Number, i+1)
	}
	c.cell(at.at("actor"), "printed", step.Actor.Printed, step)
	if !slices.Contains([]Role{Applicant, Officer, Operator, System}, step.Actor.Role) {
		c.refuse(at.at("actor", "role"), "unknown role %q", step.Actor.Role)
	}
	c.cell(at, "wording", step.Wording, step)
	for _, field := range []string{"completion", "deadline", "next_printed"} {
		if !at.has(field) {
			c.refuse(at, "step %d does not give its %s; write it empty where the cell is empty", step.Number, field)
		}
	}
	c.onlyPrinted(at, "completion", step.Completion)
	c.onlyPrinted(at, "next_printed", step.NextPrinted)
	c.references(at, step.Discrepancies)
	c.deadline(at.at("deadline"), s, step)
	c.edges(at, p, step)
	if !s.Paid && (step.Action == Pay || step.Action == RefuseUnpaid) {
		c.refuse(at.at("action"), "service %q is not paid, and step %d is %q", s.Slug, step.Number, step.Action)
	}
}

func (c *checker) deadline(at place, s *Service, step *Step) {
	d := step.Deadline
	c.onlyPrinted(at, "printed", d.Printed)
	cell, differs := "", len(d.Printed) == 0 && d.Max != nil
	for _, lang := range languages {
		printed, err := ParseDeadline(d.Printed[lang])
		if err != nil {
			c.refuse(at.at("printed"), "%v", err)
			return
		}
		if d.Printed[lang] != "" && !d.same(printed) {
			cell, differs = d.Printed[lang], true
		}
	}
	switch {
	case d.Unit != "" && d.Unit != Seconds && d.Unit != WorkingDays:
		c.refuse(at.at("unit"), "unknown unit %q", d.Unit)
	case (d.Unit == "") != (d.Max == nil) || (d.Min == nil) != (d.Max == nil):
		c.refuse(at, "min, max and unit of a deadline are given together or not at all")
	case d.Max != nil && (*d.Min < 0 || *d.Max < 1 || *d.Min > *d.Max):
		c.refuse(at, "min %d and max %d are no term", *d.Min, *d.Max)
	case differs && !c.act.Differs(step, DeadlineCell):
		c.refuse(at, "deadline %q is in effect as %s, and no discrepancy of step %d about that cell says why",
			cell, d, step.Number)
	}
	for r, n := range d.ByRequest {
		if !slices.Contains(byRequest, r) {
			c.refuse(at.at("by_request"), "unknown request %q", r)
		} else if d.Max == nil || n < *d.Min || n > *d.Max {
			c.refuse(at.at("by_request", string(r)), "the term of %s is outside min and max", r)
		}
	}
	for _, r := range s.Requests {
		if _, ok := d.ByRequest[r]; !ok && len(d.ByRequest) > 0 {
			c.refuse(at.at("by_request"), "no term for request %q, which the service offers", r)
		}
	}
}

func (c *checker) discrepancies(at place, all []Discrepancy) {
	for i, d := range all {
		here := at.at("discrepancies", i)
		c.token(here, "id", d.ID)
		if c.act.Discrepancy(d.ID) != &all[i] {
			c.refuse(here.at("id"), "two discrepancies %q", d.ID)
		}
		for j, cell := range d.Cells {
			if !slices.Contains([]Cell{ActorCell, DeadlineCell, NextCell, CutCell}, cell) {
				c.refuse(here.at("cells", j), "unknown cell %q", cell)
			}
		}
		c.ours(here, "place", d.Place)
		if len(d.Printed) == 0 && len(d.Against) == 0 {
			c.refuse(here, "discrepancy %q puts nothing against nothing", d.ID)
		}
		c.languages(here, "printed", d.Printed)
		c.languages(here, "against", d.Against)
		c.ours(here, "effect", d.Effect)
		c.ours(here, "reason", d.Reason)
	}
}

func (c *checker) references(at place, ids []string) {
	for i, id := range ids {
		if c.act.Discrepancy(id) == nil {
			c.refuse(at.at("discrepancies", i), "no discrepancy %q in the act", id)
		}
		if slices.Contains(ids[:i], id) {
			c.refuse(at.at("discrepancies", i), "discrepancy %q is named twice", id)
		}
		c.named[id] = true
	}
}

// unnamed refuses discrepancies that nobody would ever be shown.
func (c *checker) unnamed(at place, all []Discrepancy) {
	for i, d := range all {
		if !c.named[d.ID] && !strings.HasPrefix(d.Place["en"], "act") {
			c.refuse(at.at("discrepancies", i, "id"),
				"discrepancy %q is named by no step, procedure or service, and its place does not begin with \"act\"", d.ID)
		}
	}
}

func (c *checker) refuse(at place, format string, args ...any) {
	c.problems = append(c.problems, at.problem(format, args...))
}

func (c *checker) token(at place, field, value string) {
	if !token.MatchString(value) {
		c.refuse(at.at(field), "%s %q is no token of small letters, digits and hyphens", field, value)
	}
}

func (c *checker) filled(at place, field, value string) {
	if strings.TrimSpace(value) == "" {
		c.refuse(at.at(field), "%s is missing", field)
	}
}

func (c *checker) date(at place, field string, d Date) {
	if _, err := time.Parse(time.DateOnly, string(d)); err != nil {
		c.refuse(at.at(field), "%s %q is no day YYYY-MM-DD", field, d)
	}
}

// ours wants a text of ours: in English at least, which every other language falls back to.
func (c *checker) ours(at place, field string, t Text) {
	if strings.TrimSpace(t["en"]) == "" {
		c.refuse(at.at(field), "%s is missing", field)
	}
	c.languages(at, field, t)
}

// every wants the text in each language of the registry.
func (c *checker) every(at place, field string, t Text) {
	for _, lang := range languages {
		if strings.TrimSpace(t[lang]) == "" {
			c.refuse(at.at(field), "%s is missing in %q", field, lang)
		}
	}
	c.languages(at, field, t)
}

// some wants the text in one language at least.
func (c *checker) some(at place, field string, t Text) {
	if len(t) == 0 {
		c.refuse(at.at(field), "%s is missing", field)
	}
	c.languages(at, field, t)
}

// print wants the text in one language of the print at least, and in no other.
func (c *checker) print(at place, field string, t Text) {
	if len(t) == 0 {
		c.refuse(at.at(field), "%s is missing", field)
	}
	c.onlyPrinted(at, field, t)
}

// onlyPrinted wants what is there to be in languages of the print: nothing printed is made up.
func (c *checker) onlyPrinted(at place, field string, t Text) {
	c.languages(at, field, t)
	for lang := range t {
		if slices.Contains(languages, lang) && !slices.Contains(c.act.Languages, lang) {
			c.refuse(at.at(field, lang), "%s in %q, which the act is not printed in", field, lang)
		}
	}
}

// cell wants the wording of a printed cell. Where a printed table is cut, the cell is left out, and a
// discrepancy of the step about CutCell tells so.
func (c *checker) cell(at place, field string, t Text, step *Step) {
	if len(t) == 0 && !c.act.Differs(step, CutCell) {
		c.refuse(at.at(field), "%s is missing, and no discrepancy of step %d says that the table is cut", field, step.Number)
	}
	c.onlyPrinted(at, field, t)
}

// beside checks what a service has beside its procedures.
func (c *checker) beside(at place, s *Service) {
	c.provisions(at.at("provisions"), s.Provisions)
	ids := make([]string, len(s.Systems))
	for i, system := range s.Systems {
		here := at.at("systems", i)
		c.token(here, "id", system.ID)
		c.print(here, "title", system.Title)
		if slices.Contains(ids, system.ID) {
			c.refuse(here.at("id"), "two systems %q", system.ID)
		}
		ids[i] = system.ID
	}
	for i, phone := range s.Phones {
		if !phoneNumber.MatchString(phone) {
			c.refuse(at.at("phones", i), "phone %q is not digits alone", phone)
		}
	}
	for i, sign := range s.Legend {
		if !slices.Contains(symbols, sign.Symbol) {
			c.refuse(at.at("legend", i, "symbol"), "unknown symbol %q", sign.Symbol)
		}
		c.print(at.at("legend", i), "wording", sign.Wording)
	}
	for i, screen := range s.Screens {
		c.print(at.at("screens", i), "title", screen.Title)
		c.each(at.at("screens", i), "fields", screen.Fields)
	}
	if q := s.Questionnaire; q != nil {
		c.questionnaire(at.at("questionnaire"), q)
	}
}

func (c *checker) provisions(at place, provisions []Provision) {
	for i, p := range provisions {
		here := at.at(i)
		if !slices.Contains(topics, p.Topic) {
			c.refuse(here.at("topic"), "unknown topic %q", p.Topic)
		}
		c.print(here, "wording", p.Wording)
		for j, part := range p.Parts {
			c.print(here.at("parts", j), "wording", part.Wording)
		}
	}
}

func (c *checker) questionnaire(at place, q *Questionnaire) {
	c.print(at, "title", q.Title)
	if len(q.Questions) == 0 {
		c.refuse(at.at("questions"), "a questionnaire without questions")
	}
	for i, question := range q.Questions {
		here := at.at("questions", i)
		c.print(here, "wording", question.Wording)
		if len(question.Answers) < 2 {
			c.refuse(here.at("answers"), "a question with %d answers", len(question.Answers))
		}
		c.each(here, "answers", question.Answers)
	}
}

// each wants every text of the list in one language at least.
func (c *checker) each(at place, field string, list []Text) {
	for i, t := range list {
		if len(t) == 0 {
			c.refuse(at.at(field, i), "%s: an entry without a wording", field)
		}
		c.onlyPrinted(at, field, t)
	}
}

// languages wants what is there to be in a known language and not blank.
func (c *checker) languages(at place, field string, t Text) {
	for lang, wording := range t {
		if !slices.Contains(languages, lang) {
			c.refuse(at.at(field, lang), "%s in unknown language %q", field, lang)
		}
		if strings.TrimSpace(wording) == "" {
			c.refuse(at.at(field, lang), "%s in %q is blank: leave the language out", field, lang)
		}
	}
}

// set wants one or more values, each known and none twice.
func set[T ~string](c *checker, at place, noun string, values []T, known ...T) {
	if len(values) == 0 {
		c.refuse(at, "no %s", noun)
	}
	for i, v := range values {
		if !slices.Contains(known, v) {
			c.refuse(at.at(i), "unknown %s %q", noun, v)
		}
		if slices.Contains(values[:i], v) {
			c.refuse(at.at(i), "two times %s %q", noun, fmt.Sprint(v))
		}
	}
}
