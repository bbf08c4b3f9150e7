// Package tizilim_test guards the one rule of the map that a compiler does not: imports run one way,
//
//	cmd → api → projections → domain ← adapters
//
// and the domain knows no clock, no disk, no network and no chance.
package tizilim_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/tizilim/tizilim"

// rule is what the packages of a folder may import besides the standard library. The rule of the
// longest matching folder holds. A name covers everything below it.
type rule struct {
	folder string
	own    []string // folders of this module
	others []string // other modules; "*" for any
}

// rules is the map. A test file (package x_test) may cross it, because a suite needs both sides.
var rules = []rule{
	{"domain", []string{"domain"}, []string{"github.com/google/uuid"}},
	{"domain/regulation", []string{"domain"}, []string{"github.com/google/uuid", "github.com/goccy/go-yaml"}},
	{"domain/calendar", []string{"domain"}, []string{"github.com/goccy/go-yaml"}},
	{"projections", []string{"domain", "projections"}, []string{"*"}},
	{"adapters", []string{"domain", "adapters"}, []string{"*"}},
	{"api", []string{"domain", "projections", "api"}, []string{"*"}},
	{"cmd", []string{"domain", "projections", "adapters", "api", "cmd"}, []string{"*"}},
}

// elsewhere names what only some folders may import, wherever the table above would let it in: an
// engine stays behind the port that hides it.
var elsewhere = map[string][]string{
	"github.com/nats-io":         {"adapters/jetstream", "adapters/notices", "adapters/storetest", "adapters/yardstick"},
	"github.com/jackc":           {"adapters/yardstick"},
	"github.com/EventStore":      {"adapters/eventstoredb"},
	"google.golang.org/grpc":     {"adapters/eventstoredb"},
	"zombiezen.com/go/sqlite":    {"projections", "adapters/sqlitedb", "cmd"},
	"github.com/alecthomas/kong": {"cmd"},
	"net/http/pprof":             {"cmd"},
	"github.com/coreos/go-oidc":  {"adapters/openid"},
	"golang.org/x/oauth2":        {"adapters/openid"},
	"github.com/zitadel":         {"adapters/openidtest"},
	"github.com/chromedp":        nil, // tests only
	"github.com/google/go-cmp":   {"adapters/storetest"},
	"github.com/rogpeppe":        nil,
	"github.com/cloudevents":     nil,
	"pgregory.net/rapid":         nil,
	"testing":                    {"adapters/disktest", "adapters/openidtest", "adapters/storetest", "adapters/tooltest", "adapters/jetstream/natstest"},
	"github.com/danielgtaylor":   {"api"},
	"github.com/prometheus":      {"api", "cmd"},
	"github.com/smallstep":       {"adapters/signature"},
	"github.com/sony":            {"adapters/breaker"},
	"github.com/digitorus":       {"adapters/signature"},
	"github.com/coder/websocket": {"adapters/signature/demo"},
	"software.sslmate.com":       {"adapters/signature"},
}

// outsideDomain are the packages of the standard library that reach out of the process or into chance.
var outsideDomain = []string{
	"os", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "database/sql", "syscall", "os/exec",
}

// forbiddenInDomain are calls that read the clock, wait, or roll dice.
var forbiddenInDomain = map[string][]string{
	"time":                   {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"github.com/google/uuid": {"New", "NewString", "NewRandom", "NewUUID", "NewV6", "NewV7", "NewDCEGroup", "NewDCEPerson"},
	"os":                     {"Getenv", "LookupEnv", "Environ"},
}

func TestImportsRunOneWay(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || strings.HasPrefix(d.Name(), "tizilim-data")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		for _, fault := range faults(filepath.ToSlash(filepath.Dir(path)), path, nil) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d Go files were looked at: the walk is broken", files)
	}
}

// faults lists what the file in the folder does against the map.
func faults(folder, path string, src any) []string {
	file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	r, ok := ruleOf(folder)
	if !ok {
		return []string{fmt.Sprintf("%s: the map has no folder %s", path, folder)}
	}
	var found []string
	names := map[string]string{} // name in the file → import path
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{fmt.Sprintf("%s: %v", path, err)}
		}
		names[importName(spec, imported)] = imported
		if reason := refuse(folder, r, imported); reason != "" {
			found = append(found, fmt.Sprintf("%s imports %s: %s", path, imported, reason))
		}
	}
	if within(folder, "domain") {
		found = append(found, impure(path, file, names)...)
	}
	return found
}

func ruleOf(folder string) (best rule, ok bool) {
	for _, r := range rules {
		if within(folder, r.folder) && len(r.folder) >= len(best.folder) {
			best, ok = r, true
		}
	}
	return best, ok
}

// refuse says why the folder may not import the package, "" where it may.
func refuse(folder string, r rule, imported string) string {
	for name, folders := range elsewhere {
		if within(imported, name) && !slices.ContainsFunc(folders, func(f string) bool { return within(folder, f) }) {
			return fmt.Sprintf("only %v may", folders)
		}
	}
	switch own, ours := strings.CutPrefix(imported, module+"/"); {
	case ours:
		if !slices.ContainsFunc(r.own, func(f string) bool { return within(own, f) }) {
			return fmt.Sprintf("%s may import only %v of this module", r.folder, r.own)
		}
	case !strings.Contains(strings.Split(imported, "/")[0], "."):
		if within(folder, "domain") && slices.Contains(outsideDomain, imported) {
			return "the domain reaches nothing outside"
		}
	case !slices.Contains(r.others, "*") && !slices.ContainsFunc(r.others, func(m string) bool { return within(imported, m) }):
		return fmt.Sprintf("%s may import only %v besides the standard library", r.folder, r.others)
	}
	return ""
}

// impure lists the calls in the file that depend on when or where they run.
func impure(path string, file *ast.File, names map[string]string) []string {
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if ok && slices.Contains(forbiddenInDomain[names[pkg.Name]], sel.Sel.Name) {
			found = append(found, fmt.Sprintf("%s uses %s.%s: the domain is pure", path, pkg.Name, sel.Sel.Name))
		}
		return true
	})
	return found
}

// importName is the name the import has in the file.
func importName(spec *ast.ImportSpec, imported string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	return imported[strings.LastIndex(imported, "/")+1:]
}

// within reports whether the path is the folder or below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func TestMapRefusesWrongImports(t *testing.T) {
	own := func(folder string) string { return module + "/" + folder }
	tests := []struct {
		folder, body string
		want         int
	}{
		{"domain/license", `import "` + own("domain/regulation") + `"`, 0},
		{"domain/license", `import "` + own("projections") + `"`, 1},
		{"domain/license", `import "github.com/goccy/go-yaml"`, 1},
		{"domain/regulation", `import "github.com/goccy/go-yaml"`, 0},
		{"domain/license", `import "os"`, 1},
		{"domain/license", `import "os"; var _ = os.Getenv("A")`, 2},
		{"domain/license", `import "time"; var _ = time.Now()`, 1},
		{"domain/license", `import clock "time"; var _ = clock.Now`, 1},
		{"domain/license", `import "time"; var _ time.Time; var _ = time.Date`, 0},
		{"domain", `import "github.com/google/uuid"; var _ = uuid.New()`, 1},
		{"domain", `import "github.com/google/uuid"; var _ = uuid.NewSHA1`, 0},
		{"projections/licenses", `import "` + own("domain") + `"`, 0},
		{"projections/licenses", `import "` + own("adapters/memstore") + `"`, 1},
		{"projections/licenses", `import "` + own("api") + `"`, 1},
		{"projections/licenses", `import "github.com/nats-io/nats.go"`, 1},
		{"projections/licenses", `import "time"; var _ = time.Now()`, 0},
		{"adapters/jetstream", `import "github.com/nats-io/nats.go"`, 0},
		{"adapters/jetstream", `import "` + own("projections/streams") + `"`, 1},
		{"api/v1", `import "` + own("projections/licenses") + `"`, 0},
		{"api/v1", `import "` + own("adapters/payment") + `"`, 1},
		{"api/v1", `import "` + own("cmd/tizilim") + `"`, 1},
		{"cmd/tizilim", `import "` + own("adapters/payment") + `"; import "` + own("api") + `"`, 0},
		{"cmd/tizilim", `import "github.com/google/go-cmp/cmp"`, 1},
		{"elsewhere", `import "fmt"`, 1},
		{"domains", `import "fmt"`, 1},
	}
	for _, tt := range tests {
		got := faults(tt.folder, "x.go", "package x\n"+tt.body)
		if diff := cmp.Diff(tt.want, len(got)); diff != "" {
			t.Errorf("%s: %s: faults %q (-want +got)\n%s", tt.folder, tt.body, got, diff)
		}
	}
}
