package licenses

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
)

// searchable is what a license is found by as text: its holder's name, and its activity and parts
// of it in every language. None of it changes after the issue.
func searchable(s *license.State) string {
	parts := []string{s.Licensee.Name}
	for _, language := range slices.Sorted(maps.Keys(s.Activity)) {
		parts = append(parts, s.Activity[language])
	}
	parts = append(parts, s.Subactivities...)
	return strings.Join(words(strings.Join(parts, "\n")), " ")
}

// maxWords of a search are as many as any name has; each costs the search its time.
const maxWords = 32

// match turns what a person typed into a full-text query: every word must occur, the last one as the
// beginning of a word. Each is quoted, so nothing typed is syntax. A text without a word, or with more
// than maxWords, is domain.ErrInvalid.
func match(text string) (string, error) {
	words := words(text)
	switch {
	case len(words) == 0:
		return "", fmt.Errorf("search text without a letter or digit: %w", domain.ErrInvalid)
	case len(words) > maxWords:
		return "", fmt.Errorf("search text of %d words, the limit is %d: %w", len(words), maxWords, domain.ErrInvalid)
	}
	return `"` + strings.Join(words, `" "`) + `"*`, nil
}

// equated are letters that people write for each other: most Russian texts have е for ё.
var equated = strings.NewReplacer("ё", "е", "Ё", "Е")

// words are the words of a text. What is stored and what is typed both go through here, so that the
// tokenizer, whose Unicode is older than ours, sees the same in both: it folds the case of Kazakh and
// Russian letters, and where it divides a word it divides both. Letters come composed (NFC), because й
// and и with a breve differ to it. A word of marks alone is none, as to the tokenizer.
func words(text string) []string {
	all := strings.FieldsFunc(norm.NFC.String(strings.ToValidUTF8(text, " ")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Co, r)
	})
	all = slices.DeleteFunc(all, func(word string) bool {
		return !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsMark(r) })
	})
	for i := range all {
		all[i] = equated.Replace(all[i])
	}
	return all
}
