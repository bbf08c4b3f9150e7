package api_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	book "github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

// walkPersonal calls do for every route that shows personal data, with somebody who is let in and what they
// are let in to.
func (w *world) walkPersonal(do func(pattern string, s someone, t *thing)) {
	w.t.Helper()
	licenses := w.licensesToWalk()
	walked := 0
	for _, pattern := range w.server.Routes() {
		if !access.Personal(api.ActionOf(pattern)) {
			continue
		}
		things := []*thing{nil}
		switch {
		case strings.Contains(pattern, "/applications/{id}"):
			things = w.applicationsToWalk()
		case strings.Contains(pattern, "/licenses/{number}"):
			things = licenses
		}
	search:
		for _, id := range []string{"auditor", "admin", "head", "officer", "company"} {
			for _, t := range things {
				if s := whoIs(id); wanted(pattern, s, t) == "+" && access.Allowed(s.role, api.ActionOf(pattern)) != access.Nothing {
					do(pattern, s, t)
					walked++
					break search
				}
			}
		}
	}
	if walked < 30 {
		w.t.Errorf("only %d routes show personal data: the walk misses them", walked)
	}
}

// logsItself reports whether the accounts write down themselves, without the way, what the route does.
func logsItself(pattern string) bool {
	switch api.ActionOf(pattern) {
	case access.ManageAccounts, access.ReadAccessLog:
		return true
	case access.ManageTokens:
		return !strings.HasPrefix(pattern, "GET ")
	}
	return false
}

// TestEveryAccessIsLogged: every route that shows personal data leaves an entry that says who, in which role,
// from where, what and by which way.
func TestEveryAccessIsLogged(t *testing.T) {
	w := newWorld(t)
	w.walkPersonal(func(pattern string, s someone, on *thing) {
		w.journal.forget()
		if got := w.walk(pattern, s, on); got != "+" {
			t.Errorf("%s as %s: %s", pattern, s.id, got)
		}
		itself := logsItself(pattern)
		e := w.journal.wait(func(e access.Entry) bool { return e.Account == s.id && (itself || e.Route == pattern) })
		switch {
		case e.Account == "":
			t.Errorf("%s as %s leaves no entry", pattern, s.id)
		case itself:
		case e.Role != s.role || e.Organization != s.organization || e.Address != "127.0.0.1" || e.Action != string(api.ActionOf(pattern)) || e.Kind == "":
			t.Errorf("%s as %s leaves %+v", pattern, s.id, e)
		case on != nil && (e.Person != on.Person || e.Thing != on.id && e.Thing != on.number && e.Thing != on.document):
			t.Errorf("%s as %s on %+v leaves %+v", pattern, s.id, on, e)
		}
	})
}

// shut are accounts whose access log may take no more.
type shut struct {
	*book.Accounts
	full atomic.Bool
}

func (s *shut) Record(ctx context.Context, entries ...access.Entry) error {
	if s.full.Load() && len(entries) > 0 {
		return fmt.Errorf("access log takes no more entries: %w", domain.ErrUnavailable)
	}
	return s.Accounts.Record(ctx, entries...)
}

// TestNothingIsShownUnlogged: what cannot be written down is not shown, and not done either.
func TestNothingIsShownUnlogged(t *testing.T) {
	w := newWorld(t)
	accounts := &shut{Accounts: w.accounts}
	w.cfg.Accounts, w.cfg.Metrics = accounts, nil
	w.server = must(api.New(w.cfg))
	w.walkPersonal(func(pattern string, s someone, on *thing) {
		if logsItself(pattern) {
			return
		}
		before := must(w.store.Head(t.Context()))
		method, path := w.place(pattern, s, on)
		body := bodies(pattern, s)
		var header []string
		if method == "POST" && strings.HasSuffix(path, "/documents") {
			header = []string{"Content-Type", "application/pdf", "Content-Disposition", `attachment; filename="a.pdf"`}
		}
		accounts.full.Store(true)
		r := w.call(s.id, method, path, body, header...)
		accounts.full.Store(false)
		if r.status != 503 || r.header.Get("Retry-After") == "" {
			t.Errorf("%s as %s: %d %s", pattern, s.id, r.status, r.body)
		}
		for _, shown := range []string{company, person, "Жарық", "Әлем"} {
			if strings.Contains(r.body, shown) {
				t.Errorf("%s as %s shows %s: %s", pattern, s.id, shown, r.body)
			}
		}
		if after := must(w.store.Head(t.Context())); after != before {
			t.Errorf("%s as %s did something", pattern, s.id)
		}
	})
	accounts.full.Store(true)
	w.call("", "GET", "/api/v1/licenses", nil).want(200) // the public sees nothing of anybody
	w.call("", "GET", "/", nil).want(200)
	w.call("stranger", "GET", "/api/v1/licenses?bin="+company, nil).want(200)
}

// TestAccessLogOverHTTP: an auditor finds who looked at somebody's data, page by page, and that stands in it.
func TestAccessLogOverHTTP(t *testing.T) {
	w := newWorld(t)
	a := w.open("company", "commodity-broker-license", "portal", company)
	for range 3 {
		w.call("head", "GET", at(a.ID, ""), nil).want(200)
	}
	w.reopen() // writes what waits
	var found []v1.Access
	for cursor := ""; ; {
		page := decode[v1.Accesses](w.call("auditor", "GET", "/api/v1/access-log?account=head&person="+company+"&limit=2&cursor="+cursor, nil).want(200))
		found = append(found, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(found) != 3 || found[0].Thing != a.ID || found[0].Role != "head" || found[0].Route != "GET /api/v1/applications/{id}" {
		t.Errorf("found %+v", found)
	}
	w.reopen()
	itself := decode[v1.Accesses](w.call("auditor", "GET", "/api/v1/access-log?account=auditor&from=2026-11-24T00:00:00Z&until=2026-11-25T00:00:00Z", nil).want(200)).Items
	if len(itself) < 2 || itself[1].Action != "access-log-read" || itself[1].Person != company {
		t.Errorf("of itself it has %+v", itself)
	}
	w.call("auditor", "GET", "/api/v1/access-log?person=1", nil).want(422, "identifier-form")
	w.call("auditor", "GET", "/api/v1/access-log?cursor=x", nil).want(400, "cursor-invalid")
}
