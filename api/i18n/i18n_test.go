package i18n_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/api/i18n"
)

func load(t *testing.T) *i18n.Texts {
	t.Helper()
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestCount(t *testing.T) {
	texts := load(t)
	tests := []struct {
		lang string
		n    int
		want string
	}{
		{"ru", 1, "1 рабочий день"},
		{"ru", 3, "3 рабочих дня"},
		{"ru", 5, "5 рабочих дней"},
		{"ru", 11, "11 рабочих дней"},
		{"ru", 21, "21 рабочий день"},
		{"ru", 0, "0 рабочих дней"},
		{"kk", 1, "1 жұмыс күні"},
		{"kk", 15, "15 жұмыс күні"},
		{"en", 1, "1 working day"},
		{"en", 0, "0 working days"},
		{"en", 1234567, "1\u00a0234\u00a0567 working days"},
	}
	for _, tt := range tests {
		if got := texts.Count(tt.lang, "count.working-days", tt.n); got != tt.want {
			t.Errorf("Count(%s, %d) = %q, want %q", tt.lang, tt.n, got, tt.want)
		}
	}
}

func TestDay(t *testing.T) {
	texts := load(t)
	for lang, want := range map[string]string{
		"kk": "2013 жылғы 26 сәуір", "ru": "26 апреля 2013 г.", "en": "26 April 2013",
	} {
		if got := texts.Day(lang, "2013-04-26"); got != want {
			t.Errorf("Day(%s) = %q, want %q", lang, got, want)
		}
	}
	at := time.Date(2013, 4, 26, 20, 5, 0, 0, time.UTC)
	if got, want := texts.Moment("en", at, time.FixedZone("", 6*3600)), "27 April 2013, 02:05"; got != want {
		t.Errorf("Moment = %q, want %q", got, want)
	}
}

func TestChoose(t *testing.T) {
	texts := load(t)
	for header, want := range map[string]string{
		"":                           "en",
		"ru-RU,ru;q=0.9,en;q=0.8":    "ru",
		"kk-KZ":                      "kk",
		"de":                         "en",
		"de, kk;q=0.5":               "kk",
		"en-US":                      "en",
		"*":                          "en",
		"not a header \x00 at all ;": "en",
	} {
		if got := texts.Choose(header); got != want {
			t.Errorf("Choose(%q) = %q, want %q", header, got, want)
		}
	}
}

func TestUnknownKeyIsSeen(t *testing.T) {
	if got := load(t).Text("ru", "no.such-key"); got != "no.such-key" {
		t.Errorf("Text = %q", got)
	}
}

// TestDomainHasTexts reads the domain's source: every rejection code, action, status, event type,
// ground and the like must have a text, so that a new one cannot be forgotten.
func TestDomainHasTexts(t *testing.T) {
	texts := load(t)
	found := scan(t, "../../domain", "../../projections", "../../adapters/accounts", "..")
	for key, where := range found {
		if !texts.Has(key) {
			t.Errorf("%s: no text %q", where, key)
		}
	}
	for _, key := range texts.Keys() {
		if strings.HasPrefix(key, "problem.") && found[key] == "" {
			t.Errorf("text %q belongs to no error", key)
		}
	}
	if len(found) < 120 {
		t.Errorf("only %d tokens were found in the domain: the scan misses them", len(found))
	}
}

// prefixes are the keys under which the constants of a type have their texts.
var prefixes = map[string]string{
	"application.Status":        "application-status.",
	"application.Stage":         "stage.",
	"application.Ground":        "ground.",
	"signing.Reason":            "signature-reason.",
	"application.ReissueReason": "reason.",
	"application.Mismatch":      "mismatch.",
	"license.Status":            "license-status.",
	"license.TerminationGround": "termination-ground.",
	"regulation.Action":         "action.",
	"regulation.Channel":        "channel.",
	"regulation.Request":        "request.",
	"regulation.Role":           "actor.",
	"regulation.Outcome":        "branch.",
	"regulation.Topic":          "topic.",
	"domain.Role":               "role.",
}

// scan finds the keys that the source calls for, and where.
func scan(t *testing.T, roots ...string) map[string]string {
	t.Helper()
	keys := map[string]string{}
	fset := token.NewFileSet()
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				return err
			}
			scanFile(fset, file, keys)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

func scanFile(fset *token.FileSet, file *ast.File, keys map[string]string) {
	add := func(key string, n ast.Node) { keys[key] = fset.Position(n.Pos()).String() }
	problem := func(e ast.Expr) {
		if s, ok := literal(e); ok {
			add("problem."+s+".title", e)
			add("problem."+s+".detail", e)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl: // func (Opened) EventType() (string, int) { return "application-opened", 1 }
			if n.Name.Name == "EventType" && n.Body != nil {
				ast.Inspect(n.Body, func(m ast.Node) bool {
					if ret, ok := m.(*ast.ReturnStmt); ok {
						if s, ok := literal(ret.Results[0]); ok {
							add("event."+s, n)
						}
					}
					return true
				})
			}
		case *ast.CallExpr: // domain.Reject("code", …), fail("code", …)
			if name := callee(n); (name == "Reject" || (name == "fail" || name == "unfit") && file.Name.Name == "api") && len(n.Args) > 0 {
				problem(n.Args[0])
			}
		case *ast.KeyValueExpr: // fault{code: "code"}
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "code" {
				problem(n.Value)
			} else if ok && key.Name == "key" { // field{key: "field.text"}
				if s, ok := literal(n.Value); ok {
					add(s, n)
				}
			}
		case *ast.AssignStmt: // f.code = "code"
			if field, ok := n.Lhs[0].(*ast.SelectorExpr); ok && field.Sel.Name == "code" {
				problem(n.Rhs[0])
			}
		case *ast.CompositeLit: // the error table: {kind, "code"}
			if len(n.Elts) == 2 && n.Type == nil && file.Name.Name == "api" {
				if s, _ := literal(n.Elts[1]); strings.HasPrefix(s, "field.") { // {huma's message, "field.text"}
					add(s, n)
				} else {
					problem(n.Elts[1])
				}
			}
		case *ast.ValueSpec: // const X Type = "token"; const CodeX = "code"
			for i, v := range n.Values {
				s, ok := literal(v)
				if !ok {
					continue
				}
				if id, ok := n.Type.(*ast.Ident); ok && s != "" && prefixes[file.Name.Name+"."+id.Name] != "" {
					add(prefixes[file.Name.Name+"."+id.Name]+s, n)
				}
				if strings.HasPrefix(n.Names[i].Name, "Code") {
					problem(v)
				}
			}
		}
		return true
	})
}

func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

func TestSpan(t *testing.T) {
	texts := load(t)
	for d, want := range map[time.Duration]string{
		0: "0\u00a0s", 90 * time.Second: "90\u00a0s", 10 * time.Minute: "10\u00a0min",
		5 * time.Hour: "5\u00a0h", 15 * 24 * time.Hour: "15\u00a0d",
	} {
		if got := texts.Span("en", d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	texts := load(t)
	for bytes, want := range map[int64]string{256 << 10: "256\u00a0КиБ", 10 << 20: "10\u00a0МиБ"} {
		for _, lang := range []string{"kk", "ru"} {
			if got := texts.Size(lang, bytes); got != want {
				t.Errorf("Size(%s, %d) = %q, want %q", lang, bytes, got, want)
			}
		}
	}
}

func TestShare(t *testing.T) {
	texts := load(t)
	for _, tt := range []struct {
		lang        string
		part, whole int
		want        string
	}{
		{"en", 1, 1, "100%"}, {"en", 0, 7, "0%"}, {"en", 2, 3, "66.6%"}, {"ru", 9999, 10000, "99,9\u00a0%"}, {"kk", 1, 8, "12,5\u00a0%"}, {"ru", 7, 10, "70\u00a0%"},
	} {
		if got := texts.Share(tt.lang, tt.part, tt.whole); got != tt.want {
			t.Errorf("Share(%s, %d, %d) = %q, want %q", tt.lang, tt.part, tt.whole, got, tt.want)
		}
	}
}

func TestSecond(t *testing.T) {
	at := time.Date(2013, 4, 26, 20, 5, 9, 0, time.UTC)
	for lang, want := range map[string]string{"kk": "27.04.2013 02:05:09", "ru": "27.04.2013 02:05:09", "en": "2013-04-27 02:05:09"} {
		if got := load(t).Second(lang, at, time.FixedZone("", 6*3600)); got != want {
			t.Errorf("Second(%s) = %q, want %q", lang, got, want)
		}
	}
}
