// Package deadlines is the read model of how long the steps of procedures take: one visit for every
// time an application was in a step, with the instant by which it had to be left and the one at which
// it was. Whether an open step is overdue depends on the clock alone, so every question carries "now".
//
// The service as a whole has a visit too, under the number Whole instead of a step's: from the
// registration of the request to the result. It is never among the steps, nor are they in it.
//
// Reading order: this file (the rows), apply.go (how events become visits), packs.go (how all visits are
// looked at), figures.go, periods.go and slots.go (counts and percentiles), visits.go (lists),
// tallies.go (metrics).
package deadlines

import (
	"strconv"
	"strings"
	"time"

	"github.com/tizilim/tizilim/projections"
)

// Kinds are what visits are counted by, exits how they end. A visit's key is its application's row and its place among
// the visits of that application, so that those lie together in order, the service as a whole first. Times are microseconds.
// Packs keep the visits that are over once more, for figures and lists (packs.go). Tallies count them,
// by kind, because metrics are asked for all the time.
var schema = projections.Schema{
	Name: "deadlines", Number: 5,
	Tables: `
		CREATE TABLE IF NOT EXISTS kinds (
			kind INTEGER PRIMARY KEY, service TEXT NOT NULL, channel TEXT NOT NULL, licensor TEXT NOT NULL,
			request TEXT NOT NULL, step INTEGER NOT NULL, action TEXT NOT NULL, calendar TEXT NOT NULL,
			UNIQUE (service, channel, licensor, request, step, action, calendar));
		CREATE TABLE IF NOT EXISTS exits (
			exit INTEGER PRIMARY KEY, branch TEXT NOT NULL, role TEXT NOT NULL, org TEXT NOT NULL, UNIQUE (branch, role, org));
		CREATE TABLE IF NOT EXISTS applications (
			row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, service TEXT NOT NULL, channel TEXT NOT NULL,
			licensor TEXT NOT NULL, request TEXT NOT NULL, visits INTEGER NOT NULL, number TEXT NOT NULL, registered INTEGER);
		CREATE TABLE IF NOT EXISTS visits (
			key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, entered INTEGER NOT NULL, due INTEGER, left INTEGER, exit INTEGER);
		CREATE TABLE IF NOT EXISTS tallies (
			kind INTEGER PRIMARY KEY, on_time INTEGER NOT NULL, late INTEGER NOT NULL, abandoned INTEGER NOT NULL, untimed INTEGER NOT NULL,
			total INTEGER NOT NULL` + bucketColumns() + `);
		CREATE TABLE IF NOT EXISTS packs (
			key INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, until INTEGER NOT NULL, stays INTEGER NOT NULL,
			data BLOB NOT NULL);`,
	Indexes: `
		CREATE INDEX IF NOT EXISTS visits_open ON visits (kind, due, entered, key) WHERE left IS NULL;
		CREATE INDEX IF NOT EXISTS packs_last ON packs (last, first, until, stays);`,
}

// Buckets are the upper bounds of the duration histogram, smallest first; longer ones are in none of
// them. Changing them changes the schema.
var Buckets = [...]time.Duration{
	time.Second, 15 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 8 * time.Hour,
	24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 21 * 24 * time.Hour, 30 * 24 * time.Hour,
}

func bucketColumns() string {
	var b strings.Builder
	for i := range Buckets {
		b.WriteString(", b" + strconv.Itoa(i) + " INTEGER NOT NULL")
	}
	return b.String()
}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct {
	*projections.File
	full  fullPacks
	batch *batch // used by Apply only
}

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{File: f, full: fullPacks{data: map[int64][]byte{}}, batch: newBatch()}, nil
}

// Whole stands, instead of the number of a step, for the service as a whole. A refusal after the
// registration ends it as the license does, whatever the stage.
const Whole = 0

// soon is how long before it is due an open visit is due soon.
const soon = 24 * time.Hour

// Outcome is how a visit stands to its deadline.
type Outcome string

// The outcomes. A visit left at the very instant it was due is on time; one still open then is not yet
// overdue. One that had no deadline to keep is neither on time nor late, though it took its time. One
// that a withdrawal cut short says nothing about how long the step takes: its duration counts nowhere.
const (
	OnTime    Outcome = "on_time"   // left in time
	Late      Outcome = "late"      // left after it was due
	Abandoned Outcome = "abandoned" // left because the application was withdrawn
	Untimed   Outcome = "untimed"   // left, and it was never due
	Waiting   Outcome = "open"      // not left, and not yet due
	DueSoon   Outcome = "due_soon"  // those of the open ones that are due within a day; in a Filter only
	Overdue   Outcome = "overdue"   // not left, and due before now
)

// Withdrawn is the branch of a visit that ended because the application was withdrawn.
const Withdrawn = "withdrawn"

// Visit is one time that an application was in a step.
type Visit struct {
	Application string
	Number      string // the request's, empty until it is registered
	Service     string
	Channel     string
	Licensor    string
	Request     string
	Step        int
	// Action is the step's, empty for a step that was only passed through.
	Action  string
	Nth     int // which visit of the step this is, from 1; set by Visits only
	Entered time.Time
	Due     time.Time // zero for none
	// Calendar is the version of the calendar that Due was counted with, empty for terms in seconds.
	Calendar string
	Left     time.Time // zero while open
	// Branch is the way taken out of the step, such as "approved", or Withdrawn.
	Branch string
	// Role and Organization are of whoever made the application leave the step.
	Role         string
	Organization string
	Outcome      Outcome // at the instant asked for
	DueSoon      bool    // Waiting, and due within a day
	// Over is by how much the deadline was missed, or is by now; zero where it was not.
	Over time.Duration
}
