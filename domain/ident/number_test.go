package ident_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

func TestLicenseNumber(t *testing.T) {
	tests := []struct {
		year int
		n    uint64
		want string
	}{
		{2015, 17208, "15017208"}, // of 23 September 2015
		{2016, 7655, "16007655"},
		{2023, 6587, "23006587"}, // of 13 March 2023
		{2026, 1, "26000001"},
		{2009, 999_999, "09999999"},
		{2000, 1, "00000001"},
	}
	for _, tt := range tests {
		got, err := ident.LicenseNumber(tt.year, tt.n)
		if err != nil || got != tt.want {
			t.Errorf("%d of %d: %q, %v; want %q", tt.n, tt.year, got, err, tt.want)
		}
		year, n, err := ident.ParseLicenseNumber(tt.want)
		if err != nil || year != tt.year || n != tt.n {
			t.Errorf("%q reads as %d of %d, %v", tt.want, n, year, err)
		}
	}
}

func TestLicenseNumberRefuses(t *testing.T) {
	for _, tt := range []struct {
		year int
		n    uint64
	}{{2026, 0}, {2026, 1_000_000}, {1999, 1}, {2100, 1}} {
		if s, err := ident.LicenseNumber(tt.year, tt.n); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%d of %d: %q, %v; want ErrInvalid", tt.n, tt.year, s, err)
		}
	}
	for _, s := range []string{"", "2600001", "260000001", "26000000", "2600000x", "26 00001", "２6000001"} {
		if _, _, err := ident.ParseLicenseNumber(s); code(err) != ident.CodeNumberForm {
			t.Errorf("%q: %v, want %s", s, err, ident.CodeNumberForm)
		}
	}
}

// The numbers of seven real documents.
func TestRealPermitNumbers(t *testing.T) {
	tests := []struct {
		number, class string
		n             uint64
	}{
		{"KZ18LAA00032760", "LAA", 32760},
		{"KZ29LAM00002781", "LAM", 2781},
		{"KZ88LAA00031985", "LAA", 31985},
		{"KZ08LAA00032358", "LAA", 32358},
		{"KZ83VPY00075165", "VPY", 75165},
		{"KZ77UWQ07835337", "UWQ", 7835337},
		{"KZ45UUZ00498687", "UUZ", 498687},
		{"KZ45LIC00000001", "LIC", 1}, // ours, by the same rule
	}
	for _, tt := range tests {
		if err := ident.CheckPermitNumber(tt.number); err != nil {
			t.Errorf("%s: %v", tt.number, err)
		}
		got, err := ident.PermitNumber(tt.class, tt.n)
		if err != nil || got != tt.number {
			t.Errorf("%s %d: %q, %v; want %q", tt.class, tt.n, got, err, tt.number)
		}
		class, n, err := ident.ParsePermitNumber(tt.number)
		if err != nil || class != tt.class || n != tt.n {
			t.Errorf("%s reads as %s %d, %v", tt.number, class, n, err)
		}
	}
}

func TestPermitNumberRefuses(t *testing.T) {
	for _, tt := range []struct {
		class string
		n     uint64
	}{{"LIC", 0}, {"LIC", 100_000_000}, {"LI", 1}, {"LICX", 1}, {"lic", 1}, {"L1C", 1}, {"ЛИЦ", 1}} {
		if s, err := ident.PermitNumber(tt.class, tt.n); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q %d: %q, %v; want ErrInvalid", tt.class, tt.n, s, err)
		}
	}
	for s, want := range map[string]string{
		"":                 ident.CodeNumberForm,
		"KZ45LIC0000001":   ident.CodeNumberForm,
		"KZ45LIC000000001": ident.CodeNumberForm,
		"KZ45lic00000001":  ident.CodeNumberForm,
		"RU45LIC00000001":  ident.CodeNumberForm,
		"KZ4XLIC00000001":  ident.CodeNumberForm,
		"KZ72LIC00000000":  ident.CodeNumberForm,
		"KZ46LIC00000001":  ident.CodeNumberCheck,
		"KZ45LIC00000010":  ident.CodeNumberCheck,
		"KZ45LCI00000001":  ident.CodeNumberCheck,
		"KZ54LIC00000001":  ident.CodeNumberCheck,
	} {
		if err := ident.CheckPermitNumber(s); code(err) != want {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
}

// Every single wrong digit, and every swap of two neighbors, is noticed.
func TestPermitCheckDigitsCatchSlips(t *testing.T) {
	const right = "KZ77UWQ07835337"
	for i := range right {
		for c := byte('0'); c <= 'Z'; c++ {
			wrong := right[:i] + string(c) + right[i+1:]
			if wrong != right && ident.CheckPermitNumber(wrong) == nil {
				t.Errorf("%s passes for %s", wrong, right)
			}
		}
		if i+1 < len(right) && right[i] != right[i+1] {
			wrong := right[:i] + string(right[i+1]) + string(right[i]) + right[i+2:]
			if ident.CheckPermitNumber(wrong) == nil {
				t.Errorf("%s passes for %s", wrong, right)
			}
		}
	}
}

func FuzzPermitNumber(f *testing.F) {
	f.Add("LIC", uint64(1))
	f.Add("APP", uint64(99_999_999))
	f.Add("ZZZ", uint64(0))
	f.Add("", uint64(7))
	f.Fuzz(func(t *testing.T, class string, n uint64) {
		s, err := ident.PermitNumber(class, n)
		if err != nil {
			if !errors.Is(err, domain.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		gotClass, gotN, err := ident.ParsePermitNumber(s)
		if err != nil || gotClass != class || gotN != n {
			t.Fatalf("%s %d made %q, which reads as %s %d, %v", class, n, s, gotClass, gotN, err)
		}
	})
}

func FuzzParseNumbers(f *testing.F) {
	for _, seed := range []string{"26000001", "KZ45LIC00000001", "KZ00LIC00000001", "", "KZ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if class, n, err := ident.ParsePermitNumber(s); err == nil {
			if again, err := ident.PermitNumber(class, n); err != nil || again != s {
				t.Fatalf("%q was accepted, but its number is %q, %v", s, again, err)
			}
		}
		if year, n, err := ident.ParseLicenseNumber(s); err == nil {
			if again, err := ident.LicenseNumber(year, n); err != nil || again != s {
				t.Fatalf("%q was accepted, but its number is %q, %v", s, again, err)
			}
		}
	})
}

func TestNormalize(t *testing.T) {
	permit, err := ident.PermitNumber("IMP", 2)
	if err != nil {
		t.Fatal(err)
	}
	other := permit[:2] + "99" + permit[4:]
	for text, want := range map[string]string{
		"26000001": "26000001", " 26-000 001 ": "26000001", strings.ToLower(permit): permit, permit[:4] + " " + permit[4:7] + "-" + permit[7:]: permit,
		other: ident.CodeNumberCheck, "26000000": ident.CodeNumberForm, "": ident.CodeNumberForm, "KZ": ident.CodeNumberForm,
		"2600000１": ident.CodeNumberForm, "../x": ident.CodeNumberForm, "\x00": ident.CodeNumberForm, "ⅸ6000001": ident.CodeNumberForm,
	} {
		got, err := ident.Normalize(text)
		var rejection *domain.Rejection
		if errors.As(err, &rejection) {
			got = rejection.Code
		}
		if got != want {
			t.Errorf("Normalize(%q) = %q %v, want %q", text, got, err, want)
		}
	}
}

func TestMasked(t *testing.T) {
	for text, want := range map[string]string{"120540001238": "120540001238", "850312300121": "**********21", "850312300122": "…", "": "…"} {
		if got, kind := ident.Masked(text); got != want || (kind == ident.BIN) != (want == text) {
			t.Errorf("Masked(%q) = %q, %s", text, got, kind)
		}
	}
}
