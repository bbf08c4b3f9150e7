// Package demo is a stand-in for the state registers of persons and organizations: a real HTTP service
// that knows nobody real. Every name and address it gives is made up.
//
// It knows the people and organizations of its table (table.go). Of every other identifier the tenth
// and eleventh digits decide, so that each case can be tried with any date of birth or registration:
//
//	…99k  the registers have no such person or organization
//	…98k  the registers do not answer: 503
//	else  a made-up person or organization, for the same identifier always the same
//
// Whatever is not a sound IIN or BIN is 400. Each answer has a number of its own.
//
// POST /outage makes it stop answering whoever is asked for, DELETE /outage ends that.
package demo

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/domain/ident"
)

// The sources that the answers name.
const (
	Persons       = "demo-register-of-persons"
	Organizations = "demo-register-of-organizations"
)

// registers is the service.
type registers struct{ out atomic.Bool }

// Handler serves the registers.
func Handler() http.Handler {
	r := &registers{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", r.about)
	mux.HandleFunc("GET /persons/{id}", r.answer(ident.IIN))
	mux.HandleFunc("GET /organizations/{id}", r.answer(ident.BIN))
	mux.HandleFunc("POST /outage", r.outage(true))
	mux.HandleFunc("DELETE /outage", r.outage(false))
	return http.NewCrossOriginProtection().Handler(mux)
}

// about says what this is to whoever comes here with a browser.
func (r *registers) about(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, `Demo state registers of persons and organizations. Everybody in them is made up.
%s
GET /persons/IIN          such as /persons/%s
GET /organizations/BIN    such as /organizations/%s

An identifier whose tenth and eleventh digits are 99 is unknown to them; at 98 they do not answer.

POST /outage              they answer nobody, until
DELETE /outage            ends it
`, r.state(), known(ident.IIN), known(ident.BIN))
}

func (r *registers) state() string {
	if r.out.Load() {
		return "There is an outage now: they answer nobody."
	}
	return "They answer."
}

// outage begins or ends one.
func (r *registers) outage(out bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		r.out.Store(out)
		fmt.Fprintln(w, r.state())
	}
}

// known is the first identifier of the kind in the table.
func known(kind ident.Kind) string {
	for _, e := range Known {
		if id, err := ident.Parse(e.ID); err == nil && id.Kind() == kind {
			return e.ID
		}
	}
	return ""
}

func (r *registers) answer(kind ident.Kind) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		id, err := ident.Parse(req.PathValue("id"))
		if err != nil || id.Kind() != kind || id.String() != req.PathValue("id") {
			http.Error(w, fmt.Sprintf("not an identifier of kind %s", kind), http.StatusBadRequest)
			return
		}
		found, available := Find(id)
		if !available || r.out.Load() {
			http.Error(w, "the register does not answer; it is a demonstration of that", http.StatusServiceUnavailable)
			return
		}
		found.Reference = uuid.NewString()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		// An error here is a client that went away.
		_ = json.NewEncoder(w).Encode(found)
	}
}

// Find is what the registers say, and whether they say anything.
func Find(id ident.ID) (found stateregister.Answer, available bool) {
	a := stateregister.Answer{ID: id.String(), Source: Persons}
	if id.Kind() == ident.BIN {
		a.Source = Organizations
	}
	if e, ok := table[id.String()]; ok {
		a.Found, a.Name, a.Address = true, e.Name, e.Address
		return a, true
	}
	switch id.String()[9:11] {
	case "99":
		return a, true
	case "98":
		return a, false
	}
	a.Found = true
	a.Name, a.Address = madeUp(id)
	return a, true
}

// madeUp is the name and address that follow from the identifier.
func madeUp(id ident.ID) (name, address string) {
	h := fnv.New64a()
	h.Write([]byte(id.String()))
	n := h.Sum64()
	pick := func(of []string) string {
		i := n % uint64(len(of))
		n /= uint64(len(of))
		return of[i]
	}
	address = fmt.Sprintf("%s, ул. %s, %d", pick(cities), pick(streets), 1+n%90)
	if id.Kind() == ident.BIN {
		return fmt.Sprintf("%s «%s %s»", pick(forms), pick(firstWords), pick(secondWords)), address
	}
	if (id.String()[6]-'0')%2 == 1 {
		return fmt.Sprintf("%s %s %sұлы", pick(surnames), pick(men), pick(men)), address
	}
	return fmt.Sprintf("%sа %s %sқызы", pick(surnames), pick(women), pick(men)), address
}
