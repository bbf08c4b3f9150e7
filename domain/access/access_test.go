package access_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

var update = flag.Bool("update", false, "write the tables of docs/access.md anew")

// page holds, between marks, what the code says.
const page = "../../docs/access.md"

// TestPageIsTheTable compares docs/access.md with the table. Go through what -update changes line by
// line: it is who may do what.
func TestPageIsTheTable(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for name, table := range map[string]string{"actions": actionTable(), "scopes": scopeTable()} {
		got = between(t, got, name, table)
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(got, string(text)); diff != "" && !*update {
		t.Errorf("%s is not what the code says (-update writes it anew):\n%s", page, diff)
	}
}

// between puts the table between the page's marks of the name.
func between(t *testing.T, text, name, table string) string {
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, found := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no marks %q and %q", page, begin, end)
	}
	return before + begin + table + end + after
}

// actionTable is how far each role reaches with each action.
func actionTable() string {
	var b strings.Builder
	b.WriteString("| action | | public |")
	for _, role := range access.Roles() {
		fmt.Fprintf(&b, " %s |", role)
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(access.Roles())) + "\n")
	for _, a := range access.Actions() {
		fmt.Fprintf(&b, "| `%s` | %s%s |", a, access.About(a),
			map[bool]string{true: " *(writes)*"}[access.Writes(a)]+map[bool]string{true: " *(logged)*"}[access.Personal(a)])
		fmt.Fprintf(&b, " %s |", map[bool]string{true: "yes", false: "–"}[access.Public(a)])
		for _, role := range access.Roles() {
			fmt.Fprintf(&b, " %s |", strings.Replace(access.Allowed(role, a).String(), "nothing", "–", 1))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// me is somebody who is everything at once; things are what there is for them, each of one kind.
var (
	me     = access.Who{Identifier: "850312300121", Organization: "trade-committee"}
	things = []struct {
		name string
		access.Thing
	}{
		{"their own, whoever opened it", access.Thing{Person: "850312300121", Licensor: "other", Center: "other"}},
		{"of their licensor", access.Thing{Person: "120540001238", Licensor: "trade-committee"}},
		{"opened by their service center", access.Thing{Person: "120540001238", Licensor: "other", Center: "trade-committee"}},
		{"any other", access.Thing{Person: "120540001238", Licensor: "other", Center: "other"}},
	}
	scopes = []access.Scope{access.Own, access.Licensor, access.Center, access.All}
)

// scopeTable is which things each scope covers.
func scopeTable() string {
	var b strings.Builder
	b.WriteString("| the thing is |")
	for _, s := range scopes {
		fmt.Fprintf(&b, " %s |", s)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(scopes)) + "\n")
	for _, thing := range things {
		fmt.Fprintf(&b, "| %s |", thing.name)
		for _, s := range scopes {
			fmt.Fprintf(&b, " %s |", map[bool]string{true: "yes", false: "not found"}[s.Covers(me, thing.Thing)])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestNobodyReachesWithoutKnowing: what is unknown on both sides is not the same thing.
func TestNobodyReachesWithoutKnowing(t *testing.T) {
	for _, s := range scopes {
		if got := s.Covers(access.Who{}, access.Thing{}); got != (s == access.All) {
			t.Errorf("%s covers a thing of nobody for nobody: %v", s, got)
		}
	}
	if access.Nothing.Covers(me, things[0].Thing) {
		t.Error("nothing covers something")
	}
}

func TestUnknownIsNothing(t *testing.T) {
	for _, tt := range []struct {
		role   domain.Role
		action access.Action
	}{{domain.RoleSystem, access.ReadApplications}, {"", access.ReadApplications}, {domain.RoleAdmin, "drop-tables"}} {
		if got := access.Allowed(tt.role, tt.action); got != access.Nothing {
			t.Errorf("%s, %s: %s", tt.role, tt.action, got)
		}
	}
	if access.Public("drop-tables") || access.Writes("drop-tables") {
		t.Error("an unknown action is public")
	}
}

// TestEveryRowIsSound: each action is told once, for somebody, and only roles that accounts can have
// stand in the table.
func TestEveryRowIsSound(t *testing.T) {
	seen := map[access.Action]bool{}
	for _, a := range access.Actions() {
		if seen[a] || access.About(a) == "" {
			t.Errorf("%s: twice, or without a word about it", a)
		}
		seen[a] = true
		somebody := access.Public(a)
		for _, role := range access.Roles() {
			somebody = somebody || access.Allowed(role, a) != access.Nothing
		}
		if !somebody {
			t.Errorf("%s is for nobody", a)
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d actions", len(seen))
	}
}

func TestGrant(t *testing.T) {
	officer := access.Grant{Role: domain.RoleOfficer}
	tests := []struct {
		name   string
		grant  access.Grant
		action access.Action
		want   access.Scope
	}{
		{"the role's own reach", officer, access.DecideApplication, access.Licensor},
		{"not the role's", officer, access.ReadEvents, access.Nothing},
		{"read only", access.Grant{Role: domain.RoleOfficer, ReadOnly: true}, access.DecideApplication, access.Nothing},
		{"read only reads", access.Grant{Role: domain.RoleOfficer, ReadOnly: true}, access.ReadApplications, access.Licensor},
		{"one of its actions", access.Grant{Role: domain.RoleOfficer, Actions: []access.Action{access.DecideApplication}}, access.DecideApplication, access.Licensor},
		{"none of its actions", access.Grant{Role: domain.RoleOfficer, Actions: []access.Action{access.DecideApplication}}, access.ReadApplications, access.Nothing},
		{"its action, not its role's", access.Grant{Role: domain.RoleOfficer, Actions: []access.Action{access.ReadEvents}}, access.ReadEvents, access.Nothing},
		{"its action, and read only", access.Grant{Role: domain.RoleOfficer, ReadOnly: true, Actions: []access.Action{access.DecideApplication}}, access.DecideApplication, access.Nothing},
	}
	for _, tt := range tests {
		if got := tt.grant.Allowed(tt.action); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestGrantCheck(t *testing.T) {
	for name, g := range map[string]access.Grant{
		"the registry itself":      {Role: domain.RoleSystem},
		"no role":                  {},
		"no action":                {Role: domain.RoleOfficer, Actions: []access.Action{"drop-tables"}},
		"not the role's":           {Role: domain.RoleOfficer, Actions: []access.Action{access.ReadEvents}},
		"read only, but it writes": {Role: domain.RoleOfficer, ReadOnly: true, Actions: []access.Action{access.DecideApplication}},
	} {
		if err := g.Check(); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, g := range map[string]access.Grant{
		"the whole role": {Role: domain.RoleAuditor},
		"read only":      {Role: domain.RoleOfficer, ReadOnly: true},
		"public action":  {Role: domain.RoleOfficer, Actions: []access.Action{access.ReadFigures, access.DecideApplication}},
	} {
		if err := g.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
