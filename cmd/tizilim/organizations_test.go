package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/application"
)

// The file of organizations is read whole or refused with what is wrong: a licensor that is misspelled would
// sign without four eyes, and nobody would know.
func TestOrganizations(t *testing.T) {
	known := func(licensor string) bool { return licensor == "trade-committee" }
	for name, tt := range map[string]struct {
		text  string
		want  map[string]application.Signing
		fault string
	}{
		"both": {
			"licensors:\n  trade-committee: {bin: \"120540001238\", four_eyes: true}\ncenters:\n  center-17: {bin: \"991141000451\"}\n",
			map[string]application.Signing{"trade-committee": {BIN: "120540001238", FourEyes: true}, "center-17": {BIN: "991141000451"}}, "",
		},
		"four eyes alone":        {"licensors:\n  trade-committee: {four_eyes: true}\n", map[string]application.Signing{"trade-committee": {FourEyes: true}}, ""},
		"unknown licensor":       {"licensors:\n  trade: {four_eyes: true}\n", nil, `no act knows a licensor "trade"`},
		"licensor as a center":   {"centers:\n  trade-committee: {bin: \"120540001238\"}\n", nil, `"trade-committee" under centers`},
		"four eyes of a center":  {"centers:\n  center-17: {four_eyes: true}\n", nil, `"center-17" under centers`},
		"an IIN":                 {"centers:\n  center-17: {bin: \"850312300121\"}\n", nil, "is none"},
		"a wrong check digit":    {"centers:\n  center-17: {bin: \"120540001239\"}\n", nil, "is none"},
		"a word nobody expected": {"licensors:\n  trade-committee: {four_eye: true}\n", nil, "four_eye"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "organizations.yaml")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readOrganizations(file, known)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got %v, want %q", err, tt.fault)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}
