package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

// calendarCmd shows the working days, and how terms are counted on them.
type calendarCmd struct {
	Explain  calendarExplain  `cmd:"" help:"Count a term day by day: which days count, which do not and why, and when it ends."`
	Year     calendarYear     `cmd:"" help:"The working days of a year by month, and the days that are not as in a plain week."`
	Versions calendarVersions `cmd:"" help:"What became known of the days, and when."`
}

// calendarFlags are of every command about the calendar.
type calendarFlags struct {
	Lang      string `default:"en" enum:"en,ru,kk" env:"-" help:"Language: en, ru or kk."`
	Calendars string `placeholder:"DIR" type:"existingdir" env:"-" help:"Folder with further versions of the calendar (*.yaml), which follow the newest one."`
}

// open reads and checks the calendars. What is wrong with one is told with file, line and reason.
func (f calendarFlags) open() (*calendar.History, error) { return openCalendars(f.Calendars) }

// chosenCalendar is one version; the newest where nothing is said.
type chosenCalendar struct {
	calendarFlags
	Version string `placeholder:"VERSION" xor:"version" env:"-" help:"Version of the calendar, as a due time names it; the newest where left out."`
	AsOf    string `placeholder:"DAY" xor:"version" env:"-" help:"Count as on that day: with the version that was the newest then."`
	Format  string `default:"text" enum:"text,json" env:"-" help:"text or json."`
}

func (c chosenCalendar) load() (*calendar.Calendar, error) {
	h, err := c.open()
	if err != nil {
		return nil, err
	}
	if c.AsOf != "" {
		day, err := calendar.ParseDay(c.AsOf)
		if err != nil {
			return nil, err
		}
		return h.At(day.Start())
	}
	if c.Version == "" {
		return h.Newest(), nil
	}
	chosen, err := h.Version(c.Version)
	if errors.Is(err, domain.ErrNotFound) {
		return nil, fmt.Errorf("%w; tizilim calendar versions lists those that there are", err)
	}
	return chosen, err
}

// printed is what the commands print.
type printed interface {
	WriteText(out io.Writer, lang string) error
}

func (c chosenCalendar) print(out io.Writer, p printed) error {
	if c.Format == "text" {
		return p.WriteText(out, c.Lang)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(p)
}

type calendarExplain struct {
	From string `required:"" env:"-" placeholder:"TIME" help:"When it came in, by the clocks in Almaty (2013-04-26T17:45, or with an offset), or only the day on which it was registered (2013-04-26)."`
	Days int    `required:"" env:"-" placeholder:"N" help:"The term in working days."`
	chosenCalendar
	Hours    string `placeholder:"HH:MM-HH:MM" xor:"hours" env:"-" help:"Office hours of the licensor; 09:00-18:30 where left out."`
	Policies string `placeholder:"FILE" type:"existingfile" xor:"hours" env:"-" help:"File with the licensors' office hours and rules for what comes in after them."`
	Licensor string `placeholder:"ID" env:"-" help:"The licensor whose policy holds; the default one of the file where left out."`
}

// Help gives an example.
func (calendarExplain) Help() string {
	return `The day of registration does not count; what comes in after office hours or on a day off is registered on the
next working day; the term ends with the end of its last working day.

	tizilim calendar explain --from 2013-04-26T17:45 --days 15 --lang ru`
}

// Run prints the explanation.
func (c calendarExplain) Run(out io.Writer) error {
	cal, err := c.load()
	if err != nil {
		return err
	}
	if day, err := calendar.ParseDay(c.From); err == nil {
		e, err := cal.ExplainFrom(day, c.Days)
		if err != nil {
			return err
		}
		return c.print(out, e)
	}
	at, err := calendar.ParseMoment(c.From)
	if err != nil {
		return err
	}
	policy, err := c.policy(calendar.DayOf(at))
	if err != nil {
		return err
	}
	e, err := cal.Explain(at, policy, c.Days)
	if err != nil {
		return err
	}
	return c.print(out, e)
}

// policy is that of the licensor on the day.
func (c calendarExplain) policy(on calendar.Day) (calendar.Policy, error) {
	if c.Hours != "" {
		hours, err := calendar.ParseHours(c.Hours)
		return calendar.Policy{Hours: hours}, err
	}
	policies, err := readPolicies(c.Policies)
	if err != nil {
		return calendar.Policy{}, err
	}
	return policies.For(c.Licensor, on), nil
}

type calendarYear struct {
	Year int `arg:"" help:"The year, as 2026."`
	chosenCalendar
}

// Run prints the balance.
func (c calendarYear) Run(out io.Writer) error {
	cal, err := c.load()
	if err != nil {
		return err
	}
	balance, err := cal.Balance(c.Year)
	if err != nil {
		return err
	}
	return c.print(out, balance)
}

type calendarVersions struct {
	calendarFlags
}

// Run prints the versions with the days that each one changed.
func (c calendarVersions) Run(out io.Writer) error {
	h, err := c.open()
	if err != nil {
		return err
	}
	return h.WriteText(out, c.Lang)
}
