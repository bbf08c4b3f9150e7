package calendar

import "time"

// Explanation is a term counted day by day, for people: what Registered and Due say in two words. It is
// plain data; WriteText prints it, and its JSON form is stable.
type Explanation struct {
	Calendar   string `json:"calendar"`    // the version it was counted with
	RecordedAt Day    `json:"recorded_at"` // of the version
	// Unverified is why RecordedAt could not be confirmed, nil where it was.
	Unverified Text `json:"unverified,omitempty"`
	// Receipt is how it came to the day of registration, nil where the term was counted from that day.
	Receipt    *Receipt `json:"receipt,omitempty"`
	Registered Day      `json:"registered"`
	Term       int      `json:"term"` // working days
	// Days are all days after the day of registration up to the last one, in order: each is counted or
	// skipped, and says why.
	Days    []ExplainedDay `json:"days"`
	LastDay Day            `json:"last_day"`
	Due     Moment         `json:"due"` // the end of LastDay
}

// Receipt is what came in, when, and how that led to the day of registration.
type Receipt struct {
	At      Moment  `json:"at"`
	Policy  Policy  `json:"policy"`
	Arrival Arrival `json:"arrival"`
	// Day is the day on which it came in, Skipped the days off between that and the day of registration.
	Day     ExplainedDay   `json:"day"`
	Skipped []ExplainedDay `json:"skipped,omitempty"`
}

// ExplainedDay is one day of a term.
type ExplainedDay struct {
	Day     Day    `json:"day"`
	Weekday string `json:"weekday"` // in English
	// Counted is which working day of the term it is, from 1; 0 for a day that is not counted.
	Counted int `json:"counted"`
	Reason
}

// Moment is an instant, in UTC and as the clocks in Almaty showed it.
type Moment struct {
	UTC    time.Time `json:"utc"`
	Local  string    `json:"local"`      // 2013-05-23T00:00:00+06:00
	Offset string    `json:"utc_offset"` // +06:00
}

// MomentOf is the instant.
func MomentOf(t time.Time) Moment {
	local := t.In(Zone)
	return Moment{UTC: t.UTC(), Local: local.Format(time.RFC3339), Offset: local.Format("-07:00")}
}

// Explain counts a term of n working days for what came in at t to a licensor with the policy. Its Due
// is always that of Due from the day of RegisteredUnder, and so are its errors.
func (c *Calendar) Explain(t time.Time, p Policy, n int) (*Explanation, error) {
	p = p.orDefault()
	registered, arrival, err := c.register(t, p)
	if err != nil {
		return nil, err
	}
	e, err := c.ExplainFrom(dayOf(registered), n)
	if err != nil {
		return nil, err
	}
	received := numberOf(t.In(Zone))
	e.Receipt = &Receipt{At: MomentOf(t), Policy: p, Arrival: arrival, Day: c.explained(received)}
	for day := received + 1; day < registered; day++ {
		e.Receipt.Skipped = append(e.Receipt.Skipped, c.explained(day))
	}
	return e, nil
}

// ExplainFrom counts a term of n working days from the day of registration.
func (c *Calendar) ExplainFrom(registered Day, n int) (*Explanation, error) {
	at, err := c.start(registered, n)
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		Calendar: c.version, RecordedAt: c.recorded, Unverified: c.unverified,
		Registered: registered, Term: n, Days: make([]ExplainedDay, 0, n+n/2+8),
	}
	for counted := 0; counted < n; {
		at++
		if _, err := c.reason(at); err != nil {
			return nil, err
		}
		day := c.explained(at)
		if day.Kind.Working() {
			counted++
			day.Counted = counted
		}
		e.Days = append(e.Days, day)
	}
	e.LastDay, e.Due = dayOf(at), MomentOf(endOf(at))
	return e, nil
}

// explained is a day that is known to be covered.
func (c *Calendar) explained(n int) ExplainedDay {
	r, _ := c.reason(n)
	return ExplainedDay{Day: dayOf(n), Weekday: weekday(n).String(), Reason: *r}
}
