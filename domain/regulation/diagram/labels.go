package diagram

import (
	"fmt"
	"strings"

	"github.com/tizilim/tizilim/domain/regulation"
)

// words are the words of a drawing in Kazakh, Russian and English, by key. Those of steps are short:
// the act's own wording goes into the title that a reader gets by pointing at the step.
var words = map[string]map[string]string{
	"action.authorize":            {"kk": "Авторландыру", "ru": "Авторизация", "en": "Authorization"},
	"action.reject-authorization": {"kk": "Авторландырудан бас тарту туралы хабарлама", "ru": "Сообщение об отказе в авторизации", "en": "Notice of rejected authorization"},
	"action.fill-form":            {"kk": "Сұрау салуды толтыру, құжаттарды тіркеу", "ru": "Заполнение запроса, прикрепление документов", "en": "Fill in the request, attach the documents"},
	"action.enter-applicant":      {"kk": "Қызметті таңдау, өтініш берушінің деректерін енгізу", "ru": "Выбор услуги, ввод данных заявителя", "en": "Choose the service, enter the applicant"},
	"action.query-registers":      {"kk": "Мемлекеттік дерекқорларға сұрау салу", "ru": "Запрос в государственные базы данных", "en": "Query the state databases"},
	"action.answer-registers":     {"kk": "Мемлекеттік дерекқорлардың жауабы", "ru": "Ответ государственных баз данных", "en": "Answer of the state databases"},
	"action.report-absent":        {"kk": "Деректердің жоқтығы туралы хабарлама", "ru": "Сообщение об отсутствии данных", "en": "Notice that the data are absent"},
	"action.pay":                  {"kk": "Қызметке ақы төлеу", "ru": "Оплата услуги", "en": "Pay for the service"},
	"action.refuse-unpaid":        {"kk": "Төлемнің болмауына байланысты бас тарту", "ru": "Отказ в связи с отсутствием оплаты", "en": "Refusal: not paid"},
	"action.choose-certificate":   {"kk": "ЭЦҚ тіркеу куәлігін таңдау", "ru": "Выбор регистрационного свидетельства ЭЦП", "en": "Choose the signing certificate"},
	"action.refuse-signature":     {"kk": "ЭЦҚ расталмауына байланысты бас тарту", "ru": "Отказ в связи с неподтверждением ЭЦП", "en": "Refusal: signature not confirmed"},
	"action.sign":                 {"kk": "Сұрау салуға ЭЦҚ қою", "ru": "Подписание запроса ЭЦП", "en": "Sign the request"},
	"action.attach-documents":     {"kk": "Құжаттарды белгілеу және тіркеу", "ru": "Отметка и прикрепление документов", "en": "Mark and attach the documents"},
	"action.attach-and-sign":      {"kk": "Құжаттарды тіркеу, ЭЦҚ қою", "ru": "Прикрепление документов, подписание ЭЦП", "en": "Attach the documents and sign"},
	"action.send":                 {"kk": "Сұрау салуды тізілімге жіберу", "ru": "Направление запроса в реестр", "en": "Send the request to the registry"},
	"action.register":             {"kk": "Сұрау салуды тіркеу және өңдеу", "ru": "Регистрация и обработка запроса", "en": "Register and process the request"},
	"action.refuse":               {"kk": "Дәлелді бас тарту", "ru": "Мотивированный отказ", "en": "Reasoned refusal"},
	"action.issue":                {"kk": "Нәтижені қалыптастыру", "ru": "Формирование результата", "en": "Form the result"},
	"action.issue-or-refuse":      {"kk": "Нәтижені немесе дәлелді бас тартуды қалыптастыру", "ru": "Формирование результата или мотивированного отказа", "en": "Form the result or the reasoned refusal"},

	"outcome.authorized":   {"kk": "рұқсат берілді", "ru": "авторизован", "en": "authorized"},
	"outcome.unauthorized": {"kk": "рұқсат берілмеді", "ru": "не авторизован", "en": "not authorized"},
	"outcome.found":        {"kk": "деректер бар", "ru": "данные есть", "en": "data found"},
	"outcome.absent":       {"kk": "деректер жоқ", "ru": "данных нет", "en": "data absent"},
	"outcome.paid":         {"kk": "төленді", "ru": "оплачено", "en": "paid"},
	"outcome.unpaid":       {"kk": "төленбеді", "ru": "не оплачено", "en": "not paid"},
	"outcome.valid":        {"kk": "ЭЦҚ расталды", "ru": "ЭЦП подтверждена", "en": "confirmed"},
	"outcome.invalid":      {"kk": "ЭЦҚ расталмады", "ru": "ЭЦП не подтверждена", "en": "not confirmed"},
	"outcome.approved":     {"kk": "оң шешім", "ru": "одобрено", "en": "approved"},
	"outcome.refused":      {"kk": "бас тарту", "ru": "отказ", "en": "refused"},

	"role.applicant": {"kk": "Өтініш беруші", "ru": "Заявитель", "en": "Applicant"},
	"role.officer":   {"kk": "Қызмет көрсетуші", "ru": "Услугодатель", "en": "Licensor"},
	"role.operator":  {"kk": "ХҚКО операторы", "ru": "Оператор ЦОН", "en": "Service center operator"},
	"role.system":    {"kk": "Ақпараттық жүйелер", "ru": "Информационные системы", "en": "Information systems"},

	"channel.portal": {"kk": "«Электрондық үкімет» порталы арқылы", "ru": "Через портал «электронного правительства»", "en": "Through the e-government portal"},
	"channel.office": {"kk": "Қызмет көрсетуші арқылы", "ru": "Через услугодателя", "en": "Through the licensor's office"},
	"channel.center": {"kk": "Халыққа қызмет көрсету орталығы арқылы", "ru": "Через центр обслуживания населения", "en": "Through the public service center"},

	"request.issue":     {"kk": "беру", "ru": "выдача", "en": "issue"},
	"request.reissue":   {"kk": "қайта ресімдеу", "ru": "переоформление", "en": "reissue"},
	"request.duplicate": {"kk": "телнұсқа", "ru": "дубликат", "en": "duplicate"},

	"unit.seconds":     {"kk": "с", "ru": "с", "en": "s"},
	"unit.minutes":     {"kk": "мин", "ru": "мин", "en": "min"},
	"unit.days":        {"kk": "жұмыс күні", "ru": "раб. дней", "en": "working days"},
	"unit.day":         {"kk": "жұмыс күні", "ru": "раб. день", "en": "working day"},
	"unit.days-few":    {"kk": "жұмыс күні", "ru": "раб. дня", "en": "working days"},
	"deadline.none":    {"kk": "мерзімі белгіленбеген", "ru": "срок не установлен", "en": "no deadline set"},
	"result.license":   {"kk": "Электрондық лицензия", "ru": "Электронная лицензия", "en": "Electronic license"},
	"result.permit":    {"kk": "Электрондық рұқсат", "ru": "Электронное разрешение", "en": "Electronic permit"},
	"start":            {"kk": "Өтініш", "ru": "Заявление", "en": "Request"},
	"end.result":       {"kk": "Нәтиже берілді", "ru": "Результат выдан", "en": "Result given"},
	"end.failure":      {"kk": "Қызмет көрсетілмеді", "ru": "Услуга не оказана", "en": "Service not rendered"},
	"registers":        {"kk": "Мемлекеттік дерекқорлар", "ru": "Государственные базы данных", "en": "State databases"},
	"payment-gateway":  {"kk": "Төлем шлюзі", "ru": "Платежный шлюз", "en": "Payment gateway"},
	"diagram":          {"kk": "Функционалдық өзара іс-қимыл диаграммасы", "ru": "Диаграмма функционального взаимодействия", "en": "Diagram of functional interaction"},
	"act":              {"kk": "{body}, {date} № {number}", "ru": "{kind} № {number} от {date}, {body}", "en": "{kind} No. {number} of {date}, {body}"},
	"step":             {"kk": "{n}-үдеріс", "ru": "Процесс {n}", "en": "Process {n}"},
	"condition":        {"kk": "{n}-шарт", "ru": "Условие {n}", "en": "Condition {n}"},
	"decision":         {"kk": "Шешім", "ru": "Решение", "en": "Decision"},
	"printed":          {"kk": "актіде", "ru": "в акте", "en": "in the act"},
	"deadline":         {"kk": "мерзімі", "ru": "срок", "en": "deadline"},
	"next":             {"kk": "келесі", "ru": "далее", "en": "next"},
	"legend":           {"kk": "Шартты белгілер", "ru": "Условные обозначения", "en": "Legend"},
	"path":             {"kk": "Өтініштің жолы", "ru": "Путь заявления", "en": "Path of the application"},
	"legend.start":     {"kk": "Бастапқы хабарлама", "ru": "Сообщение начальное", "en": "Start message"},
	"legend.end":       {"kk": "Аяқтаушы хабарлама", "ru": "Сообщение завершающее", "en": "End message"},
	"legend.message":   {"kk": "Аралық хабарлама", "ru": "Сообщение промежуточное", "en": "Intermediate message"},
	"legend.error":     {"kk": "Қате", "ru": "Ошибка", "en": "Error"},
	"legend.timer":     {"kk": "Таймер-оқиғалар", "ru": "События-таймеры", "en": "Timer events"},
	"legend.system":    {"kk": "Ақпараттық жүйе", "ru": "Информационная система", "en": "Information system"},
	"legend.process":   {"kk": "Үдеріс", "ru": "Процесс", "en": "Process"},
	"legend.condition": {"kk": "Шарт", "ru": "Условие", "en": "Condition"},
	"legend.flow":      {"kk": "Басқару ағыны", "ru": "Поток управления", "en": "Control flow"},
	"legend.messages":  {"kk": "Хабарламалар ағыны", "ru": "Поток сообщений", "en": "Message flow"},
	"legend.document":  {"kk": "Соңғы тұтынушыға ұсынылатын электрондық құжат", "ru": "Электронный документ, представляемый конечному потребителю", "en": "Electronic document given to the end consumer"},

	"visit.on_time":   {"kk": "мерзімінде", "ru": "в срок", "en": "on time"},
	"visit.late":      {"kk": "кешігіп", "ru": "с опозданием", "en": "late"},
	"visit.open":      {"kk": "орындалуда", "ru": "выполняется", "en": "open"},
	"visit.overdue":   {"kk": "мерзімі өткен", "ru": "просрочено", "en": "overdue"},
	"visit.abandoned": {"kk": "кері қайтарылды", "ru": "отозвано", "en": "withdrawn"},
	"visit.entered":   {"kk": "басталды", "ru": "начато", "en": "entered"},
	"visit.left":      {"kk": "аяқталды", "ru": "завершено", "en": "left"},
	"visit.due":       {"kk": "мерзімі", "ru": "срок до", "en": "due"},
	"visit.last-day":  {"kk": "мерзімі {day} қоса алғанда", "ru": "срок по {day} включительно", "en": "due by the end of {day}"},
}

// systems are the names by which the acts print information systems, in the languages that the acts
// do not print. Those translations are ours.
var systems = map[string]map[string]string{
	"ПЭП":            {"kk": "ЭҮП", "en": "e-government portal"},
	"ПШЭП":           {"kk": "ЭҮТШ", "en": "e-government payment gateway"},
	"ШЭП":            {"kk": "ЭҮШ", "en": "e-government gateway"},
	"ИС «Е-license»": {"kk": "«Е-license» АЖ", "en": "system “E-license”"},
	"ИС «Е-лицензирование»":     {"kk": "«Е-лицензиялау» АЖ", "en": "system “E-licensing”"},
	"ИС ГБД «Е-лицензирование»": {"kk": "«Е-лицензиялау» МДҚ АЖ", "en": "state database “E-licensing”"},
	"ГБД «Е-лицензирование»":    {"kk": "«Е-лицензиялау» МДҚ", "en": "state database “E-licensing”"},
	"ГБД ФЛ":        {"kk": "ЖТ МДҚ", "en": "database of natural persons"},
	"ГБД ЮЛ":        {"kk": "ЗТ МДҚ", "en": "database of legal entities"},
	"ГБД ФЛ/ГБД ЮЛ": {"kk": "ЖТ МДҚ / ЗТ МДҚ", "en": "databases of persons and entities"},
	"АРМ ИС ЦОН":    {"kk": "ХҚКО АЖ АЖО", "en": "service center workstation"},
	"Веб-портал «электронного правительства»":                                          {"en": "e-government portal"},
	"Платежный шлюз «электронного правительства»":                                      {"en": "e-government payment gateway"},
	"Веб-портал информационная система государственной базы данных «Е-лицензирование»": {"en": "state database “E-licensing”"},
	"Государственная база данных «юридических лиц»":                                    {"en": "database of legal entities"},
}

// language is the language of a drawing: the one asked for, English for another.
func language(lang string) string {
	switch lang {
	case "kk", "ru":
		return lang
	}
	return "en"
}

// word is the word with the key; pairs replace {name} in it. A key without words is shown itself: a
// token that this package does not know yet is better than nothing.
func (c *chart) word(key string, pairs ...string) string {
	text := words[key][c.lang]
	if text == "" {
		_, token, _ := strings.Cut(key, ".")
		return token
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text
}

// system is the printed name of an information system in the drawing's language.
func (c *chart) system(printed regulation.Text) string {
	if text := printed[c.lang]; text != "" {
		return text
	}
	text := printed.In(c.lang)
	if pieces := strings.Split(text, `"`); len(pieces) == 3 {
		text = pieces[0] + "«" + pieces[1] + "»" + pieces[2]
	}
	if own := systems[text][c.lang]; own != "" {
		return own
	}
	return text
}

// deadline is the term in words, by kind of request where the act differs by it; nothing where there
// is none.
func (c *chart) deadline(d regulation.Deadline) []string {
	if d.Max == nil {
		return nil
	}
	if len(d.ByRequest) > 0 {
		var parts []string
		for _, r := range []regulation.Request{regulation.Issue, regulation.Reissue, regulation.Duplicate} {
			if n, ok := d.ByRequest[r]; ok {
				parts = append(parts, c.word("request."+string(r))+" – "+c.term(n, n, d.Unit))
			}
		}
		return parts
	}
	low := *d.Max
	if d.Min != nil {
		low = *d.Min
	}
	return []string{c.term(low, *d.Max, d.Unit)}
}

// term is "10–15 s", "30 s – 5 min", "15 working days".
func (c *chart) term(low, high int, unit regulation.Unit) string {
	if unit != regulation.Seconds {
		if low == high {
			return fmt.Sprintf("%d %s", high, c.days(high))
		}
		return fmt.Sprintf("%d–%d %s", low, high, c.days(high))
	}
	from, fromUnit := c.span(low)
	to, toUnit := c.span(high)
	switch {
	case low == high:
		return to + " " + toUnit
	case fromUnit == toUnit:
		return from + "–" + to + " " + toUnit
	}
	return from + " " + fromUnit + " – " + to + " " + toUnit
}

// span is a number of seconds as the acts print it.
func (c *chart) span(seconds int) (number, unit string) {
	whole, half, ok := regulation.Minutes(seconds)
	if !ok {
		return fmt.Sprint(seconds), c.word("unit.seconds")
	}
	number = fmt.Sprint(whole)
	if half {
		point := ","
		if c.lang == "en" {
			point = "."
		}
		number += point + "5"
	}
	return number, c.word("unit.minutes")
}

// days is the word after a number of working days.
func (c *chart) days(n int) string {
	teen := n%100 >= 11 && n%100 <= 14
	switch {
	case n == 1, c.lang == "ru" && n%10 == 1 && !teen:
		return c.word("unit.day")
	case n%10 >= 2 && n%10 <= 4 && !teen:
		return c.word("unit.days-few")
	}
	return c.word("unit.days")
}
