package demo

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestEveryLanguageHasEveryText(t *testing.T) {
	want := slices.Sorted(maps.Keys(text["en"]))
	for _, l := range languages {
		if got := slices.Sorted(maps.Keys(text[l])); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", l, got, want)
		}
		for key, s := range text[l] {
			if s == "" {
				t.Errorf("%s has no text for %s", l, key)
			}
		}
	}
	if len(text) != len(languages) {
		t.Errorf("%d languages offered of %d", len(languages), len(text))
	}
}

func TestBackOff(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second / 2, 2: time.Second, 6: 16 * time.Second, 7: 30 * time.Second, 1 << 30: 30 * time.Second} {
		if got := backOff(n); got != want {
			t.Errorf("after attempt %d wait %v, want %v", n, got, want)
		}
	}
}

func TestMoney(t *testing.T) {
	for n, want := range map[int64]string{0: "0,00\u00a0KZT", 5: "0,05\u00a0KZT", 99_999: "999,99\u00a0KZT", 4_325_000: "43\u00a0250,00\u00a0KZT", 100_000_000: "1\u00a0000\u00a0000,00\u00a0KZT"} {
		if got := money(n, "KZT"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
