package signature

import (
	"crypto/x509"
	"encoding/asn1"
)

type oid = asn1.ObjectIdentifier

// Object identifiers of CMS (RFC 5652), its attributes, and what a certificate says of its own checking.
var (
	oidData          = oid{1, 2, 840, 113549, 1, 7, 1}
	oidTSTInfo       = oid{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = oid{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = oid{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = oid{1, 2, 840, 113549, 1, 9, 16, 2, 12} // names the certificate by SHA-1
	oidSigningCertV2 = oid{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidTimestamp     = oid{1, 2, 840, 113549, 1, 9, 16, 2, 14}

	oidNonce        = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidNoCheck      = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidExtKeyUsage  = oid{2, 5, 29, 37}
	oidDelta        = oid{2, 5, 29, 27}
	oidDistribution = oid{2, 5, 29, 28}
	oidFreshestCRL  = oid{2, 5, 29, 46}
	oidInvalidity   = oid{2, 5, 29, 24}
	oidCRLNumber    = oid{2, 5, 29, 20}
	oidAuthorityKey = oid{2, 5, 29, 35}
	oidReason       = oid{2, 5, 29, 21}
)

// The attributes of a subject that the National Certification Authority (НУЦ РК) fills.
var (
	oidSerialNumber = oid{2, 5, 4, 5}
	oidCommonName   = oid{2, 5, 4, 3}
	oidSurname      = oid{2, 5, 4, 4}
	oidGivenName    = oid{2, 5, 4, 42} // it holds the patronymic
	oidOrganization = oid{2, 5, 4, 10}
	oidUnit         = oid{2, 5, 4, 11}
)

// Role is what the holder of a key may do, by the certificate's extended key usages.
type Role string

// The roles of the National Certification Authority's certificates.
const (
	Person       Role = "person"         // a natural person
	Organization Role = "organization"   // a legal entity; one of the roles below stands beside it
	Head         Role = "head"           // its first head
	MaySign      Role = "may-sign"       // has the right to sign
	MaySignMoney Role = "may-sign-money" // has the right to sign financial documents
	Personnel    Role = "personnel"      // personnel department
	Employee     Role = "employee"       // an employee
	System       Role = "system"         // an information system, of a person or of a legal entity
)

// roleOIDs has each role's extended key usage. Identifiers below the one of information systems count
// as it does.
var roleOIDs = []struct {
	role Role
	oid  oid
}{
	{Person, oid{1, 2, 398, 3, 3, 4, 1, 1}},
	{Organization, oid{1, 2, 398, 3, 3, 4, 1, 2}},
	{Head, oid{1, 2, 398, 3, 3, 4, 1, 2, 1}},
	{MaySign, oid{1, 2, 398, 3, 3, 4, 1, 2, 2}},
	{MaySignMoney, oid{1, 2, 398, 3, 3, 4, 1, 2, 3}},
	{Personnel, oid{1, 2, 398, 3, 3, 4, 1, 2, 4}},
	{Employee, oid{1, 2, 398, 3, 3, 4, 1, 2, 5}},
	{System, oid{1, 2, 398, 3, 3, 4, 1, 2, 6}},
	{System, oid{1, 2, 398, 3, 3, 4, 1, 1, 1}},
}

// RoleOID is the extended key usage of the role.
func RoleOID(role Role) asn1.ObjectIdentifier {
	for _, r := range roleOIDs {
		if r.role == role {
			return r.oid
		}
	}
	return nil
}

// roles are those that the certificate names, in the order of the table.
func roles(c *x509.Certificate) []Role {
	var found []Role
	for _, r := range roleOIDs {
		for _, usage := range c.UnknownExtKeyUsage {
			if usage.Equal(r.oid) || r.role == System && len(usage) > len(r.oid) && usage[:len(r.oid)].Equal(r.oid) {
				found = append(found, r.role)
				break
			}
		}
	}
	return found
}
