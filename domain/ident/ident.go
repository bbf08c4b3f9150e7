// Package ident knows the identifiers of the registry by their form: the IIN of a natural person and
// the BIN of an organization (ident.go), the numbers of licenses, permits and applications (number.go).
//
// A well-formed identifier proves nothing about who somebody is: a mistyped eleventh digit passes
// the check digit in nine numbers of ten. It has to be compared with the certificate and the state
// registers before anything is done in its name.
package ident

import (
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Codes of the rejections that Parse makes. They are public and translated; none of the messages
// repeats the identifier, which is personal data.
//
// The numbers of the certificates that the national certification authority gives out for tests,
// 123456789011 and 123456789021, are refused like any other with a wrong check digit, also in a
// demonstration: nobody has them, and no registry with real data may be one setting away from taking
// them. The package adapters/signature reads such certificates where its policy says AnyDigits.
const (
	CodeForm       = "identifier-form"        // not twelve ASCII digits, or a BIN's month is none
	CodeCheckDigit = "identifier-check-digit" // the twelfth digit does not follow from the first eleven
	CodeKind       = "identifier-kind"        // the fifth digit is neither an IIN's nor a BIN's
)

// Warnings of an IIN or BIN. Since the Government's decree No 853 of 26 August 2013 the digits of
// an IIN need not agree with the personal data, so none of them may refuse a person.
const (
	WarnCentury = "iin-century" // the seventh digit names no century and sex
	WarnDate    = "iin-date"    // the first six digits are no date of birth
	WarnUnit    = "bin-unit"    // the sixth digit names no kind of unit
)

// Kind is what an identifier identifies. Its text is the token that regulations use.
type Kind string

// The kinds. A sole trader has no BIN and uses the IIN, so every applicant has one or the other.
const (
	IIN Kind = "iin" // a natural person
	BIN Kind = "bin" // a legal entity, its branch or office, or a joint undertaking
)

// ID is a checked IIN or BIN. Only Parse makes one; two of them are equal as ==. The zero ID is no
// identifier.
type ID struct{ digits string }

const length = 12

// Parse reads an IIN or BIN. ASCII spaces and hyphens are how people group the digits and are
// dropped; anything else but an ASCII digit is refused, a full-width or Arabic digit too.
//
// The errors are *domain.Rejection with one of the codes above: bad input, whatever the state.
func Parse(s string) (ID, error) {
	digits, err := normalize(s)
	if err != nil {
		return ID{}, err
	}
	if want, ok := checkDigit(digits[:length-1]); !ok || digits[length-1] != want {
		return ID{}, domain.Reject(CodeCheckDigit, "the check digit does not follow from the other digits")
	}
	id := ID{digits}
	if digits[4] > '6' {
		return ID{}, domain.Reject(CodeKind, "the fifth digit is neither an IIN's nor a BIN's")
	}
	if month := digits[2:4]; id.Kind() == BIN && (month < "01" || month > "12") {
		return ID{}, domain.Reject(CodeForm, "the month of a BIN is 01 to 12")
	}
	return id, nil
}

// Complete makes the identifier that begins with the eleven digits: the demonstration's people and
// organizations, and those of tests. About one prefix in a hundred has no check digit and is refused.
func Complete(eleven string) (ID, error) {
	if len(eleven) != length-1 || !all(eleven, digit) {
		return ID{}, notTwelve()
	}
	last, ok := checkDigit(eleven)
	if !ok {
		return ID{}, domain.Reject(CodeCheckDigit, "no check digit exists for the other digits")
	}
	return Parse(eleven + string(last))
}

// normalize makes the twelve digits, or refuses.
func normalize(s string) (string, error) {
	var digits [length]byte
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c == '-':
		case c < '0' || c > '9' || n == length:
			return "", notTwelve()
		default:
			digits[n] = c
			n++
		}
	}
	if n != length {
		return "", notTwelve()
	}
	return string(digits[:]), nil
}

func notTwelve() error {
	return domain.Reject(CodeForm, "an IIN or BIN has twelve digits")
}

// The weights of the check digit's two passes.
var (
	firstPass  = [length - 1]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	secondPass = [length - 1]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2}
)

// checkDigit is the twelfth digit for the first eleven. The second pass counts where the first gives
// 10; where that gives 10 too there is no check digit, and such a number is never issued.
func checkDigit(eleven string) (digit byte, ok bool) {
	for _, weights := range [...]*[length - 1]int{&firstPass, &secondPass} {
		sum := 0
		for i, w := range weights {
			sum += int(eleven[i]-'0') * w
		}
		if r := sum % 11; r < 10 {
			return '0' + byte(r), true
		}
	}
	return 0, false
}

// Kind tells an IIN from a BIN by the fifth digit: the tens of a day of birth (0 to 3), or the type of
// an organization (4 resident, 5 non-resident, 6 joint undertaking). The zero ID has none.
func (id ID) Kind() Kind {
	switch {
	case id.digits == "":
		return ""
	case id.digits[4] >= '4':
		return BIN
	}
	return IIN
}

// The kinds of organization that a BIN tells of by its fifth digit.
const (
	Resident    = "resident"     // 4: a legal entity of Kazakhstan
	NonResident = "non-resident" // 5: a legal entity of another country
	Joint       = "joint"        // 6: individual entrepreneurs in joint form
)

// The kinds of unit that a BIN tells of by its sixth digit.
const (
	Head           = "head"           // 0: the organization itself
	Branch         = "branch"         // 1
	Representative = "representative" // 2: a representative office
	Farm           = "farm"           // 3: a peasant or farm enterprise
)

// Organization is what kind of organization a BIN is of, and which unit of it; both are empty for an IIN,
// and the unit for a BIN with WarnUnit.
func (id ID) Organization() (kind, unit string) {
	if id.Kind() != BIN {
		return "", ""
	}
	kinds, units := [...]string{Resident, NonResident, Joint}, [...]string{Head, Branch, Representative, Farm}
	if n := int(id.digits[5] - '0'); n < len(units) {
		unit = units[n]
	}
	return kinds[id.digits[4]-'4'], unit
}

// String is the twelve digits.
func (id ID) String() string { return id.digits }

// IsZero reports whether id is no identifier.
func (id ID) IsZero() bool { return id.digits == "" }

// Mask is the identifier as the public may see it. A BIN is public. Of an IIN only the last two
// digits are shown, enough to tell namesakes apart: the first seven are the date of birth and the sex,
// and with four digits more the check digit would give the rest away to whoever knows those.
func (id ID) Mask() string {
	if id.Kind() != IIN {
		return id.digits
	}
	return "**********" + id.digits[length-2:]
}

// Masked is Mask for an identifier that is stored somewhere, with its kind. What cannot be read is hidden
// as a person's would be.
func Masked(s string) (string, Kind) {
	id, err := Parse(s)
	if err != nil {
		return "…", IIN
	}
	return id.Mask(), id.Kind()
}

// Warnings are the tokens of what is odd about the identifier, none for most. They are for the person
// who typed it; they never refuse one.
func (id ID) Warnings() []string {
	switch {
	case id.Kind() == BIN && id.digits[5] > '3':
		return []string{WarnUnit}
	case id.Kind() != IIN:
		return nil
	}
	var w []string
	century, known := id.century()
	if !known {
		w = append(w, WarnCentury)
	}
	if !dateExists(century + id.digits[:6]) {
		w = append(w, WarnDate)
	}
	return w
}

// century is the first two digits of the year of birth: digit 7 is 1, 2 for the 1800s, 3, 4 for the
// 1900s, 5, 6 for the 2000s, odd for men. Where it is none of these, 2000 lets every date pass that
// exists in some century.
func (id ID) century() (century string, known bool) {
	switch id.digits[6] {
	case '1', '2':
		return "18", true
	case '3', '4':
		return "19", true
	case '5', '6':
		return "20", true
	}
	return "20", false
}

func dateExists(yyyymmdd string) bool {
	_, err := time.Parse("20060102", yyyymmdd)
	return err == nil
}
