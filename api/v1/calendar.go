package v1

import "time"

// Term is a term in working days, counted day by day.
type Term struct {
	Calendar   string        `json:"calendar" doc:"The version it was counted with"`
	RecordedAt string        `json:"recorded_at" doc:"The day as of which that version holds what was known"`
	Receipt    *Receipt      `json:"receipt,omitempty" doc:"How it came to the day of registration; absent where the term was counted from that day"`
	Registered string        `json:"registered" doc:"The day of registration, which does not count"`
	Days       int           `json:"days" doc:"Working days"`
	Counted    []CalendarDay `json:"counted" doc:"Every day after the day of registration up to the last one, counted or skipped"`
	LastDay    string        `json:"last_day"`
	DueAt      time.Time     `json:"due_at" doc:"The instant after the last day"`
}

// Receipt is what came in, when, and how that led to the day of registration.
type Receipt struct {
	At         time.Time     `json:"at"`
	UTCOffset  string        `json:"utc_offset" doc:"Of Asia/Almaty at that time"`
	Arrival    string        `json:"arrival" enum:"in-hours,before-hours,after-hours,on-day-off"`
	Hours      string        `json:"hours" doc:"Of the licensor's office"`
	AfterHours string        `json:"after_hours" enum:"next-working-day,same-day" doc:"The licensor's rule"`
	DaysOff    string        `json:"days_off" enum:"next-working-day,same-day" doc:"The licensor's rule"`
	Basis      string        `json:"basis,omitempty" doc:"The act that gives the licensor these rules; absent for the usual ones"`
	Day        CalendarDay   `json:"day" doc:"The day on which it came in"`
	Skipped    []CalendarDay `json:"skipped,omitempty" doc:"The days off between that and the day of registration"`
}

// CalendarDay is one day, and why it is worked or not.
type CalendarDay struct {
	Day     string `json:"day"`
	Weekday string `json:"weekday"`
	Working bool   `json:"working"`
	Number  int    `json:"number,omitempty" doc:"Which working day of the term it is, from 1; absent for a day that is not counted"`
	Kind    string `json:"kind" enum:"workday,weekend,holiday,day-off,carried-over,moved-off,moved-on"`
	Name    Text   `json:"name,omitempty" doc:"Of the holiday"`
	Of      string `json:"of,omitempty" doc:"The other day concerned: the holiday carried over, the day worked or off instead"`
	Basis   *Basis `json:"basis,omitempty"`
	// Estimate: announced as expected, or by nobody yet.
	Estimate  bool       `json:"estimate,omitempty"`
	Withdrawn *Withdrawn `json:"withdrawn,omitempty" doc:"What the day was going to be, until that was taken back"`
}

// Basis is the legal basis of a day.
type Basis struct {
	Text       Text   `json:"text"`
	Source     string `json:"source,omitempty"`
	RecordedAt string `json:"recorded_at" doc:"The day on which it became known"`
}

// Withdrawn is what a day was going to be.
type Withdrawn struct {
	Kind  string `json:"kind"`
	Name  Text   `json:"name,omitempty"`
	On    string `json:"on" doc:"The day on which it became known"`
	Basis Text   `json:"basis,omitempty"`
}

// Year is the balance of working time of a year, five-day week.
type Year struct {
	Calendar   string        `json:"calendar"`
	RecordedAt string        `json:"recorded_at"`
	Year       int           `json:"year"`
	Days       int           `json:"days"`
	Working    int           `json:"working"`
	Months     []Month       `json:"months"`
	Special    []CalendarDay `json:"special" doc:"The days that are not as in a plain week"`
}

// Month is the balance of one month.
type Month struct {
	Month   int `json:"month"`
	Days    int `json:"days"`
	Working int `json:"working"`
}
