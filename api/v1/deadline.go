package v1

import "time"

// Deadlines sums the figures up by service and channel.
type Deadlines struct {
	AsOf  time.Time         `json:"as_of" doc:"The instant as of which everything is told"`
	Items []DeadlineSummary `json:"items"`
}

// DeadlineSummary says how one service does through one channel.
type DeadlineSummary struct {
	Service string `json:"service"`
	Channel string `json:"channel"`
	DeadlineGroup
	WholeService WholeService `json:"whole_service" doc:"From the registration of the request to the result"`
	Steps        Counts       `json:"steps" doc:"The visits of all steps"`
}

// DeadlineGroup is what figures are apart by, besides the step.
type DeadlineGroup struct {
	Licensor string `json:"licensor,omitempty" doc:"With by=licensor"`
	Period   string `json:"period,omitempty" doc:"With by=day, by=week (2026-W10, ISO 8601) or by=month (2026-03): when the step was entered, in Asia/Almaty"`
	From     string `json:"from,omitempty" doc:"First day of the period, as far as it was asked about"`
	To       string `json:"to,omitempty" doc:"Last day of the period, as far as it was asked about"`
}

// WholeService are the figures of registered applications.
type WholeService struct {
	Applications int64 `json:"applications" doc:"Registered"`
	Outcomes
	Durations
}

// Counts are the figures of visits of steps.
type Counts struct {
	Visits int64 `json:"visits" doc:"The sum of on_time, late, abandoned, untimed, open and overdue"`
	Outcomes
}

// Outcomes count by how the deadline was kept. What ended exactly when it was due is on time.
type Outcomes struct {
	OnTime      int64        `json:"on_time"`
	Late        int64        `json:"late"`
	Abandoned   int64        `json:"abandoned" doc:"Cut short by a withdrawal: neither on time nor late"`
	Untimed     int64        `json:"untimed" doc:"Over, and had no deadline to keep: neither on time nor late"`
	Open        int64        `json:"open" doc:"Open and not past the deadline"`
	DueSoon     int64        `json:"due_soon" doc:"Those of the open ones that are due within 24 hours"`
	Overdue     int64        `json:"overdue" doc:"Open and past the deadline"`
	ShareOnTime *float64     `json:"share_on_time" doc:"Of those on time or late; null where there are none"`
	Links       OutcomeLinks `json:"links"`
}

// OutcomeLinks are paths to the lists of exactly the visits that were counted, as of the same instant.
// Where nothing was counted there is no link.
type OutcomeLinks struct {
	Visits    string `json:"visits,omitempty" doc:"All of them"`
	OnTime    string `json:"on_time,omitempty"`
	Late      string `json:"late,omitempty"`
	Abandoned string `json:"abandoned,omitempty"`
	Untimed   string `json:"untimed,omitempty"`
	Open      string `json:"open,omitempty"`
	DueSoon   string `json:"due_soon,omitempty"`
	Overdue   string `json:"overdue,omitempty"`
}

// Durations, in seconds, are of what is over and was not abandoned; null where there is nothing. The
// greatest is exact, each of the others rounded up by less than one percent.
type Durations struct {
	Median *float64 `json:"median_seconds"`
	P90    *float64 `json:"p90_seconds"`
	P99    *float64 `json:"p99_seconds"`
	Max    *float64 `json:"max_seconds"`
}

// DeadlineSteps are the figures of every step.
type DeadlineSteps struct {
	AsOf  time.Time      `json:"as_of" doc:"The instant as of which everything is told"`
	Items []DeadlineStep `json:"items"`
}

// DeadlineStep are the figures of one step.
type DeadlineStep struct {
	Service string `json:"service"`
	Channel string `json:"channel"`
	Step    int    `json:"step"`
	Action  string `json:"action"`
	DeadlineGroup
	Counts
	Durations
}

// DeadlineVisits is a list of visits of steps.
type DeadlineVisits struct {
	AsOf  time.Time       `json:"as_of" doc:"The instant as of which everything is told"`
	Items []DeadlineVisit `json:"items"`
	Next  string          `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
}

// DeadlineVisit is one time that an application was in a step, or its way through the service as a whole.
type DeadlineVisit struct {
	Application string     `json:"application"`
	Number      string     `json:"number,omitempty" doc:"Of the application, once it is registered"`
	Service     string     `json:"service"`
	Channel     string     `json:"channel"`
	Licensor    string     `json:"licensor"`
	Request     string     `json:"request"`
	Step        int        `json:"step" doc:"0 for the service as a whole"`
	Action      string     `json:"action,omitempty"`
	Visit       int        `json:"visit,omitempty" doc:"Which visit of the step by this application, from 1; in its own list only"`
	EnteredAt   time.Time  `json:"entered_at"`
	DueAt       *time.Time `json:"due_at,omitempty" doc:"Absent where there is no deadline"`
	DueDay      string     `json:"due_day,omitempty" doc:"The last day of a term that is counted in days, to its end; due_at is the instant after it"`
	Calendar    string     `json:"calendar,omitempty" doc:"Version of the working days that it was counted with"`
	Term        *TermSet   `json:"term,omitempty" doc:"How the deadline came about; in an application's own list, for terms in working days"`
	LeftAt      *time.Time `json:"left_at,omitempty" doc:"Absent while it is open"`
	LeftBy      *LeftBy    `json:"left_by,omitempty"`
	Branch      string     `json:"branch,omitempty" doc:"The way taken out of the step, where it branches, or withdrawn"`
	Outcome     string     `json:"outcome" enum:"on_time,late,abandoned,untimed,open,overdue"`
	DueSoon     bool       `json:"due_soon,omitempty" doc:"Open, and due within 24 hours"`
	LateSeconds float64    `json:"late_seconds,omitempty" doc:"By how much the deadline was missed, or is by now"`
	History     string     `json:"history" doc:"Path to the events of the application"`
}

// TermSet is a term as it was set when a step was entered.
type TermSet struct {
	Days        int    `json:"days" doc:"Working days"`
	From        string `json:"from" doc:"The day of registration, which does not count"`
	Basis       string `json:"basis,omitempty" doc:"The licensor's own act, where the regulation gives no term"`
	Explanation string `json:"explanation" doc:"Path to the same count, day by day, by the same version of the calendar"`
}

// LeftBy is who made an application leave a step.
type LeftBy struct {
	Role         string `json:"role"`
	Organization string `json:"organization,omitempty"`
}

// ApplicationDeadlines are all visits of one application in order.
type ApplicationDeadlines struct {
	AsOf         time.Time       `json:"as_of" doc:"The instant as of which everything is told"`
	WholeService *DeadlineVisit  `json:"whole_service,omitempty" doc:"From the registration to the result; absent until the application is registered"`
	Steps        []DeadlineVisit `json:"steps"`
}
