package api_test

import (
	"net/http"
	"testing"
)

// BenchmarkLookup asks for one license over loopback HTTP.
func BenchmarkLookup(b *testing.B) {
	w := newWorld(b)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	for name, path := range map[string]string{
		"number": "/api/v1/licenses/" + number, "bin": "/api/v1/licenses?bin=" + company, "page": "/licenses/" + number,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w.call("", http.MethodGet, path, nil).want(200)
			}
		})
	}
}

// BenchmarkOpen opens applications over loopback HTTP, each seen by all read models when it is answered.
func BenchmarkOpen(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		w.open("company", "commodity-broker-license", "portal", company)
	}
}
