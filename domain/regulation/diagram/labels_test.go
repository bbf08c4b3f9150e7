package diagram

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/regulation"
)

// constants are the values of the string constants of a type of package regulation, read from its
// source so that one that is added there is missed here.
func constants(t *testing.T, name string) []string {
	t.Helper()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../"+entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if as, ok := spec.Type.(*ast.Ident); ok && as.Name == name && len(spec.Values) == 1 {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
					value, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, value)
				}
			}
			return true
		})
	}
	if len(values) < 2 {
		t.Fatalf("only %d constants of type %s: the search is broken", len(values), name)
	}
	return values
}

// TestEveryTokenHasWords: an action, outcome, role, channel or kind of request that the regulations
// can have is drawn in words.
func TestEveryTokenHasWords(t *testing.T) {
	for prefix, name := range map[string]string{
		"action": "Action", "outcome": "Outcome", "role": "Role", "channel": "Channel", "request": "Request",
	} {
		for _, value := range constants(t, name) {
			if value != "" && words[prefix+"."+value] == nil {
				t.Errorf("%s.%s has no words", prefix, value)
			}
		}
	}
}

func TestEveryWordIsInThreeLanguages(t *testing.T) {
	for key, in := range words {
		for _, lang := range languages {
			if strings.TrimSpace(in[lang]) == "" {
				t.Errorf("%s has no %s", key, lang)
			}
			if got, want := strings.Count(in[lang], "{"), strings.Count(in["ru"], "{"); key != "act" && got != want {
				t.Errorf("%s in %s has %d places, in Russian %d", key, lang, got, want)
			}
		}
	}
}

// TestEveryKeyHasWords: each key that the code asks for is there.
func TestEveryKeyHasWords(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`(?:word|add)\("([a-z.-]+[a-z])"[,)]`)
	found := 0
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), "_test.go") || !strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		source, err := os.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(source), -1) {
			found++
			if words[m[1]] == nil {
				t.Errorf("%s: no words for %q", entry.Name(), m[1])
			}
		}
	}
	if found < 25 {
		t.Errorf("only %d keys found: the search is broken", found)
	}
}

// TestEverySystemIsTranslated: no printed name of an information system that is drawn stays Russian
// in a drawing of another language.
func TestEverySystemIsTranslated(t *testing.T) {
	every(t, func(t *testing.T, p *regulation.Procedure, lang string) {
		c := &chart{lang: lang, p: p}
		for _, s := range p.Steps {
			name := c.printedActor(s)
			if s.Actor.Role == regulation.System && lang != "ru" && name != "" && name == s.Actor.Printed["ru"] {
				t.Errorf("step %d: %q has no %s", s.Number, name, lang)
			}
		}
	})
}

func TestDeadlineInWords(t *testing.T) {
	term := func(printed string) regulation.Deadline {
		d, err := regulation.ParseDeadline(printed)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	tests := []struct {
		printed    string
		kk, ru, en string
	}{
		{"-", "", "", ""},
		{"20 сек", "20 с", "20 с", "20 s"},
		{"10–15 сек", "10–15 с", "10–15 с", "10–15 s"},
		{"1,5 мин", "1,5 мин", "1,5 мин", "1.5 min"},
		{"30 сек – 1 минута", "30 с – 1 мин", "30 с – 1 мин", "30 s – 1 min"},
		{"10-15 минут", "10–15 мин", "10–15 мин", "10–15 min"},
		{"1 рабочий день", "1 жұмыс күні", "1 раб. день", "1 working day"},
		{"3 рабочих дня", "3 жұмыс күні", "3 раб. дня", "3 working days"},
		{"11 рабочих дней", "11 жұмыс күні", "11 раб. дней", "11 working days"},
		{"21 рабочий день", "21 жұмыс күні", "21 раб. день", "21 working days"},
		{"10–15 рабочих дней", "10–15 жұмыс күні", "10–15 раб. дней", "10–15 working days"},
		{"15 рабочих дней, 10 рабочих дней, 2 рабочих дня", "беру – 15 жұмыс күні, қайта ресімдеу – 10 жұмыс күні, телнұсқа – 2 жұмыс күні",
			"выдача – 15 раб. дней, переоформление – 10 раб. дней, дубликат – 2 раб. дня",
			"issue – 15 working days, reissue – 10 working days, duplicate – 2 working days"},
	}
	for _, tt := range tests {
		for lang, want := range map[string]string{"kk": tt.kk, "ru": tt.ru, "en": tt.en} {
			got := strings.Join((&chart{lang: lang}).deadline(term(tt.printed)), ", ")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in %s: %s", tt.printed, lang, diff)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	f := face{12, false}
	tests := []struct {
		text string
		max  int
		want []string
	}{
		{"", 100, nil},
		{"  a \n b ", 100, []string{"a b"}},
		{"один два три", f.width("один два"), []string{"один два", "три"}},
		{"превысокомногорассмотрительствующий", f.width("превысоко-"), []string{"превысоко-", "многорасс-", "мотритель-", "ствующий"}},
		{"ЖЖ", 1, []string{"Ж-", "Ж"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, f.wrap(tt.text, tt.max)); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
	if got := f.width("\u4e2d"); got != 12 {
		t.Errorf("an unknown character is %d wide, not its height", got)
	}
}
