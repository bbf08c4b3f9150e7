package api_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain/access"
)

// TestPageHasTheRoutes compares docs/access.md with which action each route is. Go through what -update
// changes line by line: it is who may use the route.
func TestPageHasTheRoutes(t *testing.T) {
	const page, begin, end = "../docs/access.md", "<!-- routes -->\n", "<!-- end of routes -->\n"
	text := string(must(os.ReadFile(page)))
	before, rest, found := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no marks %q and %q", page, begin, end)
	}
	var table strings.Builder
	table.WriteString("| action | routes |\n|---|---|\n")
	for _, a := range access.Actions() {
		var routes []string
		for _, route := range api.Ruled() {
			if api.ActionOf(route) == a {
				routes = append(routes, "`"+route+"`")
			}
		}
		fmt.Fprintf(&table, "| `%s` | %s |\n", a, strings.Join(routes, "<br>"))
		if len(routes) == 0 {
			t.Errorf("no route is %s", a)
		}
	}
	got := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(text, got); diff != "" {
		t.Errorf("%s is not what the code says (-update writes it anew):\n%s", page, diff)
	}
}

// TestWritesWrite: a route that changes something is an action that does.
func TestWritesWrite(t *testing.T) {
	for _, route := range api.Ruled() {
		if a := api.ActionOf(route); !strings.HasPrefix(route, "GET ") && !access.Writes(a) {
			t.Errorf("%s is %s, which changes nothing", route, a)
		}
	}
}
