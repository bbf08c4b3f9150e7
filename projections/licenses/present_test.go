package licenses_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections/sample"
)

// A license that was not there on the day is another answer than one that never was.
func TestNotYet(t *testing.T) {
	s := &sample.Script{}
	add(s, "26000001", at("03-01"), issued("26000001", "ТОО Алтын", "03-01"))
	m := model(t, s, "12-01")
	for name, tt := range map[string]struct {
		number, day string
		known       time.Time
		issued      string
	}{
		"the day before":    {"26000001", "2026-02-28", time.Time{}, "2026-03-01"},
		"not known yet":     {"26000001", "2026-03-01", at("02-01"), "2026-03-01"},
		"there never was":   {"26000002", "2026-02-28", time.Time{}, ""},
		"none of this name": {"", "2026-03-01", time.Time{}, ""},
	} {
		_, err := m.AsOf(t.Context(), tt.number, tt.day, tt.known)
		var rejection *domain.Rejection
		if !errors.Is(err, domain.ErrNotFound) || errors.As(err, &rejection) != (tt.issued != "") {
			t.Errorf("%s: %v", name, err)
		} else if rejection != nil && (rejection.Code != "license-not-yet" || rejection.Params["issued"] != tt.issued) {
			t.Errorf("%s: %+v", name, rejection)
		}
	}
}

func TestStopped(t *testing.T) {
	s := &sample.Script{}
	add(s, "26000001", at("01-10"), issued("26000001", "ТОО Алтын", "01-10"))
	add(s, "26000001", at("01-20"), license.Suspended{From: "2026-02-01", Until: "2026-06-01", Reason: "violation"})
	add(s, "26000001", at("02-10"), license.Resumed{On: "2026-03-01"})
	m := model(t, s, "12-01")
	for day, want := range map[string]bool{"01-31": true, "02-01": true, "02-28": true, "03-01": false, "07-01": false} {
		l, err := m.AsOf(t.Context(), "26000001", "2026-"+day, time.Time{})
		if err != nil || (l.Stopped() != nil) != want {
			t.Errorf("%s: %v %v, want %t", day, l.Stopped(), err, want)
		}
	}
}
