// Package sample makes logs like those of a registry in use, for the tests and benchmarks of whatever
// follows the log: whole lives of applications and licenses, in every way they may end, interleaved as
// in a working day. The same seed is the same log.
//
// The lives are made without the rules, so that a hundred thousand of them take seconds; they look
// like one paid procedure through three channels.
package sample

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
)

// Begin is when the first application of every sample is opened.
var Begin = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

// Commits makes the log of n applications, of which about two thirds get a license.
func Commits(n int, seed uint64) []domain.Commit {
	m := &maker{rand: rand.New(rand.NewPCG(seed, 2)), numbers: map[string]uint64{}, pace: 300 * 24 * time.Hour / time.Duration(n)}
	for i := range n {
		m.life(i)
	}
	// Applications overlap: the log is in order of time. A stream's own commits stay in order, and
	// a number comes before its license.
	sort.SliceStable(m.drafts, func(i, j int) bool { return m.drafts[i].at.Before(m.drafts[j].at) })
	m.renumber()
	return m.commits()
}

// draft is a commit that has no place in the log yet.
type draft struct {
	stream   domain.Stream
	at       time.Time
	actor    domain.Actor
	payloads []domain.Payload
}

type maker struct {
	rand     *rand.Rand
	pace     time.Duration // between two applications: all are opened within 300 days
	drafts   []draft
	numbers  map[string]uint64 // last number of each series
	licenses []*issued
}

// issued is a license that something may befall yet.
type issued struct {
	payload license.Issued
	at      time.Time // of the last event
	copies  int
}

// renumber makes the numbers grow with the log: the version of a number's event is the number.
func (m *maker) renumber() {
	n := newNumbering()
	for i := range m.drafts {
		n.renumber(&m.drafts[i])
	}
}

// numbering is which number stands for which, and how many of each series there are.
type numbering struct {
	inOrder map[string]string
	given   map[string]uint64
}

func newNumbering() numbering {
	return numbering{inOrder: map[string]string{"": ""}, given: map[string]uint64{}}
}

func (n numbering) renumber(d *draft) {
	if d.stream.Category == domain.NumbersCategory {
		n.given[d.stream.ID]++
		a := d.payloads[0].(license.Assigned)
		n.inOrder[a.Number] = printed(d.stream.ID, n.given[d.stream.ID])
	}
	if d.stream.Category == domain.LicenseCategory {
		d.stream.ID = n.inOrder[d.stream.ID]
	}
	for j, p := range d.payloads {
		d.payloads[j] = renumbered(p, n.inOrder)
	}
}

func renumbered(p domain.Payload, inOrder map[string]string) domain.Payload {
	switch e := p.(type) {
	case license.Assigned:
		e.Number = inOrder[e.Number]
		return e
	case license.Issued:
		e.Number, e.Predecessor = inOrder[e.Number], inOrder[e.Predecessor]
		return e
	case license.Reissued:
		e.Successor = inOrder[e.Successor]
		return e
	case application.Opened:
		e.License = inOrder[e.License]
		return e
	case application.Registered:
		e.Number = inOrder[e.Number]
		return e
	case application.Completed:
		e.License = inOrder[e.License]
		return e
	}
	return p
}

// commits gives every draft its place.
func (m *maker) commits() []domain.Commit {
	versions := map[domain.Stream]uint64{}
	commits := make([]domain.Commit, len(m.drafts))
	for i, d := range m.drafts {
		commits[i] = m.commit(d, versions, domain.Position(i+1))
	}
	return commits
}

func (m *maker) commit(d draft, versions map[domain.Stream]uint64, position domain.Position) domain.Commit {
	meta := domain.Meta{
		Command: m.uuid(), Time: d.at, Actor: d.actor, Regulation: "kz-sample-2012-1",
		Fingerprint: fmt.Sprintf("%016x%016x", m.rand.Uint64(), m.rand.Uint64()),
	}
	events, err := meta.Events(d.payloads)
	if err != nil {
		panic(err) // the sample itself is wrong
	}
	expected := versions[d.stream]
	versions[d.stream] += uint64(len(events))
	return domain.NewCommit(d.stream, expected, position, events)
}

func (m *maker) uuid() (id uuid.UUID) {
	for i := 0; i < len(id); i += 8 {
		v := m.rand.Uint64()
		for j := range 8 {
			id[i+j] = byte(v >> (8 * j))
		}
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

func (m *maker) add(stream domain.Stream, at time.Time, actor domain.Actor, payloads ...domain.Payload) {
	m.drafts = append(m.drafts, draft{stream, at, actor, payloads})
}

// chance is true once in n times.
func (m *maker) chance(n int) bool { return m.rand.IntN(n) == 0 }

func pick[T any](m *maker, from []T) T { return from[m.rand.IntN(len(from))] }

// next assigns the next number of a series.
func (m *maker) next(series, whose string, at time.Time) string {
	m.numbers[series]++
	number := printed(series, m.numbers[series])
	m.add(domain.Stream{Category: domain.NumbersCategory, ID: series}, at, domain.System, license.Assigned{For: whose, Number: number})
	return number
}

func printed(series string, n uint64) string {
	number, err := ident.LicenseNumber(2026, n)
	if series == "application" {
		number, err = ident.PermitNumber("APP", n)
	}
	if err != nil {
		panic(err) // the sample is too large for the form
	}
	return number
}

// Person is an identifier of a natural person, n up to 9999, which has a right check digit.
func Person(n int) string { return ID("900101300000", n) }

// Organization is an identifier of an organization, n up to 99999, which has a right check digit.
func Organization(n int) string { return ID("120340000000", n) }

// ID is the form with n in front of the check digit.
func ID(form string, n int) string {
	for ; ; n++ {
		digits := form[:11-len(fmt.Sprint(n))] + fmt.Sprint(n)
		for check := range 10 {
			if id, err := ident.Parse(digits + fmt.Sprint(check)); err == nil {
				return id.String()
			}
		}
	}
}

var (
	forms  = []string{"ТОО", "АО", "ЖШС", "АҚ", "ИП"}
	words  = []string{"Алтын", "Қазақ", "Сауда", "Өнеркәсіп", "Жетісу", "Ұлттық", "Іскер", "Әлем", "Ғасыр", "Үміт", "Байтерек", "Достық", "Береке", "Жаңа", "Степной", "Ювелир", "Торговый", "Металл", "Ёлка", "Южный", "Щит", "Эталон"}
	trades = []string{"Сервис", "Трейд", "Холдинг", "Энерго", "Құрылыс", "Логистика", "Групп", "Консалтинг"}
	cities = []string{"Алматы", "Астана", "Шымкент", "Қарағанды", "Өскемен", "Атырау"}
)

func (m *maker) name(i int) string {
	return fmt.Sprintf("%s «%s %s %s %d»", pick(m, forms), pick(m, words), pick(m, words), pick(m, trades), i)
}

func (m *maker) address() string {
	return "г. " + pick(m, cities) + ", ул. Абая, " + fmt.Sprint(1+m.rand.IntN(200))
}

// applicant makes the i-th holder; some hold several licenses.
func (m *maker) applicant(i int) application.Applicant {
	if i%3 == 0 && i > 0 {
		i -= 1 + m.rand.IntN(min(i, 3))
	}
	return application.Applicant{ID: Organization(i % 99990), Name: m.name(i)}
}
