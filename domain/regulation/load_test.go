package regulation_test

import (
	"testing"

	"github.com/tizilim/tizilim/domain/regulation"
)

func TestLoad(t *testing.T) {
	c, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Services() {
		t.Log(s.Slug, len(s.Procedures))
	}
}
