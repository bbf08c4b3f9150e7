package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/licenses"
)

// SearchPage is the search of the register with its results.
type SearchPage struct {
	Frame
	Query    string
	Mistake  string // what is wrong with the query
	Services []Option
	Statuses []Option
	Searched bool // something was asked for
	Rows     []Row
	Found    string // how many there are, or are on the page
	First    string // address of the first page, empty on it
	Next     string // address of the next page
	CSV      string // address of the table
}

// Option is a choice of a form.
type Option struct {
	Value    string
	Text     string
	Selected bool
}

// Row is one license in a list.
type Row struct {
	Number   string
	URL      string
	Licensee string
	ID       string // masked where it is a natural person's
	Activity Wording
	Licensor Wording
	IssuedOn string
	Status   string // token
	Standing string // the status in words
}

// pageSize is how many licenses a page of results shows.
const pageSize = 20

func (s *Site) search(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	f := s.frame(r, "search")
	page := SearchPage{
		Frame: f, Query: tidy(in.Get("q")), Services: s.services(f, in.Get("service")), Statuses: statuses(f, in.Get("status")),
	}
	page.Title = f.T("search.title")
	page.Searched = page.Query != "" || in.Get("service") != "" || in.Get("status") != ""
	q := licenses.Query{
		Service: in.Get("service"), Status: license.Status(in.Get("status")), Newest: true, Cursor: in.Get("cursor"), Limit: pageSize,
		Today: string(calendar.DayOf(s.Now())),
	}
	status := http.StatusOK
	if err := s.known(in); err != nil {
		return err
	}
	if err := interpret(&q, page.Query); err != nil {
		var rejection *domain.Rejection
		if !errors.As(err, &rejection) {
			return err
		}
		page.Mistake = f.T("problem." + rejection.Code + ".detail")
		return s.render(w, r, "search", http.StatusUnprocessableEntity, page)
	}
	found, err := s.Licenses.Search(r.Context(), q)
	if errors.Is(err, domain.ErrInvalid) && q.Cursor == "" { // a query without a word in it
		page.Mistake = f.T("search.none-hint")
		return s.render(w, r, "search", http.StatusUnprocessableEntity, page)
	}
	if errors.Is(err, domain.ErrInvalid) { // the cursor, which nobody types
		s.Error(w, r, http.StatusBadRequest, "cursor-invalid", "", "")
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range found.Licenses {
		page.Rows = append(page.Rows, row(f, l))
	}
	if page.Found, err = s.count(r.Context(), f, q, found); err != nil {
		return err
	}
	if q.Cursor != "" {
		page.First = "/?" + with(in, "cursor", "")
	}
	if found.Next != "" {
		page.Next = "/?" + with(in, "cursor", found.Next)
	}
	page.CSV = "/api/v1/licenses.csv?" + csvQuery(q, f.Lang)
	return s.render(w, r, "search", status, page)
}

// count says how many entries the search has where that is known, and how many the page has where it is
// one of several.
func (s *Site) count(ctx context.Context, f Frame, q licenses.Query, found licenses.Page) (string, error) {
	here := f.Count("count.found", len(found.Licenses))
	if q.Cursor == "" && found.Next == "" {
		return f.Count("count.total", len(found.Licenses)), nil
	}
	if q.Number != "" || q.ID != "" || q.Text != "" { // to count these is to look at them all
		return here, nil
	}
	counts, err := s.totals.read(ctx, s.Licenses, q.Today, s.Now())
	if err != nil {
		return "", err
	}
	n := 0
	for _, c := range counts {
		if (q.Service == "" || c.Service == q.Service) && (q.Status == "" || c.Status == q.Status) {
			n += c.N
		}
	}
	return f.Count("count.total", n) + " · " + here, nil
}

// totals are the register's counts, kept for a while: to count a large register takes longer than to
// answer everything else on its page.
type totals struct {
	mu     sync.Mutex // over all fields, and over the counting, which once is enough
	day    string
	at     time.Time
	counts []licenses.Count
}

// totalsAge is how old the counts may be.
const totalsAge = 10 * time.Second

func (t *totals) read(ctx context.Context, m *licenses.Model, day string, now time.Time) ([]licenses.Count, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if age := now.Sub(t.at); t.day == day && age >= 0 && age < totalsAge {
		return t.counts, nil
	}
	counts, err := m.CountByStatus(ctx, day)
	if err == nil {
		t.day, t.at, t.counts = day, now, counts
	}
	return counts, err
}

var (
	identifierLike = regexp.MustCompile(`^[0-9][0-9 -]{10,16}[0-9]$`)
	numberLike     = regexp.MustCompile(`^([0-9]{8}|[Kk][Zz][0-9]{2}[A-Za-z]{3}[0-9]+)$`)
)

// interpret finds out what somebody searches by: twelve digits are an IIN or BIN, eight digits or KZ…
// a number, all else words.
func interpret(q *licenses.Query, text string) error {
	switch compact := strings.NewReplacer(" ", "", "-", "").Replace(text); {
	case text == "":
	case identifierLike.MatchString(text) && len(compact) >= 11:
		id, err := ident.Parse(text)
		if err != nil {
			return err
		}
		q.ID = id.String()
	case numberLike.MatchString(compact):
		number, err := ident.Normalize(compact)
		q.Number = number
		return err
	default:
		q.Text = text
	}
	return nil
}

func row(f Frame, l licenses.License) Row {
	id, _ := ident.Masked(l.Licensee.ID)
	return Row{
		Number: l.Number, URL: "/licenses/" + url.PathEscape(l.Number), Licensee: l.Licensee.Name, ID: id,
		Activity: f.wording(l.Activity), Licensor: f.wording(l.LicensorTitle), IssuedOn: f.Day(l.IssuedOn),
		Status: string(l.Status), Standing: f.T("license-status." + string(l.Status)),
	}
}

func (s *Site) services(f Frame, chosen string) []Option {
	options := []Option{{Value: "", Text: f.T("search.any-service"), Selected: chosen == ""}}
	for _, service := range s.Catalog().Services() {
		options = append(options, Option{service.Slug, f.wording(service.Title).Text, service.Slug == chosen})
	}
	return options
}

// licensors are the licensors of all services, each once, after the words for any of them.
func (s *Site) licensors(f Frame, any, chosen string) []Option {
	options := []Option{{Value: "", Text: any, Selected: chosen == ""}}
	for _, l := range s.Catalog().Licensors() {
		options = append(options, Option{l.Slug, f.wording(l.Title).Text, l.Slug == chosen})
	}
	return options
}

func statuses(f Frame, chosen string) []Option {
	options := []Option{{Value: "", Text: f.T("search.any-status"), Selected: chosen == ""}}
	for _, status := range license.Statuses {
		options = append(options, Option{string(status), f.T("license-status." + string(status)), string(status) == chosen})
	}
	return options
}

var allChannels = []regulation.Channel{regulation.Portal, regulation.Office, regulation.Center}

func channels(f Frame, chosen string) []Option {
	options := []Option{{Value: "", Text: f.T("deadlines.any-channel"), Selected: chosen == ""}}
	for _, c := range allChannels {
		options = append(options, Option{string(c), f.T("channel." + string(c)), string(c) == chosen})
	}
	return options
}

// known refuses an address with a choice that no form of ours offers: what does not exist must not look
// like what has nothing.
func (s *Site) known(in url.Values) error {
	service, channel, status := in.Get("service"), regulation.Channel(in.Get("channel")), license.Status(in.Get("status"))
	switch {
	case service != "" && !s.Catalog().HasService(service):
		return domain.Reject("service-unknown", "no such service", "service", service)
	case channel != "" && !slices.Contains(allChannels, channel):
		return domain.Reject("channel-unknown", "no such channel", "channel", string(channel))
	case in.Get("licensor") != "" && !s.Catalog().HasLicensor(in.Get("licensor")):
		return domain.Reject("licensor-unknown", "no such licensor")
	case status != "" && !slices.Contains(license.Statuses, status):
		return domain.Reject("status-unknown", "no such status")
	}
	return nil
}

// with is the query with one value set, or taken away where it is empty.
func with(in url.Values, name, value string) string {
	out := url.Values{}
	for k, v := range in {
		if k != "lang" {
			out[k] = v
		}
	}
	out.Set(name, value)
	if value == "" {
		out.Del(name)
	}
	return out.Encode()
}

// csvQuery asks the API for the same search, in the page's language.
func csvQuery(q licenses.Query, lang string) string {
	out := url.Values{"lang": {lang}}
	set := func(name, value string) {
		if value != "" {
			out.Set(name, value)
		}
	}
	set("number", q.Number)
	set("q", q.Text)
	set("service", q.Service)
	set("status", string(q.Status))
	if id, err := ident.Parse(q.ID); err == nil {
		set(string(id.Kind()), id.String())
	}
	return out.Encode()
}
