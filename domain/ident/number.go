package ident

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tizilim/tizilim/domain"
)

// Codes of the rejections that reading a number makes.
const (
	CodeNumberForm  = "number-form"         // not the form of a license's or permit's number
	CodeNumberCheck = "number-check-digits" // the two digits after KZ do not follow from the rest
)

// The largest number of each series: a seventh or ninth digit would change the form.
const (
	MaxLicense = 999_999
	MaxPermit  = 99_999_999
)

// LicenseNumber forms the number of a license: the last two digits of the year of decision and six
// digits of that year's central sequence, which begins at 1: 15017208 is the 17,208th of 2015. Two
// digits of a year hold one century: 2000 to 2099. ErrInvalid outside of that.
func LicenseNumber(year int, n uint64) (string, error) {
	if year < 2000 || year > 2099 || n < 1 || n > MaxLicense {
		return "", fmt.Errorf("license %d of year %d: %w", n, year, domain.ErrInvalid)
	}
	return fmt.Sprintf("%02d%06d", year%100, n), nil
}

// ParseLicenseNumber reads the year and the place in its sequence, *domain.Rejection where the text is
// no license number.
func ParseLicenseNumber(s string) (year int, n uint64, err error) {
	if len(s) != 8 || !all(s, digit) {
		return 0, 0, domain.Reject(CodeNumberForm, "a license number has eight digits")
	}
	n, _ = strconv.ParseUint(s[2:], 10, 64)
	if n == 0 {
		return 0, 0, domain.Reject(CodeNumberForm, "the sequence of a year begins at 1")
	}
	return 2000 + int(s[0]-'0')*10 + int(s[1]-'0'), n, nil
}

// PermitNumber forms the number of a permit or an application: KZ, two check digits, the class of the
// document (three capital letters) and eight digits. The check digits are ISO 7064 MOD 97-10, as in
// an IBAN. ErrInvalid for another class or a number beyond eight digits.
func PermitNumber(class string, n uint64) (string, error) {
	if len(class) != 3 || !all(class, capital) || n < 1 || n > MaxPermit {
		return "", fmt.Errorf("number %d of class %q: %w", n, class, domain.ErrInvalid)
	}
	rest := fmt.Sprintf("%s%08d", class, n)
	return fmt.Sprintf("KZ%02d%s", 98-mod97(rest+"KZ00"), rest), nil
}

// CheckPermitNumber refuses with a *domain.Rejection what PermitNumber cannot have formed.
func CheckPermitNumber(s string) error {
	_, _, err := ParsePermitNumber(s)
	return err
}

// ParsePermitNumber reads the class and the number behind it, *domain.Rejection where the text is no
// such number or its check digits are wrong.
func ParsePermitNumber(s string) (class string, n uint64, err error) {
	if len(s) != 15 || s[:2] != "KZ" || !all(s[2:4], digit) || !all(s[4:7], capital) || !all(s[7:], digit) {
		return "", 0, domain.Reject(CodeNumberForm, "the number is KZ, two digits, three capital letters, eight digits")
	}
	// 00, 01 and 99 leave the same remainders as 97, 98 and 02: only one form of each number is right.
	if check := s[2:4]; mod97(s[4:]+s[:4]) != 1 || check < "02" || check > "98" {
		return "", 0, domain.Reject(CodeNumberCheck, "the check digits do not follow from the number")
	}
	n, _ = strconv.ParseUint(s[7:], 10, 64)
	if n == 0 {
		return "", 0, domain.Reject(CodeNumberForm, "numbers begin at 1")
	}
	return s[4:7], n, nil
}

// Normalize reads a number as people write it, of a license, a permit or an application: small letters
// will do, and ASCII spaces and hyphens are dropped. The errors are ParseLicenseNumber's and
// ParsePermitNumber's.
func Normalize(s string) (string, error) {
	number := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(s))
	var err error
	if strings.HasPrefix(number, "KZ") {
		err = CheckPermitNumber(number)
	} else {
		_, _, err = ParseLicenseNumber(number)
	}
	if err != nil {
		return "", err
	}
	return number, nil
}

// mod97 is the remainder of the text read as a decimal number in which A is 10 and Z is 35.
func mod97(s string) int {
	r := 0
	for i := range len(s) {
		if c := s[i]; digit(c) {
			r = (r*10 + int(c-'0')) % 97
		} else {
			r = (r*100 + int(c-'A') + 10) % 97
		}
	}
	return r
}

func digit(c byte) bool   { return c >= '0' && c <= '9' }
func capital(c byte) bool { return c >= 'A' && c <= 'Z' }

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}
