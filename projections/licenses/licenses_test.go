package licenses_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/sample"
)

// at is an instant of a day in 2026, UTC; noon unless an hour is given.
func at(day string, hour ...int) time.Time {
	t, err := time.Parse(time.DateOnly, "2026-"+day)
	if err != nil {
		panic(err)
	}
	if len(hour) > 0 {
		return t.Add(time.Duration(hour[0]) * time.Hour)
	}
	return t.Add(12 * time.Hour)
}

func issued(number, name, day string, more ...func(*license.Issued)) license.Issued {
	p := license.Issued{
		Number: number, Kind: "license", Service: "casino-license", Licensor: "committee",
		Activity: regulation.Text{"ru": "Содержание казино", "kk": "Казино ұстау"},
		Licensee: license.Licensee{ID: "120340000017", Name: name}, IssuedOn: "2026-" + day, FirstIssuedOn: "2026-" + day,
		Application: "a-" + number, Signatory: "А. Ахметов",
	}
	for _, change := range more {
		change(&p)
	}
	return p
}

var officer = domain.Actor{ID: "o1", Role: domain.RoleOfficer, Organization: "committee"}

// model opens a register with the script applied, on whose clock it is the day.
func model(t *testing.T, s *sample.Script, day string) *licenses.Model {
	t.Helper()
	m, err := licenses.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	m.Now = func() time.Time { return at(day) }
	if err := m.Apply(t.Context(), s.Commits); err != nil {
		t.Fatal(err)
	}
	return m
}

func add(s *sample.Script, number string, when time.Time, payloads ...domain.Payload) {
	s.Add(domain.LicenseCategory, number, when, officer, payloads...)
}

func numbers(p licenses.Page) (all []string) {
	for _, l := range p.Licenses {
		all = append(all, l.Number)
	}
	return all
}

func search(t *testing.T, m *licenses.Model, q licenses.Query) []string {
	t.Helper()
	p, err := m.Search(t.Context(), q)
	if err != nil {
		t.Fatalf("search %+v: %v", q, err)
	}
	return numbers(p)
}

// A license that is suspended ahead of time, resumed late in the books, and ended with effect from a
// day before the register knew.
func eventful() *sample.Script {
	s := &sample.Script{}
	add(s, "26000001", at("03-01"), issued("26000001", "ТОО Алтын", "03-01"))
	add(s, "26000001", at("03-10"), license.Suspended{From: "2026-04-01", Until: "2026-06-30", Reason: "violation"})
	add(s, "26000001", at("05-20"), license.Resumed{On: "2026-05-15"})
	add(s, "26000001", at("06-10"), license.Duplicated{Copy: 1, Application: "a2"})
	add(s, "26000001", at("09-10"), license.Terminated{On: "2026-08-31", Ground: license.OwnRequest})
	return s
}

func TestAsOfHasTwoAxes(t *testing.T) {
	m := model(t, eventful(), "12-01")
	const none = license.Status("")
	tests := []struct {
		day, known string
		want       license.Status
		version    uint64 // the last one known
		copies     int
	}{
		// As all of it is known now.
		{"02-28", "", none, 0, 0},
		{"03-01", "", license.StatusActive, 5, 0},
		{"03-31", "", license.StatusActive, 5, 0},
		{"04-01", "", license.StatusSuspended, 5, 0},
		{"05-14", "", license.StatusSuspended, 5, 0},
		{"05-15", "", license.StatusActive, 5, 0},
		{"06-09", "", license.StatusActive, 5, 0},
		{"06-10", "", license.StatusActive, 5, 1},
		{"08-30", "", license.StatusActive, 5, 1},
		{"08-31", "", license.StatusTerminated, 5, 1},
		// As it was known earlier.
		{"03-01", "02-20", none, 0, 0},
		{"05-14", "03-09", license.StatusActive, 1, 0},
		{"05-14", "03-10", license.StatusSuspended, 2, 0},
		{"05-16", "05-16", license.StatusSuspended, 2, 0},
		{"05-16", "05-20", license.StatusActive, 3, 0},
		{"07-01", "03-10", license.StatusActive, 2, 0}, // the suspension would have been over
		{"09-01", "09-09", license.StatusActive, 4, 1},
		{"09-01", "09-10", license.StatusTerminated, 5, 1},
	}
	for _, tt := range tests {
		var known time.Time
		if tt.known != "" {
			known = at(tt.known)
		}
		day := "2026-" + tt.day
		l, err := m.AsOf(t.Context(), "26000001", day, known)
		if (err != nil) != (tt.want == none) || err != nil && !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s known %s: %v", tt.day, tt.known, err)
		}
		if l.Status != tt.want || l.Version != tt.version || l.Copies != tt.copies || len(l.Duplicates) != tt.copies {
			t.Errorf("%s known %s: %q version %d, %d copies, want %q version %d, %d copies", tt.day, tt.known, l.Status, l.Version, l.Copies, tt.want, tt.version, tt.copies)
		}
		for _, status := range []license.Status{"", license.StatusActive, license.StatusSuspended, license.StatusTerminated} {
			found := len(search(t, m, licenses.Query{AsOf: day, KnownAt: known, Status: status})) == 1
			if want := tt.want != none && (status == "" || status == tt.want); found != want {
				t.Errorf("search %s known %s status %q: found %v", tt.day, tt.known, status, found)
			}
		}
	}
}

func TestStatusTodayFollowsTheClockAlone(t *testing.T) {
	m := model(t, eventful(), "03-15")
	for day, want := range map[string]license.Status{"03-15": license.StatusActive, "04-02": license.StatusSuspended, "05-15": license.StatusActive, "12-31": license.StatusTerminated} {
		m.Now = func() time.Time { return at(day) }
		l, err := m.ByNumber(t.Context(), "26000001")
		if err != nil || l.Status != want || l.Day != "2026-"+day {
			t.Errorf("%s: %q on %s, %v, want %q", day, l.Status, l.Day, err, want)
		}
		counts, err := m.CountByStatus(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]licenses.Count{{Service: "casino-license", Licensor: "committee", Status: want, N: 1}}, counts); diff != "" {
			t.Errorf("counts on %s (-want +got):\n%s", day, diff)
		}
	}
}

// What was recorded later may change what held on an earlier day, whatever the order of the days.
func TestLaterEventsChangeEarlierDays(t *testing.T) {
	s := &sample.Script{}
	const moved, ended, twice = "26000001", "26000002", "26000003"
	add(s, moved, at("01-10"), issued(moved, "ТОО Алтын", "01-10"))
	add(s, moved, at("01-20"), license.Suspended{From: "2026-02-01", Until: "2026-06-01", Reason: "violation"})
	add(s, moved, at("02-10"), license.Resumed{On: "2026-03-01"})
	add(s, moved, at("02-20"), license.Resumed{On: "2026-05-01"})
	add(s, ended, at("01-10"), issued(ended, "ТОО Алтын", "01-10"))
	add(s, ended, at("06-01"), license.SiteAdded{Site: license.Site{ID: "1", Kind: "point", Address: "x"}})
	add(s, ended, at("07-10"), license.Terminated{On: "2026-03-01", Ground: license.Liquidated})
	add(s, twice, at("01-10"), issued(twice, "ТОО Алтын", "01-10"))
	add(s, twice, at("01-20"), license.Suspended{From: "2026-02-01", Until: "2026-03-01", Reason: "violation"})
	add(s, twice, at("06-01"), license.Suspended{From: "2026-06-10", Until: "2026-07-01", Reason: "violation"})
	m := model(t, s, "12-01")
	for _, tt := range []struct {
		number, day, known string
		want               license.Status
		sites              int
	}{
		{moved, "04-15", "", license.StatusSuspended, 0},
		{moved, "04-15", "02-15", license.StatusActive, 0},
		{moved, "05-01", "", license.StatusActive, 0},
		{ended, "02-15", "", license.StatusActive, 0},
		{ended, "04-01", "", license.StatusTerminated, 0},
		{ended, "04-01", "07-01", license.StatusActive, 0},
		{ended, "06-01", "07-01", license.StatusActive, 1},
		{ended, "08-01", "", license.StatusTerminated, 1},
		{twice, "02-15", "", license.StatusSuspended, 0},
		{twice, "04-15", "", license.StatusActive, 0},
		{twice, "06-15", "", license.StatusSuspended, 0},
	} {
		var known time.Time
		if tt.known != "" {
			known = at(tt.known)
		}
		l, err := m.AsOf(t.Context(), tt.number, "2026-"+tt.day, known)
		if err != nil || l.Status != tt.want || len(l.Sites) != tt.sites {
			t.Errorf("%s on %s known %s: %q, %d sites, %v, want %q, %d", tt.number, tt.day, tt.known, l.Status, len(l.Sites), err, tt.want, tt.sites)
		}
	}
}

// Midnight is the licensor's: a site added at 20:00 UTC is on the license from the next day in Almaty.
// A reissue names its day itself.
func TestEventsWithoutADayTakeEffectOnTheirLocalDay(t *testing.T) {
	s := &sample.Script{}
	add(s, "26000001", at("03-01"), issued("26000001", "ТОО Алтын", "03-01"))
	add(s, "26000001", at("04-01", 20), license.SiteAdded{Site: license.Site{ID: "1", Kind: "point", Address: "x"}})
	add(s, "26000001", at("04-10", 20), license.SiteRemoved{ID: "1"})
	add(s, "26000001", at("05-03", 2), license.Reissued{Successor: "26000002", On: "2026-05-02", Reason: "name"})
	m := model(t, s, "12-01")
	for day, want := range map[string]struct {
		status    license.Status
		successor string
		sites     int
	}{
		"04-01": {license.StatusActive, "", 0}, "04-02": {license.StatusActive, "", 1}, "04-10": {license.StatusActive, "", 1},
		"04-11": {license.StatusActive, "", 0}, "05-01": {license.StatusActive, "", 0}, "05-02": {license.StatusReissued, "26000002", 0},
	} {
		l, err := m.AsOf(t.Context(), "26000001", "2026-"+day, time.Time{})
		if err != nil || l.Status != want.status || l.Successor != want.successor || len(l.Sites) != want.sites {
			t.Errorf("%s: %q %q %d sites %v, want %+v", day, l.Status, l.Successor, len(l.Sites), err, want)
		}
	}
}

func TestExpiredIsDerived(t *testing.T) {
	s := &sample.Script{}
	add(s, "26000001", at("03-01"), issued("26000001", "ТОО Алтын", "03-01", func(p *license.Issued) { p.ValidUntil = "2026-06-30" }))
	m := model(t, s, "06-30")
	if l, err := m.ByNumber(t.Context(), "26000001"); err != nil || l.Status != license.StatusActive {
		t.Errorf("on its last day: %q %v", l.Status, err)
	}
	if got := search(t, m, licenses.Query{Status: license.StatusExpired, Today: "2026-07-01"}); len(got) != 1 {
		t.Errorf("expired the day after: %v", got)
	}
}

func TestSearchFoldsCaseInKazakhAndRussian(t *testing.T) {
	s := &sample.Script{}
	names := map[string]string{
		"26000001": "ЖШС «Қазақ Өнеркәсіп Үлгісі»",
		"26000002": "ТОО «Ювелирный Щит Ёлка»",
		"26000003": "АҚ «ҒАСЫР ҺҮНӘРЛІ ІНІ»",
		"26000004": norm.NFD.String("ТОО «Йод Чай»"),
		"26000005": "ИП Смит & Ко O'Brien 24/7",
		"26000006": "ТОО «Пчелы \u0897звезда \U0001e900»", // a mark and a letter that the tokenizer does not know
	}
	for n := 1; n <= len(names); n++ {
		number := fmt.Sprintf("2600000%d", n)
		add(s, number, at("03-01"), issued(number, names[number], "03-01", func(p *license.Issued) {
			p.Subactivities = []string{"электронное казино " + number}
		}))
	}
	m := model(t, s, "12-01")
	for text, want := range map[string][]string{
		"қазақ":             {"26000001"},
		"ҚАЗАҚ":             {"26000001"},
		"казак":             nil, // другие буквы
		"өнеркәсіп үлгісі":  {"26000001"},
		"ӨНЕРКӘСІП ҮЛГ":     {"26000001"},
		"ҮЛГ өнеркәсіп":     nil, // only the last word is a beginning
		"щит ёлка":          {"26000002"},
		"ЩИТ ЁЛ":            {"26000002"},
		"елка":              {"26000002"},
		"ЕЛКА":              {"26000002"},
		"ғасыр":             {"26000003"},
		"һүнәрлі":           {"26000003"},
		"іні":               {"26000003"},
		"ІНІ":               {"26000003"},
		"йод":               {"26000004"},
		"ЧАЙ":               {"26000004"},
		"чаи\u0306":         {"26000004"},
		"o'brien":           {"26000005"},
		"24/7":              {"26000005"},
		"smith":             nil,
		"пчёлы":             {"26000006"},
		"пче\u0308лы":       {"26000006"},
		"звезда":            {"26000006"},
		"\u0897звезда":      {"26000006"},
		"пчелы \U0001e900":  {"26000006"},
		"\u1ac1 пчелы":      {"26000006"}, // a mark alone is no word
		"казино ұстау":      {"26000001", "26000002", "26000003", "26000004", "26000005", "26000006"},
		"КАЗИНО ҰСТ":        {"26000001", "26000002", "26000003", "26000004", "26000005", "26000006"},
		"содержание":        {"26000001", "26000002", "26000003", "26000004", "26000005", "26000006"},
		"электронное 26000": {"26000001", "26000002", "26000003", "26000004", "26000005", "26000006"},
	} {
		if diff := cmp.Diff(want, search(t, m, licenses.Query{Text: text})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestSearchTextIsNeverSyntax(t *testing.T) {
	s := &sample.Script{}
	add(s, "26000001", at("03-01"), issued("26000001", `ТОО "Звезда" AND NOT OR NEAR words`, "03-01"))
	m := model(t, s, "12-01")
	for _, text := range []string{
		`"`, `""`, `*`, `тоо*`, `^тоо`, `words:звезда`, `-звезда`, `звезда)`, `(звезда`, `NEAR(тоо звезда, 2)`, `тоо + звезда`,
		`{words}: тоо`, `NOT`, `AND`, `тоо OR`, "тоо\x00звезда", "\xff\xfe", "'; DROP TABLE licenses; --", "тоо\u200dзвезда", "\u0306", "؀", "a\u0301", "😀", "\ue000",
	} {
		if _, err := m.Search(t.Context(), licenses.Query{Text: text}); err != nil && !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]int{`AND NOT`: 1, `NEAR`: 1, `"звезда"`: 1, `тоо-звезда`: 1, `activity: звезда`: 0, `тоо звезда missing`: 0} {
		if got := search(t, m, licenses.Query{Text: text}); len(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzSearchText(f *testing.F) {
	for _, text := range []string{"алтын", `"`, "a*", "NEAR(a b)", "\x00", "\xc3\x28", "ё\u0301", "{a}:b", "🙂 b", "᠋", "\U000e0100x"} {
		f.Add(text)
	}
	m, err := licenses.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	defer m.Close()
	s := &sample.Script{}
	add(s, "26000001", at("03-01"), issued("26000001", "ТОО Алтын", "03-01"))
	if err := m.Apply(f.Context(), s.Commits); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := m.Search(t.Context(), licenses.Query{Text: text}); err != nil && !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

func TestSearchFiltersAndPages(t *testing.T) {
	s := &sample.Script{}
	var all []string
	for n := 1; n <= 25; n++ {
		number := fmt.Sprintf("26%06d", n)
		all = append(all, number)
		add(s, number, at("03-01"), issued(number, fmt.Sprintf("ТОО Береке %d", n), "03-01", func(p *license.Issued) {
			if n%5 == 0 {
				p.Service, p.Licensor, p.Licensee.ID = "bookmaker-license", "akimat", "900101300017"
			}
		}))
	}
	m := model(t, s, "12-01")
	fifths := []string{"26000005", "26000010", "26000015", "26000020", "26000025"}
	for name, tt := range map[string]struct {
		query licenses.Query
		want  []string
	}{
		"all":               {licenses.Query{}, all},
		"number":            {licenses.Query{Number: "26000007"}, []string{"26000007"}},
		"unknown":           {licenses.Query{Number: "2600000"}, nil},
		"holder":            {licenses.Query{ID: "900101300017"}, fifths},
		"service":           {licenses.Query{Service: "bookmaker-license"}, fifths},
		"licensor":          {licenses.Query{Licensor: "akimat", Text: "береке"}, fifths},
		"both":              {licenses.Query{ID: "900101300017", Service: "casino-license"}, nil},
		"status":            {licenses.Query{Status: license.StatusSuspended}, nil},
		"text":              {licenses.Query{Text: "береке"}, all},
		"newest":            {licenses.Query{Newest: true}, reversed(all)},
		"newest of text":    {licenses.Query{Text: "береке", Newest: true}, reversed(all)},
		"newest of service": {licenses.Query{Service: "bookmaker-license", Newest: true}, reversed(fifths)},
		"before":            {licenses.Query{Text: "береке", AsOf: "2026-02-28"}, nil},
	} {
		for _, limit := range []int{1, 2, 5, 24, 25, 26} {
			var got []string
			query := tt.query
			query.Limit = limit
			for pages := 0; ; pages++ {
				p, err := m.Search(t.Context(), query)
				if err != nil || len(p.Licenses) > limit || pages > 30 {
					t.Fatalf("%s: page %d of %d: %v", name, pages, len(p.Licenses), err)
				}
				got = append(got, numbers(p)...)
				if p.Next == "" {
					break
				}
				query.Cursor = p.Next
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s in pages of %d (-want +got):\n%s", name, limit, diff)
			}
		}
	}
	for _, q := range []licenses.Query{{Limit: -1}, {Limit: licenses.MaxLimit + 1}, {Cursor: "?"}, {Cursor: "AAAA"}, {AsOf: "2026-02-30"}, {AsOf: "today"}, {Text: " ... "}, {Text: "\u1ac1"}, {Text: strings.Repeat("а ", 33)}} {
		if _, err := m.Search(t.Context(), q); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := m.Search(t.Context(), licenses.Query{Text: strings.Repeat("береке ", 32)}); err != nil {
		t.Errorf("32 words: %v", err)
	}
	if _, err := m.ByNumber(t.Context(), "26009999"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("an unknown number: %v", err)
	}
}

func TestLicenseMustBeginWithItsIssue(t *testing.T) {
	for name, payload := range map[string]domain.Payload{
		"no issue":     license.Duplicated{Copy: 1},
		"other number": issued("26000002", "x", "03-01"),
	} {
		s := &sample.Script{}
		add(s, "26000001", at("03-01"), payload)
		m := model(t, &sample.Script{}, "12-01")
		if err := m.Apply(t.Context(), s.Commits); !errors.Is(err, domain.ErrDamaged) || m.Position() != 0 {
			t.Errorf("%s: %v at %d", name, err, m.Position())
		}
	}
}
