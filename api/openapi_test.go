package api_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain/access"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

// TestOpenAPI compares the description with the one that was agreed: a change of the API is seen in
// the review. go test ./api -run OpenAPI -update writes it anew.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	got := w.call("", "GET", "/openapi.json", nil).want(200).body
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the API differs from %s (-update writes it anew):\n%s", golden, diff)
	}
}

// TestOpenAPIDescribesEveryRoute: every route of /api/v1 is described, with its parameters.
func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	w := newWorld(t)
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(w.call("", "GET", "/openapi.json", nil).body), &spec); err != nil {
		t.Fatal(err)
	}
	if spec.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", spec.OpenAPI)
	}
	for name := range spec.Components.Schemas {
		if name == "ErrorModel" {
			t.Error("describes an error that nobody gets")
		}
	}
	ids := map[string]bool{}
	for _, route := range w.server.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		op, ok := spec.Paths[path][strings.ToLower(method)]
		if !ok || op.OperationID == "" || ids[op.OperationID] || op.Responses["default"] == nil {
			t.Errorf("%s is described as %+v (%v)", route, op, slices.Sorted(maps.Keys(spec.Paths)))
			continue
		}
		ids[op.OperationID] = true
		names := map[string]bool{}
		for _, p := range op.Parameters {
			names[p.Name] = true
		}
		for _, part := range strings.Split(path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok && !names[strings.TrimSuffix(name, "}")] {
				t.Errorf("%s: parameter %s is not described", route, part)
			}
		}
		action := api.ActionOf(route)
		if write := method != "GET" && action != access.LogIn && action != access.ManageOwn; write != names["Idempotency-Key"] && path != "/api/v1/payments/callback" {
			t.Errorf("%s: Idempotency-Key described: %t", route, names["Idempotency-Key"])
		}
	}
}
