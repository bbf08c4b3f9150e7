package projections_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/streams"
)

// samples are made once for all benchmarks.
var samples = struct {
	sync.Mutex
	made map[int][]domain.Commit
}{made: map[int][]domain.Commit{}}

func sampled(b *testing.B, applications int) []domain.Commit {
	b.Helper()
	samples.Lock()
	defer samples.Unlock()
	if samples.made[applications] == nil {
		samples.made[applications] = sample.Commits(applications, 1)
	}
	return samples.made[applications]
}

func events(commits []domain.Commit) (n int) {
	for _, c := range commits {
		n += len(c.Records)
	}
	return n
}

// BenchmarkRebuild rebuilds from a log in memory: each model alone, and all of them.
func BenchmarkRebuild(b *testing.B) {
	commits := sampled(b, 20_000)
	run := func(name string, kinds ...projections.Kind) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := projections.Rebuild(b.Context(), sample.NewLog(commits), b.TempDir(), nil, kinds...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(events(commits)*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
	for _, k := range kinds {
		run(k.Name(), k)
	}
	run("all", kinds...)
}

// BenchmarkApplyLive applies one commit at a time, as when commands come in one by one.
func BenchmarkApplyLive(b *testing.B) {
	commits := sampled(b, 20_000)
	for _, k := range kinds {
		b.Run(k.Name(), func(b *testing.B) {
			m, i := open(b, k, b.TempDir()), 0
			for b.Loop() {
				if i == len(commits) {
					b.Fatal("the sample is too small")
				}
				apply(b, m, commits[i:i+1])
				i++
			}
		})
	}
}

// BenchmarkApplyBusy applies a thousand commits at a time, as when commands come in faster than one by one,
// to a model that serves readers.
func BenchmarkApplyBusy(b *testing.B) {
	commits := sampled(b, 20_000)
	for _, k := range kinds {
		b.Run(k.Name(), func(b *testing.B) {
			for b.Loop() {
				m := open(b, k, b.TempDir())
				for from := 0; from < len(commits); from += 1000 {
					apply(b, m, commits[from:min(from+1000, len(commits))])
				}
			}
			b.ReportMetric(float64(events(commits)*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkStreamsRead loads one stream of 12 events among many.
func BenchmarkStreamsRead(b *testing.B) {
	commits := sampled(b, 20_000)
	m := open(b, streams.Kind, b.TempDir()).(*streams.Model)
	apply(b, m, commits)
	var long []domain.Stream
	for _, c := range commits {
		if c.Stream.Category == domain.ApplicationCategory && c.Version() == 12 {
			long = append(long, c.Stream)
		}
	}
	report(b, func(i int) {
		n := 0
		for _, err := range m.Read(b.Context(), long[i%len(long)], 1) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n < 12 {
			b.Fatalf("%d events", n)
		}
	})
}

// report runs the operation with random numbers and tells the 50th and 99th percentile of its time.
func report(b *testing.B, operation func(i int)) {
	b.Helper()
	var took []time.Duration
	random := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		begin := time.Now()
		operation(random.IntN(1 << 30))
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "p99-µs")
}

// BenchmarkRegister asks a register of 100,000 licenses.
func BenchmarkRegister(b *testing.B) {
	dir := b.TempDir()
	commits := sampled(b, 200_000)
	if err := projections.Rebuild(b.Context(), sample.NewLog(commits), dir, nil, licenses.Kind); err != nil {
		b.Fatal(err)
	}
	m := open(b, licenses.Kind, dir).(*licenses.Model)
	m.Now = func() time.Time { return sample.Begin.AddDate(2, 0, 0) }
	var numbers, holders, names []string
	for _, c := range commits {
		if c.Stream.Category == domain.LicenseCategory && c.Records[0].Version == 1 {
			numbers = append(numbers, c.Stream.ID)
		}
	}
	for i := 0; i < len(numbers); i += 100 {
		l, err := m.ByNumber(b.Context(), numbers[i])
		if err != nil {
			b.Fatal(err)
		}
		holders, names = append(holders, l.Licensee.ID), append(names, l.Licensee.Name)
	}
	b.Logf("%d licenses, %d events", len(numbers), events(commits))
	search := func(name string, query func(i int) licenses.Query) {
		b.Run(name, func(b *testing.B) {
			report(b, func(i int) {
				if p, err := m.Search(b.Context(), query(i)); err != nil || len(p.Licenses) == 0 {
					b.Fatal(query(i), err)
				}
			})
		})
	}
	b.Run("number", func(b *testing.B) {
		report(b, func(i int) {
			if _, err := m.ByNumber(b.Context(), numbers[i%len(numbers)]); err != nil {
				b.Fatal(err)
			}
		})
	})
	search("bin", func(i int) licenses.Query { return licenses.Query{ID: holders[i%len(holders)]} })
	search("name-rare", func(i int) licenses.Query { return licenses.Query{Text: names[i%len(names)]} })
	search("name-common", func(i int) licenses.Query {
		return licenses.Query{Text: []string{"қаз", "алтын", "бере"}[i%3]}
	})
	search("name-and-status", func(i int) licenses.Query {
		return licenses.Query{Text: "жетісу", Status: "suspended", AsOf: "2026-07-01"}
	})
	search("service-and-status", func(i int) licenses.Query {
		return licenses.Query{Service: sample.Services[i%4], Status: "terminated", AsOf: "2026-12-31"}
	})
	b.Run("name-4-readers", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := m.Search(b.Context(), licenses.Query{Text: "жетісу сервис"}); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.CountByStatus(b.Context(), "2026-12-31"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDeadlines asks for figures and lists over the visits of 120,000 applications, a million.
func BenchmarkDeadlines(b *testing.B) {
	dir := b.TempDir()
	if err := projections.Rebuild(b.Context(), sample.NewLog(sampled(b, 120_000)), dir, nil, deadlines.Kind); err != nil {
		b.Fatal(err)
	}
	m := open(b, deadlines.Kind, dir).(*deadlines.Model)
	now := sample.Begin.AddDate(1, 0, 0)
	middle := sample.Begin.AddDate(0, 5, 0)
	from, before := sample.Begin.AddDate(0, 3, 0), sample.Begin.AddDate(0, 4, 0)
	for _, q := range []struct {
		name string
		deadlines.Filter
	}{
		{"", deadlines.Filter{}},
		{"/as-of", deadlines.Filter{AsOf: middle}},
		{"/by-licensor", deadlines.Filter{ByLicensor: true}},
		{"/by-month", deadlines.Filter{ByPeriod: deadlines.Month}},
		{"/by-licensor-and-month-as-of", deadlines.Filter{ByLicensor: true, ByPeriod: deadlines.Month, AsOf: middle}},
		{"/by-week", deadlines.Filter{ByPeriod: deadlines.Week}},
		{"/by-day", deadlines.Filter{ByPeriod: deadlines.Day}},
		{"/of-a-month", deadlines.Filter{From: from, Before: before}},
		{"/of-a-licensor", deadlines.Filter{Licensor: sample.Licensors[0]}},
		{"/of-a-service-and-channel", deadlines.Filter{Service: sample.Services[0], Channel: "portal"}},
		{"/whole-services", deadlines.Filter{Whole: true}},
	} {
		b.Run("steps"+q.name, func(b *testing.B) {
			visits := 0
			for b.Loop() {
				figures, err := m.Steps(b.Context(), q.Filter, now)
				if err != nil {
					b.Fatal(err)
				}
				visits = 0
				for _, f := range figures {
					visits += f.Visits
				}
			}
			b.ReportMetric(float64(visits), "visits")
		})
	}
	run := func(name string, ask func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("services", func() error { _, err := m.Services(b.Context(), deadlines.Filter{}, now); return err })
	run("tallies", func() error { _, err := m.Tallies(b.Context(), now); return err })
	list := func(name string, f deadlines.Filter) {
		run("list/"+name, func() error { _, err := m.List(b.Context(), f, now, "", 50); return err })
	}
	list("all", deadlines.Filter{})
	list("as-of", deadlines.Filter{AsOf: middle})
	list("a-day", deadlines.Filter{From: from, Before: from.AddDate(0, 0, 1)})
	list("late-of-a-step", deadlines.Filter{Service: sample.Services[0], Channel: "portal", Step: 14, Outcome: deadlines.Late})
	list("nothing", deadlines.Filter{Step: 1, Outcome: deadlines.Abandoned})
	run("overdue", func() error { _, err := m.Overdue(b.Context(), deadlines.Filter{}, now, "", 50); return err })
	run("overdue/as-of", func() error {
		_, err := m.Overdue(b.Context(), deadlines.Filter{AsOf: middle}, now, "", 50)
		return err
	})
}
