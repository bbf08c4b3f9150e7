package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// Metrics are the figures at /metrics. What is about licenses and deadlines comes from the read models
// at the moment of asking, so it is the same after a restart, a rebuild, and on every node; what is
// about this process is counted in it. Make one before the store, whose appends it observes.
type Metrics struct {
	registry *prometheus.Registry
	appends  prometheus.Histogram
	appended prometheus.Counter
	requests *prometheus.HistogramVec
	refused  prometheus.Gauge
	scrubs   prometheus.Counter
	scrubbed prometheus.Gauge
	damaged  *prometheus.GaugeVec
	unread   *prometheus.GaugeVec
	notices  *prometheus.CounterVec
	breakers *prometheus.GaugeVec
}

// NewMetrics makes the figures, empty.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		appends: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tizilim_append_duration_seconds", Help: "Time from a command's append to its durable acknowledgment, in this process.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		appended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tizilim_appended_events_total", Help: "Events stored durably by this process.",
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tizilim_http_request_duration_seconds", Help: "Time to answer a request, by route, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "code"}),
		refused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tizilim_rules_refused", Help: "1 while acts, calendars, policies or terms that were brought last were not sound, and what was in use before holds.",
		}),
		scrubs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tizilim_scrubbed_events_total", Help: "Events read again by this process and compared with the Merkle tree.",
		}),
		scrubbed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tizilim_scrub_completed_timestamp_seconds", Help: "When the comparison of the log with the Merkle tree last came to the end of the log, 0 for not in this process.",
		}),
		damaged: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tizilim_copy_damaged", Help: "1 while a server's copy of the log was found not to hold what was written, 0 otherwise.",
		}, []string{"server"}),
		unread: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tizilim_copy_unread", Help: "1 when a server's copy of the log could not be compared to its end the last time, because the server was away or behind, 0 otherwise.",
		}, []string{"server"}),
		breakers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tizilim_breaker_open", Help: "1 while a service around this process does not answer and is asked only now and then, 0 while it answers.",
		}, []string{"to"}),
	}
	m.notices = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tizilim_payment_notices_total", Help: "Notices of the payment gateway that this process was sent, by what became of them; unknown-order may be money for nobody.",
	}, []string{"status"})
	for _, status := range []string{"recorded", "not-applied", "unknown-order", "refused"} {
		m.notices.WithLabelValues(status)
	}
	m.registry.MustRegister(m.appends, m.appended, m.requests, m.refused, m.notices, m.breakers, m.scrubs, m.scrubbed, m.damaged, m.unread,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveAppend notes an append that was acknowledged; it is the store's hook.
func (m *Metrics) ObserveAppend(took time.Duration, events int) {
	m.appends.Observe(took.Seconds())
	m.appended.Add(float64(events))
}

// ObserveRules notes how reading the rules anew went.
func (m *Metrics) ObserveRules(err error) { m.refused.Set(truth(err != nil)) }

// ObserveScrub notes events that were read again and found to be what was written.
func (m *Metrics) ObserveScrub(events int) { m.scrubs.Add(float64(events)) }

// ObserveScrubbed notes that the end of the log was reached in that.
func (m *Metrics) ObserveScrubbed(at time.Time) { m.scrubbed.Set(float64(at.Unix())) }

// ObserveCopy notes how the comparison of one server's copy of the log with the Merkle tree ended.
func (m *Metrics) ObserveCopy(server string, damaged, unread bool) {
	m.damaged.WithLabelValues(server).Set(truth(damaged))
	m.unread.WithLabelValues(server).Set(truth(unread))
}

// ForgetCopy drops the figures of a server that keeps no copy any more.
func (m *Metrics) ForgetCopy(server string) {
	m.damaged.DeleteLabelValues(server)
	m.unread.DeleteLabelValues(server)
}

// ObserveBreaker notes whether the breaker before a service is open. Tell it once at the start, closed.
func (m *Metrics) ObserveBreaker(service string, open bool) {
	m.breakers.WithLabelValues(service).Set(truth(open))
}

// request notes an answered request. A request without a route is counted as such, whatever its
// address, so that a scanner cannot make series; the same goes for methods of its invention.
func (m *Metrics) request(pattern, method string, code int, took time.Duration) {
	_, known := actions[pattern]
	if !known {
		pattern, method = "none", "other"
	}
	m.requests.WithLabelValues(pattern, method, strconv.Itoa(code)).Observe(took.Seconds())
}

// watch adds the figures of a server's read models.
func (m *Metrics) watch(s *Server) { m.registry.MustRegister(readModels{s}) }

// gathering bounds how long one look at the read models may take.
const gathering = 5 * time.Second

func (m *Metrics) serve(w http.ResponseWriter, r *http.Request) error {
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true,
	}).ServeHTTP(w, r)
	return nil
}

// The figures from the read models.
var (
	service = []string{"service", "channel", "licensor"}
	step    = []string{"service", "channel", "licensor", "step", "action"}

	ofSteps = visitsDescs{
		over: prometheus.NewDesc("tizilim_step_visits_total",
			"Visits of steps that are over, by outcome: on_time, late, abandoned by a withdrawal, or untimed (without a deadline).", append(step[:5:5], "outcome"), nil),
		open: prometheus.NewDesc("tizilim_steps_open",
			"Visits of steps that are open now, by standing: waiting, due_soon (within 24 hours), or overdue.", append(step[:5:5], "standing"), nil),
		duration: prometheus.NewDesc("tizilim_step_duration_seconds",
			"Durations of the visits of steps that are over, without the abandoned ones.", step, nil),
	}
	ofServices = visitsDescs{
		over: prometheus.NewDesc("tizilim_applications_total",
			"Registered applications whose procedure is over, by outcome: on_time, late, abandoned by a withdrawal, or untimed (without a deadline).", append(service[:3:3], "outcome"), nil),
		open: prometheus.NewDesc("tizilim_applications_open",
			"Registered applications without a result, by standing: waiting, due_soon (within 24 hours), or overdue.", append(service[:3:3], "standing"), nil),
		duration: prometheus.NewDesc("tizilim_application_duration_seconds",
			"Time from the registration of an application to its result, without the abandoned ones.", service, nil),
	}
	licensesDesc = prometheus.NewDesc("tizilim_licenses",
		"Licenses and permits in the register by their status today.", []string{"service", "licensor", "status"}, nil)
	unmatchedDesc = prometheus.NewDesc("tizilim_payments_unmatched",
		"Payments that came and did not pay their application, by reason: people return them.", []string{"reason"}, nil)
	feesDesc = prometheus.NewDesc("tizilim_fees_unknown",
		"Kinds of request that are to be paid through the payment gateway and for which the table of fees has no fee: their applications wait.", nil, nil)
	lagDesc = prometheus.NewDesc("tizilim_projection_lag_commits",
		"Commits of the log that are known and that a read model has not applied; absent until it has what was there at the start.", []string{"projection"}, nil)
	healthyDesc = prometheus.NewDesc("tizilim_projection_healthy",
		"1 while a read model is being fed, 0 when it has stopped.", []string{"projection"}, nil)
	positionDesc = prometheus.NewDesc("tizilim_log_position",
		"Position of the last commit of the log that this node knows of.", nil, nil)
	damagedDesc = prometheus.NewDesc("tizilim_damaged",
		"1 when the log, its Merkle tree or a read model was found not to hold what was written, 0 otherwise.", nil, nil)
	storeDesc = prometheus.NewDesc("tizilim_store_healthy",
		"1 while the event store takes writes, 0 otherwise.", nil, nil)
)

// readModels collects figures from the read models.
type readModels struct{ s *Server }

// Describe implements prometheus.Collector.
func (readModels) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		ofSteps.over, ofSteps.open, ofSteps.duration, ofServices.over, ofServices.open, ofServices.duration,
		licensesDesc, unmatchedDesc, feesDesc, lagDesc, healthyDesc, positionDesc, storeDesc, damagedDesc,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c readModels) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gathering)
	defer cancel()
	c.deadlines(ctx, out)
	c.licenses(ctx, out)
	c.payments(ctx, out)
	for _, p := range c.s.cfg.Follower.Status() {
		if p.CaughtUp {
			out <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(p.Lag), p.Name)
		}
		out <- prometheus.MustNewConstMetric(healthyDesc, prometheus.GaugeValue, truth(!p.Stopped), p.Name)
	}
	out <- prometheus.MustNewConstMetric(positionDesc, prometheus.GaugeValue, float64(c.s.cfg.Follower.Head()))
	out <- prometheus.MustNewConstMetric(storeDesc, prometheus.GaugeValue, truth(c.s.cfg.Healthy(ctx) == nil))
	out <- prometheus.MustNewConstMetric(damagedDesc, prometheus.GaugeValue, truth(c.s.damage() != nil))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// visitsDescs describe visits of one sort: how they ended, those that are open, and how long they took.
type visitsDescs struct{ over, open, duration *prometheus.Desc }

// deadlines are the steps' figures and the services'. Most steps of most procedures take no time,
// because the application only passes through them, and what is empty is most of what there could be to
// tell. So that a scrape stays small, and what is asked of it true:
//
//   - a step that was only ever passed through has the one counter that tells how often, and no histogram:
//     it would be all zeros;
//   - any other step has its counters for all outcomes from the first visit on, zeros too, because a
//     counter that appears with its first increment has lost it for rate and increase;
//   - a histogram has all its buckets, because a sum over series that lack some is wrong, and is there
//     once something was measured;
//   - a gauge of steps that would be 0 is left out: a sum or a comparison over those that are there is the
//     same. Those of applications, which are few, are always there, so that their sum is 0 and not nothing.
func (c readModels) deadlines(ctx context.Context, out chan<- prometheus.Metric) {
	tallies, err := c.s.cfg.Deadlines.Tallies(ctx, c.s.cfg.Now())
	if err != nil {
		out <- prometheus.NewInvalidMetric(ofSteps.over, err)
		return
	}
	for labels, t := range c.byLabels(tallies) {
		switch labels := labels[:]; {
		case t.Step == deadlines.Whole:
			ofServices.collect(out, t, true, labels[:3:3])
		case t.Total == 0 && t.OnTime+t.Late+t.Abandoned+t.Open+t.Overdue == 0:
			out <- prometheus.MustNewConstMetric(ofSteps.over, prometheus.CounterValue, float64(t.Untimed), append(labels, "untimed")...)
		default:
			ofSteps.collect(out, t, false, labels)
		}
	}
}

// collect gives out a tally; its gauges that are 0 only where zeros are wanted.
func (d visitsDescs) collect(out chan<- prometheus.Metric, t deadlines.Tally, zeros bool, labels []string) {
	with := func(last string) []string { return append(labels[:len(labels):len(labels)], last) }
	over := func(outcome string, n int64) {
		out <- prometheus.MustNewConstMetric(d.over, prometheus.CounterValue, float64(n), with(outcome)...)
	}
	open := func(standing string, n int64) {
		if n > 0 || zeros {
			out <- prometheus.MustNewConstMetric(d.open, prometheus.GaugeValue, float64(n), with(standing)...)
		}
	}
	over("on_time", t.OnTime)
	over("late", t.Late)
	over("abandoned", t.Abandoned)
	over("untimed", t.Untimed)
	open("waiting", t.Open-t.DueSoon)
	open("due_soon", t.DueSoon)
	open("overdue", t.Overdue)
	took := t.OnTime + t.Late + t.Untimed
	if took == 0 {
		return
	}
	buckets := map[float64]uint64{}
	for i, bound := range deadlines.Buckets {
		buckets[bound.Seconds()] = uint64(t.AtMost[i])
	}
	out <- prometheus.MustNewConstHistogram(d.duration, uint64(took), t.Total.Seconds(), buckets, labels...)
}

// byLabels adds up the tallies that have the same labels: a step that was sometimes passed through
// without being waited in has a tally without an action besides.
func (c readModels) byLabels(tallies []deadlines.Tally) map[[5]string]deadlines.Tally {
	sums := map[[5]string]deadlines.Tally{}
	for _, t := range tallies {
		action := c.s.action(t.Service, t.Channel, t.Step, t.Action)
		labels := [5]string{t.Service, t.Channel, t.Licensor, strconv.Itoa(t.Step), action}
		sum, ok := sums[labels]
		if !ok {
			sum.Step, sum.AtMost = t.Step, make([]int64, len(deadlines.Buckets))
		}
		sum.OnTime, sum.Late, sum.Abandoned = sum.OnTime+t.OnTime, sum.Late+t.Late, sum.Abandoned+t.Abandoned
		sum.Untimed += t.Untimed
		sum.Open, sum.DueSoon, sum.Overdue = sum.Open+t.Open, sum.DueSoon+t.DueSoon, sum.Overdue+t.Overdue
		sum.Total += t.Total
		for i, n := range t.AtMost {
			sum.AtMost[i] += n
		}
		sums[labels] = sum
	}
	return sums
}

func (c readModels) licenses(ctx context.Context, out chan<- prometheus.Metric) {
	counts, err := c.s.cfg.Licenses.CountByStatus(ctx, string(calendar.DayOf(c.s.cfg.Now())))
	if err != nil {
		out <- prometheus.NewInvalidMetric(licensesDesc, err)
		return
	}
	for _, n := range counts {
		out <- prometheus.MustNewConstMetric(licensesDesc, prometheus.GaugeValue, float64(n.N), n.Service, n.Licensor, string(n.Status))
	}
}

func (c readModels) payments(ctx context.Context, out chan<- prometheus.Metric) {
	if c.s.cfg.Payments != nil {
		counts, err := c.s.cfg.Payments.Unmatched(ctx)
		if err != nil {
			out <- prometheus.NewInvalidMetric(unmatchedDesc, err)
		}
		for reason, n := range counts {
			out <- prometheus.MustNewConstMetric(unmatchedDesc, prometheus.GaugeValue, float64(n), string(reason))
		}
	}
	if c.s.cfg.FeeKnown != nil {
		out <- prometheus.MustNewConstMetric(feesDesc, prometheus.GaugeValue, float64(c.s.feesUnknown()))
	}
}

// feesUnknown counts the kinds of request that have to be paid and cannot be, for want of a fee.
func (s *Server) feesUnknown() (n int) {
	for _, service := range s.cfg.Rules().Catalog.Services() {
		pays := slices.ContainsFunc(service.Procedures, func(p *regulation.Procedure) bool { return p.Has(regulation.Pay) })
		for _, request := range service.Requests {
			if pays && !s.cfg.FeeKnown(service.Slug, string(request)) {
				n++
			}
		}
	}
	return n
}
