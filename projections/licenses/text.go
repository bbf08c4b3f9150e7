package licenses

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tizilim/tizilim/domain/license"
)

// searchable is what a license is found by as text: its holder's name, and its activity and parts
// of it in every language. None of it changes after the issue. The tokenizer folds the case of
// Kazakh and Russian letters, but й written as и with a breve is another text to it: hence NFC.
func searchable(s *license.State) string {
	parts := []string{s.Licensee.Name}
	for _, language := range slices.Sorted(maps.Keys(s.Activity)) {
		parts = append(parts, s.Activity[language])
	}
	parts = append(parts, s.Subactivities...)
	return norm.NFC.String(strings.Join(parts, "\n"))
}

// match turns what a person typed into a full-text query: every word must occur, the last one as the
// beginning of a word. Words are what the tokenizer takes for such; each is quoted, so nothing typed
// is syntax. Without any word it is empty.
func match(text string) string {
	words := strings.FieldsFunc(norm.NFC.String(strings.ToValidUTF8(text, " ")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Co, r)
	})
	if len(words) == 0 {
		return ""
	}
	return `"` + strings.Join(words, `" "`) + `"*`
}
