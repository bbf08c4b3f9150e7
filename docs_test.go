package tizilim_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEventCatalogIsComplete compares docs/events.md with the payloads in the code: one section per
// type and schema, which names every field.
func TestEventCatalogIsComplete(t *testing.T) {
	sections := catalogSections(t)
	payloads := payloadFields(t)
	if len(payloads) < 20 {
		t.Fatalf("found only %d payloads in the code: the search is broken", len(payloads))
	}
	for name, fields := range payloads {
		section, ok := sections[name]
		if !ok {
			t.Errorf("docs/events.md has no section %s", name)
		}
		for _, field := range fields {
			if !strings.Contains(section, "`"+field+"`") {
				t.Errorf("docs/events.md: %s does not name its field %q", name, field)
			}
		}
	}
	for name := range sections {
		if _, ok := payloads[name]; !ok {
			t.Errorf("docs/events.md: no code makes %s", name)
		}
	}
}

var sectionHead = regexp.MustCompile("(?m)^### `([a-z-]+)` ([0-9]+)$")

// catalogSections is the text of each section of the catalog, by "type schema".
func catalogSections(t *testing.T) map[string]string {
	page, err := os.ReadFile("docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	heads := sectionHead.FindAllSubmatchIndex(page, -1)
	for i, h := range heads {
		end := len(page)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		sections[string(page[h[2]:h[3]])+" "+string(page[h[4]:h[5]])] = string(page[h[1]:end])
	}
	return sections
}

// payloadFields finds the types with an EventType method and lists their JSON fields, without those of
// embedded structs.
func payloadFields(t *testing.T) map[string][]string {
	files, err := filepath.Glob("domain/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	structs, tokens := map[string]*ast.StructType{}, map[string]string{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch d := n.(type) {
			case *ast.TypeSpec:
				if s, ok := d.Type.(*ast.StructType); ok {
					structs[filepath.Dir(path)+"."+d.Name.Name] = s
				}
			case *ast.FuncDecl:
				if d.Name.Name == "EventType" && d.Recv != nil {
					receiver := d.Recv.List[0].Type.(*ast.Ident).Name
					tokens[filepath.Dir(path)+"."+receiver] = eventName(t, d)
				}
			}
			return true
		})
	}
	payloads := map[string][]string{}
	for typ, name := range tokens {
		payloads[name] = jsonFields(structs[typ])
	}
	return payloads
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

// TestLinksLeadSomewhere follows every relative link of the README and the docs.
func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	followed := 0
	for _, page := range append(pages, "README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(l[1], ":") { // an address
				continue
			}
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), filepath.FromSlash(l[1]))); err != nil {
				t.Errorf("%s links to %s: %v", page, l[1], err)
			}
		}
	}
	if followed < 5 {
		t.Errorf("followed only %d links: the search is broken", followed)
	}
}

// eventName is "type schema" of an EventType method, which returns two constants.
func eventName(t *testing.T, d *ast.FuncDecl) string {
	results := d.Body.List[0].(*ast.ReturnStmt).Results
	name, err := strconv.Unquote(results[0].(*ast.BasicLit).Value)
	if err != nil {
		t.Fatal(err)
	}
	return name + " " + results[1].(*ast.BasicLit).Value
}

func jsonFields(s *ast.StructType) []string {
	var fields []string
	for _, f := range s.Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if name != "" && name != "-" {
			fields = append(fields, name)
		}
	}
	return fields
}
