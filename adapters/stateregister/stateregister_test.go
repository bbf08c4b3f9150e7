package stateregister_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/adapters/stateregister/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

func client(t *testing.T, h http.Handler) *stateregister.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &stateregister.Client{URL: server.URL, HTTP: server.Client()}
}

// with is an identifier whose tenth and eleventh digits are the given ones.
func with(t *testing.T, kind ident.Kind, last string) string {
	t.Helper()
	prefix := map[ident.Kind]string{ident.IIN: "9001013%02d", ident.BIN: "1205400%02d"}[kind]
	for n := range 100 {
		if id, err := ident.Complete(fmt.Sprintf(prefix, n) + last); err == nil {
			return id.String()
		}
	}
	t.Fatalf("no %s ends on %s", kind, last)
	return ""
}

func TestKnown(t *testing.T) {
	c := client(t, demo.Handler())
	for _, e := range demo.Known {
		got, err := c.Find(t.Context(), e.ID)
		want := stateregister.Answer{ID: e.ID, Found: true, Name: e.Name, Address: e.Address, Source: got.Source, Reference: got.Reference, Text: got.Text}
		if !strings.Contains(got.Text, `"`+got.Reference+`"`) || len(got.Reference) != 36 || !strings.HasSuffix(got.Text, "}\n") {
			t.Errorf("%s: reference %q, text %q", e.ID, got.Reference, got.Text)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", e.ID, err, diff)
		}
	}
	got, err := c.Find(t.Context(), "1205 4000-1238") // as people write it
	if err != nil || got.ID != "120540001238" || got.Source != demo.Organizations {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPatterns(t *testing.T) {
	c := client(t, demo.Handler())
	for _, kind := range []ident.Kind{ident.IIN, ident.BIN} {
		absent := with(t, kind, "99")
		if got, err := c.Find(t.Context(), absent); err != nil || got.Found || got.Name != "" || got.Source == "" {
			t.Errorf("%s %s: %+v, %v; want an absence", kind, absent, got, err)
		}
		silent := with(t, kind, "98")
		if got, err := c.Find(t.Context(), silent); !errors.Is(err, domain.ErrUnavailable) || got != (stateregister.Answer{}) {
			t.Errorf("%s %s: %+v, %v; want ErrUnavailable", kind, silent, got, err)
		}
		other := with(t, kind, "12")
		first, err := c.Find(t.Context(), other)
		if err != nil || !first.Found || first.Name == "" || first.Address == "" {
			t.Errorf("%s %s: %+v, %v; want somebody", kind, other, first, err)
		}
		again, err := c.Find(t.Context(), other)
		if err != nil || again.Reference == first.Reference || said(again) != said(first) {
			t.Errorf("%s %s: %+v, then %+v, %v", kind, other, first, again, err)
		}
	}
}

// said is an answer without what is new in each.
func said(a stateregister.Answer) stateregister.Answer {
	a.Reference, a.Text = "", ""
	return a
}

func TestOutage(t *testing.T) {
	c := client(t, demo.Handler())
	set := func(method, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, c.URL+"/outage", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: %d %s %v", method, resp.StatusCode, text, err)
		}
	}
	set(http.MethodPost, "There is an outage")
	if _, err := c.Find(t.Context(), demo.Known[0].ID); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("in an outage: %v", err)
	}
	set(http.MethodDelete, "They answer")
	if got, err := c.Find(t.Context(), demo.Known[0].ID); err != nil || !got.Found {
		t.Errorf("after it: %+v, %v", got, err)
	}
}

// What is kept is what came, spaces and all.
func TestTextIsByteForByte(t *testing.T) {
	const body = "\r\n { \"source\":\"x\", \"found\" : false,\t\"id\":\"850312300121\", \"reference\":\"m-\\u0031\" }\n\n"
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
	got, err := c.Find(t.Context(), "850312300121")
	if err != nil || got.Text != body || got.Reference != "m-1" || got.Found {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMadeUpNamesFollowTheSex(t *testing.T) {
	for digit, ending := range map[string]string{"3": "ұлы", "4": "қызы", "5": "ұлы", "6": "қызы"} {
		id, err := ident.Complete("900101" + digit + "0101")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := demo.Find(id); !strings.HasSuffix(got.Name, ending) {
			t.Errorf("digit %s: %q does not end on %s", digit, got.Name, ending)
		}
	}
}

func TestDemoRefusesWhatIsNoIdentifier(t *testing.T) {
	server := httptest.NewServer(demo.Handler())
	defer server.Close()
	for path, want := range map[string]int{
		"/persons/850312300121":       http.StatusOK,
		"/persons/850312300129":       http.StatusBadRequest,
		"/persons/120540001238":       http.StatusBadRequest, // a BIN
		"/organizations/850312300121": http.StatusBadRequest,
		"/organizations/x":            http.StatusBadRequest,
		"/":                           http.StatusOK, // says what it is
		"/nothing":                    http.StatusNotFound,
	} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestBadIdentifierIsNeverAsked(t *testing.T) {
	c := client(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	var rejection *domain.Rejection
	if _, err := c.Find(t.Context(), "850312300129"); !errors.As(err, &rejection) || rejection.Code != ident.CodeCheckDigit {
		t.Errorf("%v", err)
	}
}

// Nothing but the register's own word is an absence.
func TestUnsoundAnswersAreUnavailable(t *testing.T) {
	const id = "850312300121"
	answers := map[string]struct {
		status int
		body   string
	}{
		"not found":          {404, "404 page not found"},
		"gone":               {410, `{"id":"` + id + `","found":false,"source":"x"}`},
		"server error":       {500, ""},
		"empty":              {200, ""},
		"a page":             {200, "<html>Welcome</html>"},
		"empty object":       {200, "{}"},
		"half":               {200, `{"id":"` + id + `","found":fal`},
		"somebody else":      {200, `{"id":"990101450026","found":false,"source":"x"}`},
		"found, no name":     {200, `{"id":"` + id + `","found":true,"source":"x"}`},
		"absent with a name": {200, `{"id":"` + id + `","found":false,"name":"A","source":"x"}`},
		"no source":          {200, `{"id":"` + id + `","found":false}`},
		"two answers":        {200, `{"id":"` + id + `","found":false,"source":"x"}{"id":"` + id + `","found":true,"name":"A","source":"x"}`},
		"no text":            {200, `{"id":"` + id + `","found":true,"source":"x","name":"` + "\xff" + `"}`},
		"another shape":      {200, `{"id":"` + id + `","found":false,"source":"x","deleted":true}`},
		"endless":            {200, `{"id":"` + id + `","found":true,"source":"x","name":"` + strings.Repeat("x", 1<<20) + `"}`},
	}
	for name, a := range answers {
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(a.status)
			fmt.Fprint(w, a.body)
		}))
		got, err := c.Find(t.Context(), id)
		if !errors.Is(err, domain.ErrUnavailable) || got != (stateregister.Answer{}) {
			t.Errorf("%s: %+v, %v; want ErrUnavailable", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), id) {
			t.Errorf("%s: the error names the person: %v", name, err)
		}
	}
}

func TestSilenceIsUnavailable(t *testing.T) {
	release := make(chan struct{})
	c := client(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer close(release)
	c.Timeout = time.Millisecond
	if _, err := c.Find(t.Context(), "850312300121"); !errors.Is(err, domain.ErrUnavailable) || strings.Contains(err.Error(), "850312300121") {
		t.Errorf("timeout: %v", err)
	}
	c.Timeout = 0
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Find(ctx, "850312300121"); !errors.Is(err, domain.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	c = &stateregister.Client{URL: closed.URL}
	if _, err := c.Find(t.Context(), "850312300121"); !errors.Is(err, domain.ErrUnavailable) || strings.Contains(err.Error(), "850312300121") {
		t.Errorf("nobody listens: %v", err)
	}
}
