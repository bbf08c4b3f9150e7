package openid

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

// Config says which provider, and what its claims mean.
type Config struct {
	Issuer   string `yaml:"issuer"`
	ClientID string `yaml:"client_id"`
	// SecretFile is where the client's secret is, from the folder of the configuration; Secret is what is
	// in it. A client without a secret is a public one.
	SecretFile string `yaml:"client_secret_file"`
	Secret     string `yaml:"-"`
	// RedirectURL is the address of this registry that the provider sends the browser back to.
	RedirectURL string   `yaml:"redirect_url"`
	Scopes      []string `yaml:"scopes"` // besides openid; profile where there are none
	Claims      Claims   `yaml:"claims"`
	// Roles are what the values of the roles claim mean. What is not here means nothing.
	Roles []Role `yaml:"roles"`
}

// Claims are the names of the claims; with a dot, of one within another.
type Claims struct {
	Name       string `yaml:"name"`       // "name" where empty
	Identifier string `yaml:"identifier"` // IIN of the person; none is asked for where empty
	Roles      string `yaml:"roles"`      // "groups" where empty
}

// Role says that who has the value has the role.
type Role struct {
	Value        string      `yaml:"value"`
	Role         domain.Role `yaml:"role"`
	Organization string      `yaml:"organization"`
}

// Assignment is the role.
func (r Role) Assignment() accounts.Assignment {
	return accounts.Assignment{Role: r.Role, Organization: r.Organization}
}

// Load reads a configuration and its secret. What is wrong with it is told with line and reason.
func Load(file string) (Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("openid: %w", err)
	}
	var cfg Config
	if err := yaml.UnmarshalWithOptions(text, &cfg, yaml.Strict()); err != nil {
		return Config{}, fmt.Errorf("openid: %s: %w: %w", file, domain.ErrInvalid, err)
	}
	if cfg.SecretFile != "" {
		path := cfg.SecretFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		secret, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("openid: client secret: %w", err)
		}
		cfg.Secret = string(bytes.TrimSpace(secret))
	}
	if err := cfg.check(); err != nil {
		return Config{}, fmt.Errorf("openid: %s: %w", file, err)
	}
	return cfg, nil
}

// check fills in what has a default, and refuses what cannot work.
func (c *Config) check() error {
	c.Claims.Name = cmp.Or(c.Claims.Name, "name")
	c.Claims.Roles = cmp.Or(c.Claims.Roles, "groups")
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile"}
	}
	for name, address := range map[string]string{"issuer": c.Issuer, "redirect_url": c.RedirectURL} {
		if err := secure(address); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if c.ClientID == "" || len(c.Roles) == 0 {
		return fmt.Errorf("client_id and roles are needed: %w", domain.ErrInvalid)
	}
	for _, r := range c.Roles {
		if err := r.check(); err != nil {
			return fmt.Errorf("roles: %q: %w", r.Value, err)
		}
	}
	return nil
}

// check refuses a role that is none. An applicant proves by certificate who they are.
func (r Role) check() error {
	if r.Value == "" || r.Role == domain.RoleApplicant {
		return fmt.Errorf("needs a value, and a role of an employee: %w", domain.ErrInvalid)
	}
	return r.Assignment().Check()
}

// secure is domain.ErrInvalid for an address that is not HTTPS, but for one on the same machine.
func secure(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is no address: %w", address, domain.ErrInvalid)
	}
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return fmt.Errorf("%q is not https: %w", address, domain.ErrInvalid)
	}
	return nil
}
