package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/licenses"
)

// greeting is what the demo prints once everything is there.
type greeting struct {
	URL      string
	Data     string
	Services *demo.Services
	Accounts []demoAccount
	World    demo.World
	Took     time.Duration

	Notices string // where to subscribe to them
	License string // a license to look at
	Program string // this one
	Script  string
}

//go:embed try.sh.tmpl
var tryScript string

var greetingText = template.Must(template.New("greeting").Parse(`
Tizilim is running ({{.Took.Round 1000000}}). Data: {{.Data}}

  Register and deadlines   {{.URL}}/
  API                      {{.URL}}/api/v1/  described at {{.URL}}/openapi.json
  Figures                  {{.URL}}/metrics
{{with .Notices}}  Notices of deadlines     {{.}}  (NATS, subjects tizilim.notices.>)
{{end}}  Demo payment gateway     {{.Services.Payments}}/
  Demo state registers     {{.Services.Registers}}/
  Demo certificates        {{.Services.Authority.URL}}/

Accounts (login, role, password; also in {{.AccountsFile}}), to log in at {{.URL}}/login or by POST /api/v1/sessions:

{{.Table}}
Keys of everybody, to sign with (tizilim sign FILE --key …/sign.pem): {{.KeysDir}}

Three things to try:

1. Look the first licensee up, on the page or by the API:
     {{.URL}}/?q={{.BIN}}
     curl -s '{{.URL}}/api/v1/licenses?bin={{.BIN}}'

2. See what befell a license, event by event, as an auditor sees it (with a token for reading only):
     {{.URL}}/licenses/{{.License}}
     curl -s -H 'Authorization: Bearer {{.ReadingToken}}' {{.URL}}/api/v1/licenses/{{.License}}/history

3. Take a new application all the way, from filing to the license (every request is in the script):
     sh {{.Script}}

Stop with Ctrl-C. Start again with the same command, and everything is still there.
`))

// print writes the script of the third thing to try, and the greeting.
func (g greeting) print(ctx context.Context, out io.Writer, r *registry, script string) error {
	if err := r.follower.CaughtUp(ctx); err != nil {
		return err
	}
	page, err := r.licenses.Search(ctx, licenses.Query{ID: g.BIN(), Limit: 1})
	if err != nil {
		return err
	}
	for _, l := range page.Licenses {
		g.License = l.Number
	}
	g.Script = script
	if g.Program, err = os.Executable(); err != nil {
		return err
	}
	if r.telling != nil {
		g.Notices = r.telling.url
	}
	var text strings.Builder
	if err := template.Must(template.New("try").Parse(tryScript)).Execute(&text, g); err != nil {
		return err
	}
	if err := disk.WriteFile(script, []byte(text.String())); err != nil {
		return err
	}
	return greetingText.Execute(out, g)
}

// BIN is the identifier of the organization that has an account.
func (g greeting) BIN() string { return g.World.Organizations[0].ID }

// AccountsFile is where the passwords are kept.
func (g greeting) AccountsFile() string { return filepath.Join(g.Data, "demo", "accounts.json") }

// KeysDir is where the keys are, in a folder for everybody.
func (g greeting) KeysDir() string {
	dir := filepath.Join(g.Data, "demo", "ca", "keys")
	if whole, err := filepath.Abs(dir); err == nil { // the script is run from anywhere
		return whole
	}
	return dir
}

// Password is the password of the account.
func (g greeting) Password(id string) string {
	for _, a := range g.Accounts {
		if a.ID == id {
			return a.Password
		}
	}
	return ""
}

// ReadingToken is the token that reads as an auditor does.
func (g greeting) ReadingToken() string {
	for _, a := range g.Accounts {
		if a.Token != "" {
			return a.Token
		}
	}
	return ""
}

// Table lists the accounts.
func (g greeting) Table() (string, error) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, a := range g.Accounts {
		whose := a.Organization
		if a.Role == domain.RoleApplicant {
			whose = a.Identifier + " " + a.Name
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", a.ID, a.Role, whose, a.Password)
	}
	err := w.Flush()
	return text.String(), err
}
