package ident_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

// The samples are those of the identifiers' sources: official descriptions, certificates given out
// for tests, other implementations' vectors, and public organizations.
func TestParseSamples(t *testing.T) {
	tests := []struct {
		in       string
		kind     ident.Kind
		warnings []string
		code     string
		why      string
	}{
		{in: "850312300121", kind: ident.IIN, why: "man, 12 March 1985"},
		{in: "000229550014", kind: ident.IIN, why: "man, 29 February 2000, a leap day"},
		{in: "990101450026", kind: ident.IIN, why: "woman, 1 January 1999"},
		{in: "121231660036", kind: ident.IIN, why: "woman, 31 December 2012"},
		{in: "850312300305", kind: ident.IIN, why: "the second pass gives the check digit"},
		{in: "850312300131", kind: ident.IIN, why: "twin of the first: digit 11 has weight 0 modulo 11"},
		{in: "850312300129", code: ident.CodeCheckDigit, why: "check digit is 1"},
		{in: "010229500010", code: ident.CodeCheckDigit, why: "29 February 2001: printed with a wrong check digit too"},
		{in: "010229500016", kind: ident.IIN, warnings: []string{ident.WarnDate}, why: "29 February 2001, right check digit: odd, not refused"},
		{in: "850332300120", kind: ident.IIN, warnings: []string{ident.WarnDate}, why: "day 32: odd, not refused"},
		{in: "850312700120", code: ident.CodeCheckDigit, why: "digit 7 is 7: printed with a wrong check digit too"},
		{in: "850312700127", kind: ident.IIN, warnings: []string{ident.WarnCentury}, why: "digit 7 is 7, right check digit: odd, not refused"},
		{in: "853412700127", code: ident.CodeCheckDigit, why: "an altered month is noticed"},
		{in: "000813159890", code: ident.CodeCheckDigit, why: "dead prefix: no check digit exists"},
		{in: "８50312300121", code: ident.CodeForm, why: "a full-width digit is not ASCII"},
		{in: "123456789011", code: ident.CodeCheckDigit, why: "the test certificates' IIN: check digit is 3"},
		{in: "123456789021", code: ident.CodeCheckDigit, why: "the test certificates' BIN: check digit is 5"},
		{in: "123456789013", code: ident.CodeForm, why: "the same with the right check digit: a BIN of month 34"},

		{in: "120540001238", kind: ident.BIN, why: "resident legal entity, head unit"},
		{in: "991141000451", kind: ident.BIN, why: "resident legal entity, branch"},
		{in: "050752006781", kind: ident.BIN, why: "non-resident, representative office"},
		{in: "180363000010", kind: ident.BIN, why: "joint farm"},
		{in: "130550000998", kind: ident.BIN, why: "the second pass gives the check digit"},
		{in: "940140000385", kind: ident.BIN, why: "a public organization"},
		{in: "990140004654", kind: ident.BIN, why: "a public organization"},
		{in: "210440038887", kind: ident.BIN, why: "a public organization"},
		{in: "120540001239", code: ident.CodeCheckDigit, why: "check digit is 8"},
		{in: "121340000123", code: ident.CodeCheckDigit, why: "month 13: printed with a wrong check digit too"},
		{in: "121340000126", code: ident.CodeForm, why: "month 13, right check digit: a BIN's month is a hard rule"},
		{in: "120040000122", code: ident.CodeForm, why: "month 00"},
		{in: "120570001238", code: ident.CodeCheckDigit, why: "type 7: printed with a wrong check digit too"},
		{in: "120570001231", code: ident.CodeKind, why: "type 7, right check digit: neither IIN nor BIN"},
		{in: "120549001237", kind: ident.BIN, warnings: []string{ident.WarnUnit}, why: "no unit has the digit 9: odd, not refused"},

		{in: "850312 300121", kind: ident.IIN, why: "grouped by a space"},
		{in: "850312-3-0012-1", kind: ident.IIN, why: "grouped by hyphens"},
		{in: "", code: ident.CodeForm, why: "nothing"},
		{in: "85031230012", code: ident.CodeForm, why: "eleven digits"},
		{in: "8503123001211", code: ident.CodeForm, why: "thirteen digits"},
		{in: "IIN850312300121", code: ident.CodeForm, why: "letters"},
		{in: "850312\u00a0300121", code: ident.CodeForm, why: "a no-break space is not ASCII"},
		{in: "850312–300121", code: ident.CodeForm, why: "a dash is not a hyphen"},
		{in: strings.Repeat("-", 1000) + "850312300121", kind: ident.IIN, why: "however many hyphens"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			id, err := ident.Parse(tt.in)
			if got := code(err); got != tt.code {
				t.Fatalf("code %q, want %q: %s", got, tt.code, tt.why)
			}
			if got := id.Kind(); got != tt.kind {
				t.Errorf("kind %q, want %q: %s", got, tt.kind, tt.why)
			}
			if diff := cmp.Diff(tt.warnings, id.Warnings()); diff != "" {
				t.Errorf("warnings (-want +got), %s\n%s", tt.why, diff)
			}
			if err != nil && !id.IsZero() {
				t.Errorf("refused, and yet %v", id)
			}
		})
	}
}

func TestOrganization(t *testing.T) {
	for in, want := range map[string][2]string{
		"120540001238": {ident.Resident, ident.Head},
		"991141000451": {ident.Resident, ident.Branch},
		"050752006781": {ident.NonResident, ident.Representative},
		"180363000010": {ident.Joint, ident.Farm},
		"130550000998": {ident.NonResident, ident.Head},
		"120549001237": {ident.Resident, ""},
		"850312300121": {"", ""},
	} {
		id, err := ident.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if kind, unit := id.Organization(); kind != want[0] || unit != want[1] {
			t.Errorf("%s: %q, %q; want %q", in, kind, unit, want)
		}
	}
	if kind, unit := (ident.ID{}).Organization(); kind != "" || unit != "" {
		t.Errorf("nothing is %q, %q", kind, unit)
	}
}

// code is the code of a rejection, "" where there was none.
func code(err error) string {
	var r *domain.Rejection
	switch {
	case errors.As(err, &r):
		return r.Code
	case err != nil:
		return "not a rejection: " + err.Error()
	}
	return ""
}

func TestDeadPrefixHasNoCheckDigit(t *testing.T) {
	for _, prefix := range []string{"85031230038", "00081315989"} {
		for k := range 10 {
			if _, err := ident.Parse(fmt.Sprint(prefix, k)); code(err) != ident.CodeCheckDigit {
				t.Errorf("%s%d: %v, want %s", prefix, k, err, ident.CodeCheckDigit)
			}
		}
		if _, err := ident.Complete(prefix); code(err) != ident.CodeCheckDigit {
			t.Errorf("completing %s: %v", prefix, err)
		}
	}
}

func TestComplete(t *testing.T) {
	if id, err := ident.Complete("85031230012"); err != nil || id.String() != "850312300121" {
		t.Errorf("%v, %v", id, err)
	}
	for _, bad := range []string{"", "850312300121", "8503123001x"} {
		if _, err := ident.Complete(bad); code(err) != ident.CodeForm {
			t.Errorf("%q: %v, want %s", bad, err, ident.CodeForm)
		}
	}
}

// Of 10,000 serials of one day and sex 827 use the second pass and 83 have no check digit: the shares
// that the two passes must give.
func TestSharesOfPasses(t *testing.T) {
	dead, second := 0, 0
	for n := range 10_000 {
		eleven := fmt.Sprintf("8503123%04d", n)
		sum := 0
		for i := range eleven {
			sum += int(eleven[i]-'0') * (i + 1)
		}
		_, err := ident.Complete(eleven)
		switch {
		case err != nil:
			dead++
		case sum%11 == 10:
			second++
		}
	}
	if dead != 83 || second != 827 {
		t.Errorf("dead %d, by the second pass %d; want 83, 827", dead, second)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"850312300121": "**********21",
		"120540001238": "120540001238",
	} {
		id, err := ident.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Mask(); got != want {
			t.Errorf("mask %q, want %q", got, want)
		}
	}
	if got := (ident.ID{}).Mask(); got != "" {
		t.Errorf("mask of nothing %q", got)
	}
}

func TestRejectionsDoNotRepeatTheIdentifier(t *testing.T) {
	for _, in := range []string{"850312300129", "120570001231", "121340000126", "85031230012"} {
		_, err := ident.Parse(in)
		if err == nil || strings.Contains(err.Error(), in) {
			t.Errorf("%v: want an error without the identifier", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"850312300121", "850312 300-121", "120540001238", "123456789011", "８50312300121", "", "000000000000",
		"850312300380", "999999999999", "120570001231", "-- --", "\xff\xfe",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ident.Parse(s)
		if err != nil {
			if c := code(err); c != ident.CodeForm && c != ident.CodeCheckDigit && c != ident.CodeKind {
				t.Fatalf("unknown refusal %v", err)
			}
			if !id.IsZero() || id.Kind() != "" || id.Warnings() != nil || id.Mask() != "" {
				t.Fatalf("refused %q is still %q", s, id)
			}
			return
		}
		again, err := ident.Parse(id.String())
		if err != nil || again != id {
			t.Fatalf("%q became %q, which reads as %q, %v", s, id, again, err)
		}
		if strings.NewReplacer(" ", "", "-", "").Replace(s) != id.String() {
			t.Fatalf("%q became %q", s, id)
		}
		if id.Kind() != ident.IIN && id.Kind() != ident.BIN {
			t.Fatalf("%q is of kind %q", id, id.Kind())
		}
		if len(id.Mask()) != 12 || id.Kind() == ident.IIN && strings.Contains(id.Mask(), id.String()[:7]) {
			t.Fatalf("mask %q of %q", id.Mask(), id.Kind())
		}
		kind, unit := id.Organization()
		if (kind == "") != (id.Kind() == ident.IIN) || (unit == "") != (kind == "" || id.Warnings() != nil) {
			t.Fatalf("%q of kind %q is %q, %q", id, id.Kind(), kind, unit)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := ident.Parse("850312300121"); err != nil {
			b.Fatal(err)
		}
	}
}
