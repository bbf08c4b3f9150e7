package signature

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/tizilim/tizilim/domain"
)

// Purpose is what a signature is for.
type Purpose string

// The purposes.
const (
	ForRequest  Purpose = "request"  // an applicant signs a request
	ForLogin    Purpose = "login"    // somebody proves who they are by signing a challenge
	ForDecision Purpose = "decision" // the authorized person of a licensor signs a decision or an e-license
	ForEntry    Purpose = "entry"    // an operator of a service center signs what they entered
)

// Policy is what a certificate has to be to sign for a purpose. A policy that signatures were judged
// by is never edited, only followed by one with a new version: evidence names it, and is judged by it
// again.
type Policy struct {
	Version string // token
	Purpose Purpose
	// Auth is the key for logging in: clientAuth. Otherwise it is the key for signing:
	// non-repudiation and emailProtection.
	Auth bool
	// Person admits natural persons' certificates.
	Person bool
	// Roles admit those organizations' certificates that have one of them.
	Roles []Role
	// Own says that the certificate is the applicant's own: an organization's does not sign for a
	// person, nor a person's for an organization.
	Own bool
}

// policies are all that ever were. The last of a purpose is in force.
var policies = []Policy{
	{Version: "request-1", Purpose: ForRequest, Person: true, Roles: []Role{Head, MaySign}, Own: true},
	{Version: "login-1", Purpose: ForLogin, Auth: true, Person: true, Roles: []Role{Head, MaySign, MaySignMoney, Personnel, Employee}},
	{Version: "decision-1", Purpose: ForDecision, Roles: []Role{Head, MaySign}},
	{Version: "entry-1", Purpose: ForEntry, Roles: []Role{Head, MaySign, MaySignMoney, Personnel, Employee}},
}

// PolicyFor is the policy in force for the purpose.
func PolicyFor(purpose Purpose) (Policy, error) {
	for _, p := range slices.Backward(policies) {
		if p.Purpose == purpose {
			return p, nil
		}
	}
	return Policy{}, fmt.Errorf("signature policy for %q: %w", purpose, domain.ErrInvalid)
}

// PolicyVersion is the policy that had the version token.
func PolicyVersion(version string) (Policy, error) {
	for _, p := range policies {
		if p.Version == version {
			return p, nil
		}
	}
	return Policy{}, fmt.Errorf("signature policy %q: %w", version, domain.ErrNotFound)
}

// Who is whose signature it has to be. What is empty is not compared, except that with a policy of
// one's own certificate an empty BIN is "no organization's".
type Who struct {
	IIN string `json:"iin,omitempty"`
	BIN string `json:"bin,omitempty"`
}

// Admit notes in the verdict whose certificate the signature is of, and says why it does not sign for the
// policy's purpose in the name of who. It is a *Fault. Nothing of it is verified here.
func (v *Verdict) Admit(cms *CMS, p Policy, who Who, anyDigits bool) error {
	c, err := cms.Signer()
	if err != nil {
		return err
	}
	v.describe(c)
	if v.Signer, err = SubjectOf(c, anyDigits); err != nil {
		return err
	}
	return p.check(c, v.Signer, who)
}

// check says why the certificate, which is the subject's, does not sign for the policy's purpose in
// the name of who.
func (p Policy) check(c *x509.Certificate, s Subject, who Who) error {
	if err := p.usage(c); err != nil {
		return err
	}
	switch {
	case who.IIN != "" && s.IIN != who.IIN:
		return refuse(IINMismatch, "another person's certificate")
	case who.BIN != "" && s.BIN != who.BIN, p.Own && who.BIN == "" && s.BIN != "":
		return refuse(BINMismatch, "another organization's certificate")
	}
	return p.role(s)
}

// usage checks the key's usage.
func (p Policy) usage(c *x509.Certificate) error {
	bits, extended := x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment, x509.ExtKeyUsageEmailProtection
	if p.Auth {
		bits, extended = x509.KeyUsageDigitalSignature, x509.ExtKeyUsageClientAuth
	}
	if c.KeyUsage&bits != bits || !slices.Contains(c.ExtKeyUsage, extended) {
		return refuse(KeyUsage, "the key is not for the purpose %s", p.Purpose)
	}
	return nil
}

// role checks what the holder may do. An organization's certificate says so itself; a person's needs
// to be one and to name no organization.
func (p Policy) role(s Subject) error {
	if slices.Contains(s.Roles, Organization) && s.BIN != "" &&
		slices.ContainsFunc(s.Roles, func(r Role) bool { return slices.Contains(p.Roles, r) }) {
		return nil
	}
	if p.Person && s.BIN == "" && slices.Contains(s.Roles, Person) && !slices.Contains(s.Roles, Organization) {
		return nil
	}
	return refuse(RoleMissing, "roles %v do not admit to the purpose %s", s.Roles, p.Purpose)
}
