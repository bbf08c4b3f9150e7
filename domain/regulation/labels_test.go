package regulation

import "testing"

// TestLabels: a word of the view that one language lacks would print as nothing.
func TestLabels(t *testing.T) {
	for _, lang := range languages {
		for key := range labels["en"] {
			if labels[lang][key] == "" {
				t.Errorf("%q has no %q", lang, key)
			}
		}
		if len(labels[lang]) != len(labels["en"]) {
			t.Errorf("%q has %d labels, English %d", lang, len(labels[lang]), len(labels["en"]))
		}
	}
}
