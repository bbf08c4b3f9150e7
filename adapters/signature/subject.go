package signature

import (
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/tizilim/tizilim/domain/ident"
)

// Subject is who a certificate belongs to, as the National Certification Authority writes it.
type Subject struct {
	IIN          string `json:"iin,omitempty"`
	BIN          string `json:"bin,omitempty"`
	Name         string `json:"name,omitempty"` // surname and given name, or the name of an information system
	Surname      string `json:"surname,omitempty"`
	GivenName    string `json:"given_name,omitempty"`
	Patronymic   string `json:"patronymic,omitempty"`
	Organization string `json:"organization,omitempty"`
	Roles        []Role `json:"roles,omitempty"`
}

// Identifier is who the signature is for: the organization where the certificate names one.
func (s Subject) Identifier() string {
	if s.BIN != "" {
		return s.BIN
	}
	return s.IIN
}

// SubjectOf reads the subject. A serialNumber "IIN…" is the person, an OU "BIN…" the organization, a
// serialNumber "BIN…" the organization whose information system has the key. Where an identifier is
// no sound one or there are two, nobody is named: IdentifierMissing. anyDigits takes twelve digits
// for an identifier whatever they are, as the authority's test certificates need.
func SubjectOf(c *x509.Certificate, anyDigits bool) (Subject, error) {
	s := Subject{Roles: roles(c)}
	var iins, bins []string
	for _, a := range c.Subject.Names {
		text, ok := a.Value.(string)
		if !ok {
			continue
		}
		switch {
		case a.Type.Equal(oidSerialNumber) && strings.HasPrefix(text, "IIN"):
			iins = append(iins, text[3:])
		case (a.Type.Equal(oidSerialNumber) || a.Type.Equal(oidUnit)) && strings.HasPrefix(text, "BIN"):
			bins = append(bins, text[3:])
		case a.Type.Equal(oidCommonName):
			s.Name = text
		case a.Type.Equal(oidSurname):
			s.Surname = text
		case a.Type.Equal(oidGivenName):
			s.Patronymic = text
		case a.Type.Equal(oidOrganization):
			s.Organization = text
		}
	}
	if given, ok := strings.CutPrefix(s.Name, s.Surname+" "); ok && s.Surname != "" {
		s.GivenName = given
	}
	var err error
	if s.IIN, err = only(iins, ident.IIN, anyDigits); err != nil {
		return s, err
	}
	if s.BIN, err = only(bins, ident.BIN, anyDigits); err != nil {
		return s, err
	}
	if s.IIN == "" && s.BIN == "" {
		return s, refuse(IdentifierMissing, "neither IIN nor BIN")
	}
	return s, nil
}

// only is the one identifier that all of them are, "" for none.
func only(found []string, kind ident.Kind, anyDigits bool) (string, error) {
	if len(found) == 0 {
		return "", nil
	}
	for _, other := range found[1:] {
		if other != found[0] {
			return "", refuse(IdentifierMissing, "two different ones of kind %s", kind)
		}
	}
	if err := sound(found[0], kind, anyDigits); err != nil {
		return "", refuse(IdentifierMissing, "no sound %s", kind)
	}
	return found[0], nil
}

func sound(digits string, kind ident.Kind, anyDigits bool) error {
	if anyDigits && len(digits) == 12 && strings.Trim(digits, "0123456789") == "" {
		return nil
	}
	id, err := ident.Parse(digits)
	if err == nil && (id.Kind() != kind || id.String() != digits) {
		err = fmt.Errorf("not of kind %s", kind)
	}
	return err
}
