// Package i18n has every text that people read, in Kazakh, Russian and English.
//
// A text has a key, such as "event.license-issued", and a wording in each of kk.yaml, ru.yaml and
// en.yaml. Load checks that the three files have the same keys, placeholders and plural forms, so a
// missing translation stops the program at its start, and the tests before that.
package i18n

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// The languages, in the order in which a switch offers them. English stands where nothing was asked
// for, because programs ask for nothing.
const (
	Kazakh  = "kk"
	Russian = "ru"
	English = "en"
)

// Languages are all languages.
var Languages = []string{Kazakh, Russian, English}

//go:embed kk.yaml ru.yaml en.yaml
var files embed.FS

// Texts are all texts in all languages. They do not change once loaded.
type Texts struct {
	texts   map[string]map[string]text // by language and key
	matcher language.Matcher
}

// text is one wording: plain, or by plural form.
type text struct {
	plain string
	forms map[plural.Form]string
}

// Load reads and checks the texts.
func Load() (*Texts, error) {
	t := &Texts{
		texts: map[string]map[string]text{},
		// The first one is what is chosen when nothing fits.
		matcher: language.NewMatcher([]language.Tag{language.English, language.Kazakh, language.Russian}),
	}
	for _, lang := range Languages {
		texts, err := read(lang)
		if err != nil {
			return nil, fmt.Errorf("texts in %q: %w", lang, err)
		}
		t.texts[lang] = texts
	}
	return t, t.check()
}

func read(lang string) (map[string]text, error) {
	data, err := files.ReadFile(lang + ".yaml")
	if err != nil {
		return nil, err
	}
	var raw map[string]any
	if err := yaml.UnmarshalWithOptions(data, &raw, yaml.Strict()); err != nil {
		return nil, err
	}
	texts := map[string]text{}
	for key, value := range raw {
		switch v := value.(type) {
		case string:
			texts[key] = text{plain: v}
		case map[string]any:
			forms, err := readForms(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			texts[key] = text{forms: forms}
		default:
			return nil, fmt.Errorf("%s is a %T", key, value)
		}
	}
	return texts, nil
}

var formNames = map[string]plural.Form{
	"one": plural.One, "few": plural.Few, "many": plural.Many, "other": plural.Other,
}

func readForms(raw map[string]any) (map[plural.Form]string, error) {
	forms := map[plural.Form]string{}
	for name, value := range raw {
		form, ok := formNames[name]
		s, isString := value.(string)
		if !ok || !isString {
			return nil, fmt.Errorf("plural form %q", name)
		}
		forms[form] = s
	}
	return forms, nil
}

// needed are the plural forms that whole numbers take in each language (CLDR).
var needed = map[string][]plural.Form{
	Kazakh:  {plural.One, plural.Other},
	Russian: {plural.One, plural.Few, plural.Many, plural.Other},
	English: {plural.One, plural.Other},
}

// check compares every language with English.
func (t *Texts) check() error {
	reference := t.texts[English]
	for _, lang := range Languages {
		for key := range t.texts[lang] {
			if _, ok := reference[key]; !ok {
				return fmt.Errorf("text %q is in %q but not in %q", key, lang, English)
			}
		}
		for key, want := range reference {
			if err := compare(lang, t.texts[lang][key], want); err != nil {
				return fmt.Errorf("text %q in %q: %w", key, lang, err)
			}
		}
	}
	return nil
}

func compare(lang string, got, want text) error {
	if (got.forms == nil) != (want.forms == nil) {
		return fmt.Errorf("counts in one language only, or is missing")
	}
	if want.forms == nil {
		if strings.TrimSpace(got.plain) == "" {
			return fmt.Errorf("missing")
		}
		if g, w := placeholders(got.plain), placeholders(want.plain); !slices.Equal(g, w) {
			return fmt.Errorf("has placeholders %v, not %v", g, w)
		}
		return nil
	}
	for _, form := range needed[lang] {
		if !strings.Contains(got.forms[form], "{n}") {
			return fmt.Errorf("plural form %v is missing or has no {n}", form)
		}
	}
	return nil
}

// placeholders are the names in braces, sorted, each once.
func placeholders(s string) []string {
	names := map[string]bool{}
	for {
		_, rest, ok := strings.Cut(s, "{")
		if !ok {
			return slices.Sorted(maps.Keys(names))
		}
		name, after, _ := strings.Cut(rest, "}")
		names[name] = true
		s = after
	}
}

// Keys are all keys, sorted.
func (t *Texts) Keys() []string { return slices.Sorted(maps.Keys(t.texts[English])) }

// Has reports whether there is a text with the key.
func (t *Texts) Has(key string) bool {
	_, ok := t.texts[English][key]
	return ok
}

// Text is the wording of key; params are name, value pairs for its placeholders. An unknown key is
// given back as it is, so that a mistake is seen instead of an empty place.
func (t *Texts) Text(lang, key string, params ...string) string {
	wording, ok := t.texts[lang][key]
	if !ok || wording.forms != nil {
		return key
	}
	return fill(wording.plain, params...)
}

// Count is the wording of key for n things, in the plural form of the language.
func (t *Texts) Count(lang, key string, n int) string {
	wording, ok := t.texts[lang][key]
	if !ok || wording.forms == nil {
		return key
	}
	form := plural.Cardinal.MatchPlural(language.Make(lang), n, 0, 0, 0, 0)
	s, ok := wording.forms[form]
	if !ok {
		s = wording.forms[plural.Other]
	}
	return fill(s, "n", Number(n))
}

func fill(s string, params ...string) string {
	if len(params) < 2 || !strings.Contains(s, "{") {
		return s
	}
	pairs := make([]string, 0, len(params))
	for i := 0; i+1 < len(params); i += 2 {
		pairs = append(pairs, "{"+params[i]+"}", params[i+1])
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// Number groups the digits of n in threes with a no-break space, as all three languages may.
func Number(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u00a0" + digits[i:]
	}
	return sign + digits
}

// Choose picks the language for an Accept-Language header, English where none of ours is asked for.
func (t *Texts) Choose(acceptLanguage string) string {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return English
	}
	_, i, confidence := t.matcher.Match(tags...)
	if confidence == language.No {
		return English
	}
	return []string{English, Kazakh, Russian}[i]
}

// Known reports whether lang is one of the languages.
func Known(lang string) bool { return slices.Contains(Languages, lang) }
