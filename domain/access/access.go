// Package access says who may do what: one table of roles and actions, which the gate, the scopes of
// API tokens, docs/access.md and the tests share.
//
// Read table.go, which is the table, and then this file. An action is what somebody may be allowed or
// refused as a whole; a route belongs to one action, an action may have several routes. What the table
// gives a role on an action is a Scope: how far the role reaches. What lies beyond it is answered as
// though it did not exist, so that nobody learns of what is not theirs.
//
// The table says what a role may do at most. Rules that depend on more than the role, such as that nobody
// decides their own application, come after it and only take away.
package access

import (
	"fmt"
	"slices"

	"github.com/tizilim/tizilim/domain"
)

// Action is one thing that somebody may be allowed to do: a token of the closed list below, which is also
// a scope of API tokens and so never renamed.
type Action string

// Scope is how far a role reaches with an action.
type Scope int

// The scopes.
const (
	Nothing  Scope = iota
	Own            // what concerns the person or organization itself
	Licensor       // what concerns the role's licensor
	Center         // what the role's service center opened
	All
)

// String is the scope's token.
func (s Scope) String() string { return [...]string{"nothing", "own", "licensor", "center", "all"}[s] }

// Who is somebody as far as access depends on it. The zero Who is the public.
type Who struct {
	Identifier   string // IIN or BIN, "" where none is known
	Organization string // slug of the licensor or service center
}

// Thing is what an action is about, as far as access depends on it.
type Thing struct {
	Person   string // IIN or BIN of the applicant or licensee
	Licensor string // slug
	Center   string // slug of the service center that opened it, "" where none did
}

// Covers reports whether the thing is within somebody's reach. What is not known is nobody's.
func (s Scope) Covers(who Who, thing Thing) bool {
	same := func(a, b string) bool { return a != "" && a == b }
	switch s {
	case Own:
		return same(thing.Person, who.Identifier)
	case Licensor:
		return same(thing.Licensor, who.Organization)
	case Center:
		return same(thing.Center, who.Organization)
	case All:
		return true
	}
	return false
}

// Grant is what somebody who was let in may do: a role, which an API token may narrow.
type Grant struct {
	Role domain.Role `json:"role"`
	// ReadOnly leaves out every action that writes.
	ReadOnly bool `json:"read_only,omitempty"`
	// Actions are the only ones; all of the role's where there are none.
	Actions []Action `json:"actions,omitempty"`
}

// Allowed is how far the grant reaches with the action.
func (g Grant) Allowed(a Action) Scope {
	if g.ReadOnly && Writes(a) || len(g.Actions) > 0 && !slices.Contains(g.Actions, a) {
		return Nothing
	}
	return Allowed(g.Role, a)
}

// Check is domain.ErrInvalid for a grant of no known role, and for one that narrows to what is no action
// or what the role may not do anyway: such a token would be refused, and nobody would know why.
func (g Grant) Check() error {
	if !slices.Contains(Roles(), g.Role) {
		return fmt.Errorf("role %q: there are %v: %w", g.Role, Roles(), domain.ErrInvalid)
	}
	for _, a := range g.Actions {
		if _, known := index[a]; !known {
			return fmt.Errorf("action %q: not one of the table's: %w", a, domain.ErrInvalid)
		}
		if !Public(a) && g.Allowed(a) == Nothing {
			return fmt.Errorf("action %q: not for role %s in this grant: %w", a, g.Role, domain.ErrInvalid)
		}
	}
	return nil
}
