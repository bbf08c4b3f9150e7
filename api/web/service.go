package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tizilim/tizilim/domain/regulation"
)

// ServicesPage is all services, by the act that regulates them.
type ServicesPage struct {
	Frame
	Acts []ActGroup
}

// ActGroup is the services of one act.
type ActGroup struct {
	ID       string // anchor
	Name     string
	Title    Wording
	Services []ServiceRow
}

// ServiceRow is one service in the list.
type ServiceRow struct {
	Title    Wording
	URL      string
	Licensor Wording
	Channels []Link
	Result   string
	Paid     string
}

// Link is a word that leads somewhere.
type Link struct{ Text, URL string }

// ServicePage is one service in one wording: what it is, the act, and what the act prints of it.
type ServicePage struct {
	Frame
	Heading       Wording
	Notice        string // that another wording is in force
	InForce       string // address of that
	Facts         []Fact
	Procedures    []Link
	ActFacts      []Fact
	Wordings      []Link // where there are several
	ActItems      []Provision
	Signed        []Wording
	Items         []Provision
	Legend        []Wording
	Screens       []Screen
	Questionnaire Questionnaire // without questions where the act has none
	Conflicts     []Conflict
}

// Provision is one item of an act or a regulation as printed. One that is a procedure has its address.
type Provision struct {
	Number  string
	Topic   string
	Wording Wording
	Parts   []Part
	URL     string
	More    string // the words of the link
}

// Part is an item of a provision.
type Part struct {
	Number  string
	Wording Wording
}

// Screen is a printed screen; Lost says so where it was a picture.
type Screen struct {
	Title  Wording
	Fields []Wording
	Lost   bool
}

// Questionnaire is the printed form.
type Questionnaire struct {
	Title     Wording
	Questions []Question
}

// Question is one of its questions.
type Question struct {
	Wording Wording
	Answers []Wording
}

func (s *Site) listServices(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(r, "service")
	page := ServicesPage{Frame: f}
	page.Title = f.T("services.title")
	for _, service := range s.Catalog().Services() {
		service, err := s.Catalog().InForce(service.Slug, s.Now())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(page.Acts, func(a ActGroup) bool { return a.ID == service.Act.ID })
		if i < 0 {
			i = len(page.Acts)
			page.Acts = append(page.Acts, ActGroup{ID: service.Act.ID, Name: actName(f, service.Act), Title: f.wording(service.Act.Title)})
		}
		page.Acts[i].Services = append(page.Acts[i].Services, serviceRow(f, service))
	}
	return s.render(w, r, "services", http.StatusOK, page)
}

func serviceRow(f Frame, service *regulation.Service) ServiceRow {
	row := ServiceRow{
		Title: f.wording(service.Title), URL: serviceURL(service.Slug, ""), Licensor: f.wording(service.Licensor.Title),
		Result: f.T("license.kind." + service.Result), Paid: f.T("services.free"),
	}
	if service.Paid {
		row.Paid = f.T("services.for-fee")
	}
	for _, p := range service.Procedures {
		row.Channels = append(row.Channels, Link{f.T("channel." + string(p.Channel)), procedureURL(p, "")})
	}
	return row
}

// actName is "Order No. 294 of 2 October 2012".
func actName(f Frame, a *regulation.Act) string {
	return f.T("act.name", "kind", a.Kind.In(f.Lang), "number", a.Number, "date", f.Day(string(a.Date)))
}

// serviceURL is the address of a service's page, in the wording of the act where one is given.
func serviceURL(slug, act string) string { return withAct(url.PathEscape(slug), act) }

func procedureURL(p *regulation.Procedure, act string) string {
	return withAct(url.PathEscape(p.Service.Slug)+"/"+url.PathEscape(string(p.Channel)), act)
}

func withAct(path, act string) string {
	if act == "" {
		return "/services/" + path
	}
	return "/services/" + path + "?" + url.Values{"act": {act}}.Encode()
}

// ProcedurePath is the address of the procedure that a page's element with the id is about, empty where
// the catalog has none.
func (f Frame) ProcedurePath(id string) string {
	for _, service := range f.site.Catalog().Services() {
		for _, p := range service.Procedures {
			if service.Slug+"-"+string(p.Channel) == id {
				return procedureURL(p, "")
			}
		}
	}
	return ""
}

// worded is the service that a page's address names, in the wording of its act= or the one in force.
// act is to be in the page's links, empty for the wording in force.
func (s *Site) worded(r *http.Request) (service *regulation.Service, act string, err error) {
	slug := r.PathValue("slug")
	if service, err = s.Catalog().InForce(slug, s.Now()); err != nil {
		return nil, "", err
	}
	if act = r.URL.Query().Get("act"); act == "" || act == service.Act.ID || act == service.Act.Name() {
		return service, "", nil
	}
	service, err = s.Catalog().Named(act, slug)
	return service, act, err
}

// notice says that a page shows another wording than the one in force.
func notice(f Frame, service *regulation.Service, act string) string {
	if act == "" {
		return ""
	}
	return f.T("service.not-in-force", "act", actName(f, service.Act), "day", f.Day(string(service.Act.EffectiveFrom)))
}

func (s *Site) service(w http.ResponseWriter, r *http.Request) error {
	service, act, err := s.worded(r)
	if err != nil {
		return err
	}
	f := s.frame(r, "service")
	page := ServicePage{
		Frame: f, Heading: f.wording(service.Title), Notice: notice(f, service, act), InForce: serviceURL(service.Slug, ""),
		Facts: serviceFacts(f, service), ActFacts: actFacts(f, service), Wordings: s.wordings(f, service),
		ActItems: provisions(f, service.Act.Provisions), Items: printedItems(f, service, act),
		Screens: screens(f, service.Screens), Questionnaire: questionnaire(f, service.Questionnaire),
		Conflicts: serviceConflicts(f, service),
	}
	page.Title = page.Heading.Text
	for _, p := range service.Procedures {
		page.Procedures = append(page.Procedures, Link{f.T("procedure.through." + string(p.Channel)), procedureURL(p, act)})
	}
	for _, entry := range service.Legend {
		page.Legend = append(page.Legend, f.wording(entry.Wording))
	}
	for _, text := range slices.Concat(service.Act.Signatories, service.Act.Agreed) {
		page.Signed = append(page.Signed, f.wording(text))
	}
	return s.render(w, r, "service", http.StatusOK, page)
}

// serviceFacts are the lines about the service itself.
func serviceFacts(f Frame, s *regulation.Service) []Fact {
	paid := "services.free"
	if s.Paid {
		paid = "services.for-fee"
	}
	list := []Fact{
		{Name: f.T("license.activity"), Value: f.wording(s.Activity)},
		{Name: f.T("license.licensor"), Value: f.wording(s.Licensor.Title)},
		fact(f, "service.requests", words(f, "request.", s.Requests)),
		fact(f, "service.applicants", words(f, "applicant.", s.Applicants)),
		fact(f, "services.result", f.T("license.kind."+s.Result)),
		fact(f, "services.payment", f.T(paid)),
		{Name: f.T("service.automation"), Value: f.wording(s.Automation)},
		{Name: f.T("service.standard"), Value: f.wording(s.Standard)},
	}
	var systems []string
	for _, system := range s.Systems {
		systems = append(systems, s.Act.Printed(system.Title, f.Lang))
	}
	asked := f.cell(s.Act, nil)
	asked.Text = strings.Join(systems, "; ")
	return given(append(list, Fact{Name: f.T("service.systems"), Value: asked}, fact(f, "service.phones", strings.Join(s.Phones, ", ")))...)
}

// words are tokens in words, with commas between.
func words[T ~string](f Frame, prefix string, tokens []T) string {
	text := ""
	for i, t := range tokens {
		if i > 0 {
			text += ", "
		}
		text += f.T(prefix + string(t))
	}
	return text
}

// actFacts are the lines about the act.
func actFacts(f Frame, s *regulation.Service) []Fact {
	a := s.Act
	list := []Fact{
		fact(f, "act.act", actName(f, a)),
		{Name: f.T("act.title"), Value: f.wording(a.Title)},
		{Name: f.T("act.body"), Value: f.wording(a.Body)},
		fact(f, "act.registration", f.T("act.entry", "number", a.Registration.Number, "date", f.Day(string(a.Registration.Date)))),
		fact(f, "act.effective", f.Day(string(a.EffectiveFrom))),
		fact(f, "act.languages", words(f, "language.", a.Languages)),
	}
	for _, m := range a.Amendments {
		list = append(list, Fact{Name: f.T("act.amended"), Value: f.tongue(m.By)}, Fact{Name: f.T("act.amendment-note"), Value: f.tongue(m.Note)})
	}
	if a.Repeal != nil {
		list = append(list, Fact{Name: f.T("act.repealed"), Value: f.tongue(a.Repeal.By)}, fact(f, "act.repealed-on", f.Day(string(a.Repeal.Date))))
	}
	return given(list...)
}

// wordings are the addresses of all wordings of a service that has several, the newest first.
func (s *Site) wordings(f Frame, service *regulation.Service) []Link {
	var acts []*regulation.Act
	for _, a := range s.Catalog().Acts {
		if slices.ContainsFunc(a.Services, func(other *regulation.Service) bool { return other.Slug == service.Slug }) {
			acts = append(acts, a)
		}
	}
	if len(acts) < 2 {
		return nil
	}
	slices.SortFunc(acts, func(a, b *regulation.Act) int { return b.EffectiveFrom.Time().Compare(a.EffectiveFrom.Time()) })
	var links []Link
	for _, a := range acts {
		text := f.T("act.wording", "act", actName(f, a), "day", f.Day(string(a.EffectiveFrom)))
		links = append(links, Link{text, serviceURL(service.Slug, a.ID)})
	}
	return links
}

func provisions(f Frame, printed []regulation.Provision) []Provision {
	var list []Provision
	for _, p := range printed {
		item := Provision{Number: p.Number, Topic: f.T("topic." + string(p.Topic)), Wording: f.wording(p.Wording)}
		for _, part := range p.Parts {
			item.Parts = append(item.Parts, Part{part.Number, f.wording(part.Wording)})
		}
		list = append(list, item)
	}
	return list
}

// printedItems are the items of the service's regulation in the order of their numbers, with those that are
// its procedures at their place.
func printedItems(f Frame, s *regulation.Service, act string) []Provision {
	list := provisions(f, s.Provisions)
	if len(list) == 0 {
		return nil
	}
	for _, p := range s.Procedures {
		item := Provision{
			Number: p.Item, Topic: f.T("topic.procedure"), Wording: f.wording(p.Heading),
			URL: procedureURL(p, act), More: f.T("procedure.through." + string(p.Channel)),
		}
		i := slices.IndexFunc(list, func(other Provision) bool { return later(other.Number, p.Item) })
		if i < 0 {
			i = len(list)
		}
		list = slices.Insert(list, i, item)
	}
	return list
}

// later reports whether the number of an item comes after another.
func later(number, other string) bool {
	a, err1 := strconv.Atoi(number)
	b, err2 := strconv.Atoi(other)
	return err1 == nil && err2 == nil && a > b
}

func screens(f Frame, printed []regulation.Screen) []Screen {
	var list []Screen
	for _, p := range printed {
		screen := Screen{Title: f.wording(p.Title), Lost: p.Fields == nil}
		for _, field := range p.Fields {
			screen.Fields = append(screen.Fields, f.wording(field))
		}
		list = append(list, screen)
	}
	return list
}

func questionnaire(f Frame, printed *regulation.Questionnaire) (q Questionnaire) {
	if printed == nil {
		return q
	}
	q.Title = f.wording(printed.Title)
	for _, p := range printed.Questions {
		question := Question{Wording: f.wording(p.Wording)}
		for _, answer := range p.Answers {
			question.Answers = append(question.Answers, f.wording(answer))
		}
		q.Questions = append(q.Questions, question)
	}
	return q
}
