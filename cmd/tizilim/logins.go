package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/openid"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// loginFlags say how one logs in. The accounts themselves are in the data folder: tizilim users.
type loginFlags struct {
	SessionIdle      time.Duration    `default:"30m" placeholder:"TIME" help:"A session that is not used for so long ends."`
	SessionLimit     time.Duration    `default:"12h" placeholder:"TIME" help:"Every session ends after so long."`
	OpenID           string           `name:"openid" type:"existingfile" placeholder:"FILE" help:"The OpenID provider that employees log in through, and what its claims mean."`
	CertificateRoles []signature.Role `default:"head,may-sign" placeholder:"ROLE" help:"Roles in a certificate that act for its organization: head, may-sign, may-sign-money, personnel, employee."`
	TrustedProxies   []netip.Prefix   `placeholder:"NET" help:"Networks of the proxies before the server, such as 10.0.0.0/8: what they say of where a request comes from (X-Forwarded-For) is believed."`
}

// check is domain.ErrInvalid for what cannot be meant.
func (f loginFlags) check() error {
	for _, r := range f.CertificateRoles {
		if !slices.Contains(representing, r) {
			return fmt.Errorf("--certificate-roles: %q is none of %v: %w", r, representing, domain.ErrInvalid)
		}
	}
	if f.SessionIdle <= 0 || f.SessionLimit < f.SessionIdle {
		return fmt.Errorf("--session-idle %s, --session-limit %s: the first above zero and no longer than the second: %w", f.SessionIdle, f.SessionLimit, domain.ErrInvalid)
	}
	return nil
}

// doorway is how browsers and systems come in: the accounts of the data folder, and what to tell the server
// of them.
type doorway struct {
	*book
	publicURL            string
	certificates, openid bool
	proxies              []netip.Prefix
}

// into fills the server's configuration in.
func (d *doorway) into(c *api.Config) {
	c.Accounts, c.Certificates, c.OpenID, c.PublicURL, c.Proxies = d.book, d.certificates, d.openid, d.publicURL, d.proxies
}

// openDoorway opens the accounts of the folder. believe verifies certificates, nil where nobody logs in by
// one; provider is nil without a provider of OpenID.
func (f loginFlags) openDoorway(ctx context.Context, folder *folder, publicURL string, believe *trust, provider accounts.Provider, logger *slog.Logger) (*doorway, error) {
	d := &doorway{publicURL: publicURL, certificates: believe != nil, openid: provider != nil, proxies: f.TrustedProxies}
	cfg := accounts.Config{Idle: f.SessionIdle, Absolute: f.SessionLimit, Logger: logger, Audience: publicURL, OpenID: provider}
	if believe != nil {
		cfg.Verify = believe.login
		for _, r := range f.CertificateRoles {
			cfg.Representatives = append(cfg.Representatives, string(r))
		}
	}
	var err error
	if d.book, err = openBook(ctx, folder.accounts(), cfg); err != nil {
		return nil, err
	}
	if !encrypted(publicURL) {
		logger.Warn("browsers log in over https only: put a proxy that does TLS before the server, and name its address with --public-url", "address", publicURL)
	}
	return d, nil
}

// encrypted reports whether browsers keep a cookie for encrypted connections at the address, or need none:
// on this machine itself.
func encrypted(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

// provider reads the configuration of the OpenID provider, nil where there is none.
func (f loginFlags) provider(catalog *regulation.Catalog) (accounts.Provider, error) {
	if f.OpenID == "" {
		return nil, nil
	}
	cfg, err := openid.Load(f.OpenID)
	if err != nil {
		return nil, err
	}
	for _, r := range cfg.Roles {
		if err := checkOrganization(r.Role, r.Organization, catalog); err != nil {
			return nil, fmt.Errorf("openid: %s: roles: %q: %w", f.OpenID, r.Value, err)
		}
	}
	return openid.New(cfg, time.Now)
}

// checkOrganization is ErrInvalid where an officer or a head belongs to no licensor of the acts: such
// an account would see nothing, and say nothing of why. Service centers are in no act, so theirs are free.
func checkOrganization(role domain.Role, organization string, catalog *regulation.Catalog) error {
	if role != domain.RoleOfficer && role != domain.RoleHead || catalog.HasLicensor(organization) {
		return nil
	}
	var known []string
	for _, l := range catalog.Licensors() {
		known = append(known, l.Slug)
	}
	return fmt.Errorf("organization %q is no licensor; there are %s: %w", organization, strings.Join(known, ", "), domain.ErrInvalid)
}

// representing are the roles in a certificate that somebody has for its organization, the one with most
// power first.
var representing = []signature.Role{signature.Head, signature.MaySign, signature.MaySignMoney, signature.Personnel, signature.Employee}

// login is who signed the challenge, as accounts.Config wants it.
func (t trust) login(ctx context.Context, challenge, cms []byte) (accounts.Certificate, error) {
	v, _, err := t.Verify(ctx, signature.Claim{Signed: challenge, CMS: cms, Purpose: signature.ForLogin})
	switch {
	case errors.Is(err, signature.ErrUnsupported):
		return accounts.Certificate{}, domain.Reject(accounts.CodeAlgorithm, "an algorithm that is not known here")
	case err != nil:
		return accounts.Certificate{}, err
	case v.Outcome != signature.Valid:
		return accounts.Certificate{}, domain.Reject(accounts.CodeCertificate, string(v.Reason), "reason", string(v.Reason))
	}
	c := accounts.Certificate{IIN: v.Signer.IIN, BIN: v.Signer.BIN, Name: strings.TrimSpace(v.Signer.Name + " " + v.Signer.Patronymic)}
	for _, r := range representing {
		if slices.Contains(v.Signer.Roles, r) {
			c.Role = string(r)
			break
		}
	}
	return c, nil
}
