package calendar

import (
	"fmt"
	"strings"
	"time"
)

// Languages are the languages that explanations are written in.
func Languages() []string { return []string{"kk", "ru", "en"} }

// words are the sentences of one language. Each is a format; the comment says of what.
type words struct {
	days   [7]string // short, from Sunday
	months [12]string
	date   string // day, month, year, in the order of the arguments

	title, titleDays string // of an explanation: the days of the term
	calendar         string // version, day
	notVerified      string // why
	zone             string
	received         string
	arrivals         map[Arrival]string // opens, closes
	nextDay, sameDay string             // the rule that was followed
	policyBasis      string             // act
	registered       string
	notCounted       string
	skipped          string
	counted          string
	kinds            map[Kind]string // name, other day
	estimate         string
	withdrawn        string          // day, what it was
	was              map[Kind]string // name, other day
	sum              string          // counted, skipped
	lastDay, due     string
	dueIs            string // last day, offset, UTC
	acts             string
	knownOn          string // day
	actUnverified    string

	year, month, working, off, all, total string
	specialDays                           string
	changes                               string // version
	noChanges                             string
	opens                                 string // year
}

var wordsIn = map[string]words{"kk": kazakh, "ru": russian, "en": english}

var english = words{
	days:   [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
	months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	date:   "%[1]d %[2]s %[3]d",

	title: "Term of working days: %d", titleDays: "Day by day",
	calendar: "Calendar %s: the days as they were known on %s", notVerified: "that day is not verified: %s", zone: "Time of Almaty",
	received: "Received",
	arrivals: map[Arrival]string{
		InHours: "within office hours, %s to %s", BeforeHours: "before office hours, %s to %s: the same day",
		AfterHours: "after office hours, %s to %s", OnDayOff: "on a day off",
	},
	nextDay: "registered on the next working day", sameDay: "registered on the same day", policyBasis: "by %s",
	registered: "Registered", notCounted: "the day of registration is not counted", skipped: "skipped", counted: "counted",
	kinds: map[Kind]string{
		Workday: "working day", Weekend: "weekend", Holiday: "holiday: %[1]s",
		DayOff:      "religious holiday, a day off that is not carried over: %[1]s",
		CarriedOver: "day off carried over: the holiday %[1]s fell on a day off, %[2]s",
		MovedOff:    "day off moved here: %[2]s is worked instead", MovedOn: "working day: its day off is moved to %[2]s",
	},
	estimate: "expected, not announced for certain", withdrawn: "taken back on %[1]s; until then %[2]s",
	was: map[Kind]string{
		Holiday: "holiday: %[1]s", DayOff: "religious holiday: %[1]s", CarriedOver: "day off for %[1]s, %[2]s",
		MovedOff: "day off moved here from %[2]s", MovedOn: "working day instead of %[2]s",
	},
	sum:     "Counted: %d. Skipped: %d.",
	lastDay: "Last day", due: "Due", dueIs: "until the end of %s (24:00 at UTC%s; %s)",
	acts: "Legal basis", knownOn: "known since %s", actUnverified: "not verified: %s",
	year: "Working days of %d, five-day week", month: "Month", working: "Working", off: "Off", all: "Days", total: "Year",
	specialDays: "Days that are not as in a plain week", changes: "Changed by %s", noChanges: "no day changed", opens: "opens the year %d",
}

var russian = words{
	days:   [7]string{"вс", "пн", "вт", "ср", "чт", "пт", "сб"},
	months: [12]string{"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"},
	date:   "%[1]d %[2]s %[3]d года",

	title: "Срок, рабочих дней: %d", titleDays: "По дням",
	calendar: "Календарь %s: дни, как они были известны на %s", notVerified: "эта дата не подтверждена: %s", zone: "Время Алматы",
	received: "Поступило",
	arrivals: map[Arrival]string{
		InHours: "в рабочее время, с %s до %s", BeforeHours: "до начала рабочего времени, с %s до %s: в тот же день",
		AfterHours: "после окончания рабочего времени, с %s до %s", OnDayOff: "в нерабочий день",
	},
	nextDay: "регистрируется следующим рабочим днём", sameDay: "регистрируется тем же днём", policyBasis: "основание: %s",
	registered: "Регистрация", notCounted: "день регистрации в срок не входит", skipped: "не считается", counted: "считается",
	kinds: map[Kind]string{
		Workday: "рабочий день", Weekend: "выходной", Holiday: "праздник: %[1]s",
		DayOff:      "религиозный праздник, выходной без переноса: %[1]s",
		CarriedOver: "выходной за праздник, совпавший с выходным днём: %[1]s, %[2]s",
		MovedOff:    "день отдыха перенесён сюда; вместо него рабочий день %[2]s", MovedOn: "рабочий день; день отдыха перенесён на %[2]s",
	},
	estimate: "ожидается, окончательно не объявлено", withdrawn: "отменено %[1]s; до того: %[2]s",
	was: map[Kind]string{
		Holiday: "праздник: %[1]s", DayOff: "религиозный праздник: %[1]s", CarriedOver: "выходной за праздник: %[1]s, %[2]s",
		MovedOff: "перенесённый день отдыха с %[2]s", MovedOn: "рабочий день вместо %[2]s",
	},
	sum:     "Считается: %d. Не считается: %d.",
	lastDay: "Последний день", due: "Срок истекает", dueIs: "с окончанием дня %s (24:00 по UTC%s; %s)",
	acts: "Правовое основание", knownOn: "известно с %s", actUnverified: "не подтверждено: %s",
	year: "Рабочие дни %d года, пятидневная неделя", month: "Месяц", working: "Рабочих", off: "Нерабочих", all: "Дней", total: "Год",
	specialDays: "Дни, отличающиеся от обычной недели", changes: "Изменено версией %s", noChanges: "дни не изменились", opens: "открывает %d год",
}

var kazakh = words{
	days:   [7]string{"жс", "дс", "сс", "ср", "бс", "жм", "сб"},
	months: [12]string{"қаңтар", "ақпан", "наурыз", "сәуір", "мамыр", "маусым", "шілде", "тамыз", "қыркүйек", "қазан", "қараша", "желтоқсан"},
	date:   "%[3]d жылғы %[1]d %[2]s",

	title: "Мерзім, жұмыс күні: %d", titleDays: "Күндер бойынша",
	calendar: "Күнтізбе %s: күндер %s күнгі мәлімет бойынша", notVerified: "бұл күн расталмаған: %s", zone: "Алматы уақыты",
	received: "Келіп түсті",
	arrivals: map[Arrival]string{
		InHours: "жұмыс уақытында, %s–%s", BeforeHours: "жұмыс уақыты басталғанға дейін, %s–%s: сол күні",
		AfterHours: "жұмыс уақыты аяқталғаннан кейін, %s–%s", OnDayOff: "демалыс күні",
	},
	nextDay: "келесі жұмыс күні тіркеледі", sameDay: "сол күні тіркеледі", policyBasis: "негізі: %s",
	registered: "Тіркеу", notCounted: "тіркеу күні мерзімге кірмейді", skipped: "есептелмейді", counted: "есептеледі",
	kinds: map[Kind]string{
		Workday: "жұмыс күні", Weekend: "демалыс күні", Holiday: "мереке: %[1]s",
		DayOff:      "діни мереке, ауыстырылмайтын демалыс: %[1]s",
		CarriedOver: "демалыс күніне түскен мереке үшін демалыс: %[1]s, %[2]s",
		MovedOff:    "демалыс осы күнге ауыстырылған; оның орнына жұмыс күні: %[2]s", MovedOn: "жұмыс күні; демалыс ауыстырылған күн: %[2]s",
	},
	estimate: "күтіледі, түпкілікті жарияланбаған", withdrawn: "күші жойылды: %[1]s; оған дейін: %[2]s",
	was: map[Kind]string{
		Holiday: "мереке: %[1]s", DayOff: "діни мереке: %[1]s", CarriedOver: "мереке үшін демалыс: %[1]s, %[2]s",
		MovedOff: "ауыстырылған демалыс, орнына: %[2]s", MovedOn: "жұмыс күні, орнына: %[2]s",
	},
	sum:     "Есептелгені: %d. Есептелмегені: %d.",
	lastDay: "Соңғы күн", due: "Мерзім аяқталады", dueIs: "%s күні аяқталғанда (24:00, UTC%s; %s)",
	acts: "Құқықтық негізі", knownOn: "белгілі болған күні: %s", actUnverified: "расталмаған: %s",
	year: "%d жылдың жұмыс күндері, бес күндік апта", month: "Ай", working: "Жұмыс", off: "Демалыс", all: "Күн", total: "Жыл",
	specialDays: "Әдеттегі аптадан өзгеше күндер", changes: "%s нұсқасымен өзгерген", noChanges: "күндер өзгерген жоқ", opens: "%d жылды ашады",
}

// day writes a day with its weekday.
func (w *words) day(d Day) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return w.days[t.Weekday()] + " " + fmt.Sprintf(w.date, t.Day(), w.months[t.Month()-1], t.Year())
}

// said fills a sentence of a kind of day; one may have no use for a name or another day.
func (w *words) said(format string, name Text, of Day, lang string) string {
	if !strings.Contains(format, "%") {
		return format
	}
	other := ""
	if of != "" {
		other = w.day(of)
	}
	return strings.TrimSuffix(fmt.Sprintf(format+"%.0[1]s%.0[2]s", name.In(lang), other), ", ")
}
