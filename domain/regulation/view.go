package regulation

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// width is the column at which the printed view breaks its lines.
const width = 100

// labels are the words of the view, by language.
var labels = map[string]map[string]string{
	"en": {
		"service": "SERVICE", "act": "ACT", "channels": "CHANNELS", "steps": "STEPS", "title": "TITLE",
		"Act": "Act", "Activity": "Activity", "Licensor": "Licensor", "Standard": "Standard", "Automation": "Automation",
		"Requests": "Requests", "Applicants": "Applicants", "Result": "Result", "Paid": "Paid", "yes": "yes", "no": "no",
		"Channel": "Channel", "Text": "Text", "Step table": "Steps", "process": "process", "condition": "condition",
		"deadline": "deadline", "completion": "completion", "next": "next", "end": "end", "actor": "actor", "printed": "printed",
		"Provisions": "Further provisions", "Systems": "Systems asked", "Phones": "Telephone", "Screens": "Screens", "lost": "the picture is lost",
		"Questionnaire": "Questionnaire", "Legend": "Legend of the diagrams", "Registration": "Registered", "Repeal": "Repealed", "Amendment": "Amended",
		"Discrepancies": "Discrepancies", "place": "place", "against": "against", "effect": "in effect", "reason": "reason",
	},
	"ru": {
		"service": "УСЛУГА", "act": "АКТ", "channels": "КАНАЛЫ", "steps": "ШАГИ", "title": "НАЗВАНИЕ",
		"Act": "Акт", "Activity": "Деятельность", "Licensor": "Лицензиар", "Standard": "Стандарт", "Automation": "Автоматизация",
		"Requests": "Заявления", "Applicants": "Заявители", "Result": "Результат", "Paid": "Платная", "yes": "да", "no": "нет",
		"Channel": "Канал", "Text": "Текст", "Step table": "Шаги", "process": "процесс", "condition": "условие",
		"deadline": "срок", "completion": "форма завершения", "next": "далее", "end": "конец", "actor": "исполнитель", "printed": "напечатано",
		"Provisions": "Прочие положения", "Systems": "Запрашиваемые системы", "Phones": "Телефон", "Screens": "Экранные формы", "lost": "изображение утрачено",
		"Questionnaire": "Анкета", "Legend": "Условные обозначения диаграмм", "Registration": "Зарегистрирован", "Repeal": "Утратил силу", "Amendment": "Изменён",
		"Discrepancies": "Расхождения", "place": "место", "against": "другое место", "effect": "действует", "reason": "основание",
	},
	"kk": {
		"service": "ҚЫЗМЕТ", "act": "АКТІ", "channels": "АРНАЛАР", "steps": "ҚАДАМДАР", "title": "АТАУЫ",
		"Act": "Акт", "Activity": "Қызмет түрі", "Licensor": "Лицензиар", "Standard": "Стандарт", "Automation": "Автоматтандыру",
		"Requests": "Өтініштер", "Applicants": "Өтініш берушілер", "Result": "Нәтиже", "Paid": "Ақылы", "yes": "иә", "no": "жоқ",
		"Channel": "Арна", "Text": "Мәтін", "Step table": "Қадамдар", "process": "процесс", "condition": "шарт",
		"deadline": "мерзімі", "completion": "аяқталу нысаны", "next": "келесі", "end": "соңы", "actor": "орындаушы", "printed": "басылған",
		"Provisions": "Өзге ережелер", "Systems": "Сұратылатын жүйелер", "Phones": "Телефон", "Screens": "Экрандық нысандар", "lost": "сурет жоғалған",
		"Questionnaire": "Сауалнама", "Legend": "Диаграммалардың шартты белгілері", "Registration": "Тіркелген", "Repeal": "Күші жойылған", "Amendment": "Өзгертілген",
		"Discrepancies": "Сәйкессіздіктер", "place": "орны", "against": "басқа жерде", "effect": "қолданыста", "reason": "негізі",
	},
}

// In is the text in the language, or in Russian, Kazakh or English, the first that is there.
func (t Text) In(lang string) string {
	wording, _ := t.Wording(lang)
	return wording
}

// WriteList writes one line for each service: slug, act, channels, steps of each, title. A lang
// that the registry does not speak is English.
func WriteList(w io.Writer, c *Catalog, lang string) error {
	l := words(lang)
	var b bytes.Buffer
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\n", l["service"], l["act"], l["channels"], l["steps"], l["title"])
	for _, s := range c.Services() {
		var channels, steps []string
		for _, p := range s.Procedures {
			channels = append(channels, string(p.Channel))
			steps = append(steps, fmt.Sprint(len(p.Steps)))
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\n", s.Slug, s.Act.ID, strings.Join(channels, ","), strings.Join(steps, ","), s.Title.In(lang))
	}
	if err := tab.Flush(); err != nil {
		return fmt.Errorf("list of services: %w", err)
	}
	return write(w, &b)
}

// WriteService writes the service with its procedures, or with the one of the channel: the numbered
// text, each step as printed and in effect, and the discrepancies that concern what is shown.
// domain.ErrNotFound for a channel that the service does not have.
func WriteService(w io.Writer, s *Service, channel Channel, lang string) error {
	procedures := s.Procedures
	if channel != "" {
		p, err := s.Procedure(channel)
		if err != nil {
			return err
		}
		procedures = []*Procedure{p}
	}
	v := &view{l: words(lang), lang: lang, act: s.Act}
	v.service(s)
	shown := slices.Clone(s.Discrepancies)
	v.beside(s)
	for _, p := range procedures {
		v.procedure(p)
		shown = append(shown, p.Discrepancies...)
		for _, step := range p.Steps {
			shown = append(shown, step.Discrepancies...)
		}
	}
	v.discrepancies(s.Act, shown)
	return write(w, &v.b)
}

func words(lang string) map[string]string {
	if l, ok := labels[lang]; ok {
		return l
	}
	return labels["en"]
}

func write(w io.Writer, b *bytes.Buffer) error {
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write regulations: %w", err)
	}
	return nil
}

// view is a page of plain text in the making.
type view struct {
	b    bytes.Buffer
	l    map[string]string
	lang string
	act  *Act
}

func (v *view) service(s *Service) {
	v.line(0, "%s", s.Slug)
	v.line(2, "%s", s.Title.In(v.lang))
	v.line(0, "")
	a := s.Act
	v.line(2, "%s: %s № %s, %s, %s (%s)", v.l["Act"], a.Kind.In(v.lang), a.Number, a.Date, a.Body.In(v.lang), a.ID)
	v.line(4, "%s: № %s, %s", v.l["Registration"], a.Registration.Number, a.Registration.Date)
	for _, m := range a.Amendments {
		v.line(4, "%s: %s, %s", v.l["Amendment"], m.By, m.Date)
	}
	if a.Repeal != nil {
		v.line(4, "%s: %s, %s", v.l["Repeal"], a.Repeal.By, a.Repeal.Date)
	}
	v.line(2, "%s: %s", v.l["Activity"], s.Activity.In(v.lang))
	v.line(2, "%s: %s", v.l["Licensor"], s.Licensor.Title.In(v.lang))
	v.line(2, "%s: %s", v.l["Standard"], s.Standard.In(v.lang))
	v.line(2, "%s: %s", v.l["Automation"], s.Automation.In(v.lang))
	v.line(2, "%s: %s", v.l["Requests"], join(s.Requests))
	v.line(2, "%s: %s", v.l["Applicants"], join(s.Applicants))
	v.line(2, "%s: %s", v.l["Result"], s.Result)
	paid := v.l["no"]
	if s.Paid {
		paid = v.l["yes"]
	}
	v.line(2, "%s: %s", v.l["Paid"], paid)
	for _, system := range s.Systems {
		v.line(2, "%s: %s", v.l["Systems"], v.printed(system.Title))
	}
	if len(s.Phones) > 0 {
		v.line(2, "%s: %s", v.l["Phones"], strings.Join(s.Phones, ", "))
	}
	v.ids(2, s.Discrepancies)
}

// beside shows what is printed of the service beside its procedures.
func (v *view) beside(s *Service) {
	v.head(s.Provisions != nil, "Provisions")
	for _, p := range s.Provisions {
		v.line(4, "%s %s", numbered(p.Number, "."), v.printed(p.Wording))
		for _, part := range p.Parts {
			v.line(8, "%s %s", numbered(part.Number, ")"), v.printed(part.Wording))
		}
	}
	v.head(s.Screens != nil, "Screens")
	for _, screen := range s.Screens {
		v.line(4, "%s", v.printed(screen.Title))
		if screen.Fields == nil {
			v.line(8, "(%s)", v.l["lost"])
		}
		for _, field := range screen.Fields {
			v.line(8, "- %s", v.printed(field))
		}
	}
	v.head(s.Legend != nil, "Legend")
	for _, entry := range s.Legend {
		v.line(4, "%s: %s", entry.Symbol, v.printed(entry.Wording))
	}
	q := s.Questionnaire
	v.head(q != nil, "Questionnaire")
	if q == nil {
		return
	}
	v.line(4, "%s", v.printed(q.Title))
	for i, question := range q.Questions {
		v.line(4, "%d. %s", i+1, v.printed(question.Wording))
		for j, answer := range question.Answers {
			v.line(8, "%d) %s", j+1, v.printed(answer))
		}
	}
}

// head begins a part of the page, if there is one.
func (v *view) head(there bool, label string) {
	if there {
		v.line(0, "")
		v.line(2, "%s", v.l[label])
	}
}

// printed is what the act prints, in the view's language where it is printed in that.
func (v *view) printed(t Text) string { return v.act.Printed(t, v.lang) }

// numbered is a printed number with its mark, a dash where there is none.
func numbered(number, mark string) string {
	if number == "" {
		return "–"
	}
	return number + mark
}

func (v *view) procedure(p *Procedure) {
	v.line(0, "")
	v.line(0, "%s: %s", v.l["Channel"], p.Channel)
	v.ids(2, p.Discrepancies)
	v.line(0, "")
	v.line(2, "%s", v.l["Text"])
	for _, item := range p.Text {
		if item.Kind == "" {
			v.line(4, "%s", v.printed(item.Wording))
		} else {
			v.line(4, "%s %d – %s", v.l[item.Kind], *item.Number, v.printed(item.Wording))
		}
	}
	v.line(0, "")
	v.line(2, "%s", v.l["Step table"])
	for _, s := range p.Steps {
		v.step(s)
	}
}

// step shows what is in effect first, and the printed cell after it in brackets.
func (v *view) step(s *Step) {
	v.line(4, "%d. %s: %s", s.Number, s.Action, s.Wording.In(v.lang))
	v.line(8, "%s: %s [%s]", v.l["actor"], s.Actor.Role, v.printed(s.Actor.Printed))
	v.line(8, "%s: %s [%s]", v.l["deadline"], s.Deadline, v.printed(s.Deadline.Printed))
	if c := v.printed(s.Completion); c != "" {
		v.line(8, "%s: %s", v.l["completion"], c)
	}
	var next []string
	for _, e := range s.Next {
		to := v.l["end"]
		if e.To != 0 {
			to = fmt.Sprint(e.To)
		}
		if e.When != Always {
			to += " (" + string(e.When) + ")"
		}
		next = append(next, to)
	}
	if len(next) == 0 {
		next = []string{v.l["end"]}
	}
	v.line(8, "%s: %s [%s]", v.l["next"], strings.Join(next, ", "), v.printed(s.NextPrinted))
	v.ids(8, s.Discrepancies)
}

func (v *view) ids(indent int, ids []string) {
	if len(ids) > 0 {
		v.line(indent, "! %s", strings.Join(ids, ", "))
	}
}

func (v *view) discrepancies(a *Act, ids []string) {
	if len(ids) == 0 {
		return
	}
	v.line(0, "")
	v.line(0, "%s", v.l["Discrepancies"])
	for _, d := range a.Discrepancies {
		if !slices.Contains(ids, d.ID) {
			continue
		}
		v.line(2, "%s: %s", d.ID, d.Place.In(v.lang))
		v.line(4, "%s: %s", v.l["printed"], d.Printed.In(v.lang))
		v.line(4, "%s: %s", v.l["against"], d.Against.In(v.lang))
		v.line(4, "%s: %s", v.l["effect"], d.Effect.In(v.lang))
		v.line(4, "%s: %s", v.l["reason"], d.Reason.In(v.lang))
	}
}

// line writes one line, broken between words where it is too long; what follows is indented by two more.
func (v *view) line(indent int, format string, args ...any) {
	words := strings.Fields(fmt.Sprintf(format, args...))
	if len(words) == 0 {
		v.b.WriteByte('\n')
		return
	}
	column := 0
	for i, word := range words {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			column = indent
			v.b.WriteString(strings.Repeat(" ", indent))
		case column+1+n > width:
			column = indent + 2
			v.b.WriteString("\n" + strings.Repeat(" ", column))
		default:
			column++
			v.b.WriteByte(' ')
		}
		v.b.WriteString(word)
		column += n
	}
	v.b.WriteByte('\n')
}

func join[T ~string](values []T) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = string(v)
	}
	return strings.Join(parts, ", ")
}
