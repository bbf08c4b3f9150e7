package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tizilim/tizilim/projections/notices"
)

// WatchNotices adds the figures of the notices of deadlines. The function that it returns notes a try
// that failed, and on the way to whom.
func (m *Metrics) WatchNotices(pending func() map[notices.Type]int) (failed func(to string)) {
	for _, t := range notices.Types {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tizilim_notices_pending", Help: "Notices of deadlines that are due and not yet told, by type.",
			ConstLabels: prometheus.Labels{"type": string(t)},
		}, func() float64 { return float64(pending()[t]) }))
	}
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tizilim_notice_failures_total", Help: "Tries of this process to tell a notice that failed, by whom it was to reach: nats or webhook.",
	}, []string{"to"})
	m.registry.MustRegister(failures)
	for _, to := range []string{"nats", "webhook"} { // there before the first one, which rate and increase would not see
		failures.WithLabelValues(to)
	}
	return func(to string) { failures.WithLabelValues(to).Inc() }
}
