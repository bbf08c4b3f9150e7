package v1

import "time"

// Deadlines sums the visits of steps up by service and channel.
type Deadlines struct {
	Now   time.Time         `json:"now" doc:"Open steps are judged against this instant"`
	Items []DeadlineSummary `json:"items"`
}

// DeadlineSummary counts the visits of steps of one service through one channel.
type DeadlineSummary struct {
	Service string `json:"service"`
	Channel string `json:"channel"`
	Counts
}

// Counts are visits of steps by outcome. Visits is their sum; a visit left exactly at its due time is
// on time, and one without a deadline is too.
type Counts struct {
	Visits    int64 `json:"visits"`
	OnTime    int64 `json:"on_time"`
	Late      int64 `json:"late"`
	Abandoned int64 `json:"abandoned" doc:"Cut short by a withdrawal: neither on time nor late"`
	Open      int64 `json:"open" doc:"Open and not yet due"`
	Overdue   int64 `json:"overdue" doc:"Open and past the deadline"`
}

// DeadlineSteps are the figures of every step.
type DeadlineSteps struct {
	Now   time.Time      `json:"now" doc:"Open steps are judged against this instant"`
	Items []DeadlineStep `json:"items"`
}

// DeadlineStep are the figures of one step. Durations, in seconds, are of the visits
// that are over and were not abandoned, rounded up by less than one percent.
type DeadlineStep struct {
	Service string `json:"service"`
	Channel string `json:"channel"`
	Step    int    `json:"step"`
	Action  string `json:"action"`
	Counts
	Median float64 `json:"median_seconds"`
	P90    float64 `json:"p90_seconds"`
	P99    float64 `json:"p99_seconds"`
	Max    float64 `json:"max_seconds"`
}

// Overdue are the open visits past their deadline, the longest overdue first.
type Overdue struct {
	Now   time.Time      `json:"now"`
	Items []OverdueVisit `json:"items"`
	Next  string         `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
}

// OverdueVisit is an application that waits in a step past its deadline.
type OverdueVisit struct {
	Application string    `json:"application"`
	Service     string    `json:"service"`
	Channel     string    `json:"channel"`
	Licensor    string    `json:"licensor"`
	Request     string    `json:"request"`
	Step        int       `json:"step"`
	Action      string    `json:"action"`
	EnteredAt   time.Time `json:"entered_at"`
	DueAt       time.Time `json:"due_at"`
	DueDay      string    `json:"due_day,omitempty" doc:"The last day of a term that is counted in days, to its end; due_at is the instant after it"`
}
