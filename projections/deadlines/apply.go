package deadlines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections"
)

// kind is what a visit is counted by.
type kind struct {
	service, channel, licensor, request string
	step                                int
	action, calendar                    string
}

// exit is how a visit ended: the branch taken, and the role and organization of who took it.
type exit struct{ branch, role, org string }

// entry is an application on its way through its steps.
type entry struct {
	id     string
	row    int64 // 0 for one that was not opened
	kind   kind  // but for step and action
	visits int64 // of steps: how many there are
	// The request's number, and when it was given.
	number     string
	registered time.Time
	fresh      bool // not in the file yet
	open       *visit
	whole      *visit // of the service as a whole, while that is open
}

// visit is a row of visits.
type visit struct {
	key           int64
	kind          int64
	step          int
	entered       time.Time
	due           time.Time
	left          time.Time
	exit          int64 // its number, 0 while open
	abandoned     bool
	fresh, queued bool // not in the file yet; among the changes
}

// versionBits of a visit's key are its place; place 0 is the service as a whole.
const versionBits = 16

// batch is what is not in the file yet, and what is known of what is.
type batch struct {
	conn    *sqlite.Conn
	kinds   map[kind]int64
	exits   map[exit]int64
	tails   map[int64]*pack                 // by kind
	entries projections.Rows[string, entry] // by application
	rows    projections.Sequence            // of entries
	changed []*visit
	packs   []*pack // that changed
	tallies map[int64]*tally
}

func newBatch() *batch {
	return &batch{
		kinds: map[kind]int64{}, exits: map[exit]int64{}, tails: map[int64]*pack{}, tallies: map[int64]*tally{},
		entries: projections.Rows[string, entry]{Find: findEntry, Store: storeEntry, Over: over},
		rows:    projections.Sequence{Last: "SELECT max(row) FROM applications"},
	}
}

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	return m.Update(ctx, commits, m.batch.record, m.batch)
}

func (b *batch) record(conn *sqlite.Conn, r domain.Record) error {
	if r.Stream.Category != domain.ApplicationCategory {
		return nil
	}
	b.conn = conn
	p, err := projections.Payload(r)
	if err != nil {
		return err
	}
	way := application.Way(p)
	if _, registers := p.(application.Registered); r.Version > 1 && !way.Moves() && !registers {
		return nil
	}
	e, err := b.entries.EditOf(conn, r.Stream.ID, r)
	if err != nil {
		return err
	}
	if o, opens := p.(application.Opened); opens {
		return b.opened(e, r, o)
	}
	if e.row == 0 {
		return fmt.Errorf("an application begins with being opened: %w", domain.ErrDamaged)
	}
	if err := b.move(e, r, way); err != nil {
		return err
	}
	return b.serve(e, r, p, way)
}

// serve follows the service as a whole: it begins when the request is registered, is due when the step
// is that then forms the result, and is over when the procedure ends.
func (b *batch) serve(e *entry, r domain.Record, event domain.Payload, p application.Progress) error {
	if registered, ok := event.(application.Registered); ok {
		if !e.registered.IsZero() {
			return fmt.Errorf("an application is registered once: %w", domain.ErrDamaged)
		}
		e.number, e.registered = registered.Number, r.Time
		entered := application.Entered{Step: Whole}
		if n := p.Enters; n != nil && (n.Action == regulation.IssueResult || n.Action == regulation.IssueOrRefuse) {
			entered.Due, entered.Calendar = n.Due, n.Calendar
		}
		var err error
		e.whole, err = b.begin(e, e.row<<versionBits, entered, r.Time)
		return err
	}
	if e.whole == nil || !p.Ends {
		return nil
	}
	v := e.whole
	e.whole = nil
	if _, completed := event.(application.Completed); completed {
		p.Outcome = regulation.Approved
	}
	return b.leave(v, r, branch(r, p, false))
}

func (b *batch) opened(e *entry, r domain.Record, o application.Opened) (err error) {
	if e.row != 0 {
		return fmt.Errorf("an application is opened once: %w", domain.ErrDamaged)
	}
	if e.row, err = b.rows.Next(b.conn); err != nil {
		return err
	}
	e.id, e.fresh = r.Stream.ID, true
	e.kind = kind{service: o.Service, channel: string(o.Channel), licensor: o.Licensor, request: string(o.Request)}
	if len(o.Completes) > 0 { // whoever opened it had been let in: the first step begins and ends here
		if e.open, err = b.enter(e, application.Entered{Step: o.Completes[0], Action: regulation.Authorize}, r.Time); err != nil {
			return err
		}
	}
	return b.move(e, r, o.Progress)
}

func findEntry(conn *sqlite.Conn, id string, e *entry) error {
	err := projections.Query(conn, "SELECT row, service, channel, licensor, request, visits, number, registered FROM applications WHERE id = ?", func(s *sqlite.Stmt) error {
		e.id, e.row, e.visits, e.number, e.registered = id, s.ColumnInt64(0), s.ColumnInt64(5), s.ColumnText(6), projections.Time(s, 7)
		e.kind = kind{service: s.ColumnText(1), channel: s.ColumnText(2), licensor: s.ColumnText(3), request: s.ColumnText(4)}
		return nil
	}, id)
	if err != nil || e.row == 0 {
		return err
	}
	return projections.Query(conn, `SELECT v.key, v.kind, k.step, v.entered, v.due FROM visits v JOIN kinds k USING (kind)
		WHERE v.key IN (?, ?) AND v.left IS NULL`, func(s *sqlite.Stmt) error {
		v := &visit{key: s.ColumnInt64(0), kind: s.ColumnInt64(1), step: s.ColumnInt(2),
			entered: projections.Time(s, 3), due: projections.Time(s, 4)}
		if v.step == Whole {
			e.whole = v
		} else {
			e.open = v
		}
		return nil
	}, e.row<<versionBits, e.row<<versionBits|e.visits)
}

// over reports whether nothing is open.
func over(e *entry) bool { return e.open == nil && e.whole == nil }

func storeEntry(conn *sqlite.Conn, e *entry) error {
	if e.fresh {
		e.fresh = false
		return projections.Exec(conn, "INSERT INTO applications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", e.row, e.id,
			e.kind.service, e.kind.channel, e.kind.licensor, e.kind.request, e.visits, e.number, e.registered)
	}
	return projections.Exec(conn, "UPDATE applications SET visits = ?, number = ?, registered = ? WHERE row = ?",
		e.visits, e.number, e.registered, e.row)
}

// move follows an event's progress: it closes the open visit when the event completes its step, moves
// on or ends; passes through the other steps that are completed; and opens the visit of the step that
// is entered.
func (b *batch) move(e *entry, r domain.Record, p application.Progress) error {
	passed := p.Completes
	if v := e.open; v != nil {
		done := slices.Index(p.Completes, v.step)
		if done >= 0 {
			passed = slices.Delete(slices.Clone(p.Completes), done, done+1)
		}
		if done >= 0 || p.Ends || p.Enters != nil {
			if err := b.leave(v, r, branch(r, p, done >= 0)); err != nil {
				return err
			}
			e.open = nil
		}
	}
	for _, step := range passed {
		v, err := b.enter(e, application.Entered{Step: step}, r.Time)
		if err != nil {
			return err
		}
		if err := b.leave(v, r, branch(r, p, true)); err != nil {
			return err
		}
	}
	if p.Enters == nil {
		return nil
	}
	v, err := b.enter(e, *p.Enters, r.Time)
	e.open = v
	return err
}

// branch is the way out of a step that the event completes or, where it does not, leaves unfinished.
func branch(r domain.Record, p application.Progress, completed bool) string {
	if !completed && r.Type == "application-withdrawn" {
		return Withdrawn
	}
	return string(p.Outcome)
}

func (b *batch) enter(e *entry, entered application.Entered, at time.Time) (*visit, error) {
	e.visits++
	if e.visits >= 1<<versionBits {
		return nil, fmt.Errorf("application with %d visits of steps: %w", e.visits, domain.ErrDamaged)
	}
	return b.begin(e, e.row<<versionBits|e.visits, entered, at)
}

func (b *batch) begin(e *entry, key int64, entered application.Entered, at time.Time) (*visit, error) {
	k := e.kind
	k.step, k.action, k.calendar = entered.Step, string(entered.Action), entered.Calendar
	id, err := b.kindID(k)
	if err != nil {
		return nil, err
	}
	v := &visit{key: key, kind: id, step: entered.Step, entered: at, fresh: true}
	if entered.Due != nil {
		v.due = *entered.Due
	}
	b.queue(v)
	return v, nil
}

func (b *batch) leave(v *visit, r domain.Record, branch string) error {
	id, err := b.exitID(exit{branch, string(r.Actor.Role), r.Actor.Organization})
	if err != nil {
		return err
	}
	v.left, v.exit, v.abandoned = r.Time, id, branch == Withdrawn
	b.queue(v)
	p, err := b.tail(v.kind)
	if err != nil {
		return err
	}
	p.add(v.stay())
	t, ok := b.tallies[v.kind]
	if !ok {
		t = &tally{}
		b.tallies[v.kind] = t
	}
	t.add(v.stay())
	return nil
}

func (v *visit) stay() stay {
	return stay{v.key, micros(v.entered), micros(v.left), micros(v.due), v.abandoned}
}

func (b *batch) queue(v *visit) {
	if !v.queued {
		v.queued = true
		b.changed = append(b.changed, v)
	}
}

func (b *batch) kindID(k kind) (int64, error) {
	if id, ok := b.kinds[k]; ok {
		return id, nil
	}
	return number(b.conn, b.kinds, k, "INSERT OR IGNORE INTO kinds VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
		`SELECT kind FROM kinds WHERE service = ? AND channel = ? AND licensor = ? AND request = ? AND step = ? AND action = ? AND calendar = ?`,
		k.service, k.channel, k.licensor, k.request, k.step, k.action, k.calendar)
}

func (b *batch) exitID(e exit) (int64, error) {
	if id, ok := b.exits[e]; ok {
		return id, nil
	}
	return number(b.conn, b.exits, e, "INSERT OR IGNORE INTO exits VALUES (NULL, ?, ?, ?)",
		`SELECT exit FROM exits WHERE branch = ? AND role = ? AND org = ?`, e.branch, e.role, e.org)
}

// number is the row of something of which there are few, and which is not known; it is inserted where it is missing.
func number[K comparable](conn *sqlite.Conn, known map[K]int64, key K, insert, find string, values ...any) (id int64, err error) {
	if err := projections.Exec(conn, insert, values...); err != nil {
		return 0, err
	}
	err = projections.Query(conn, find, func(s *sqlite.Stmt) error {
		id = s.ColumnInt64(0)
		return nil
	}, values...)
	known[key] = id
	return id, err
}

// Forget implements projections.Memory.
func (b *batch) Forget() { *b = *newBatch() }

// Flush implements projections.Memory.
func (b *batch) Flush(conn *sqlite.Conn) error {
	if err := b.entries.Flush(conn); err != nil {
		return err
	}
	if err := b.storeVisits(conn); err != nil {
		return err
	}
	for _, p := range b.packs {
		p.changed = false
		if err := p.store(conn); err != nil {
			return err
		}
	}
	for kind, t := range b.tallies {
		if err := t.store(conn, kind); err != nil {
			return err
		}
	}
	b.packs = nil
	clear(b.tallies)
	return nil
}

// storeVisits writes the visits that changed, those of an application together.
func (b *batch) storeVisits(conn *sqlite.Conn) error {
	slices.SortFunc(b.changed, func(v, w *visit) int { return cmp.Compare(v.key, w.key) })
	var fresh []*visit
	for _, v := range b.changed {
		if v.queued = false; v.fresh {
			v.fresh = false
			fresh = append(fresh, v)
			continue
		}
		if err := projections.Exec(conn, "UPDATE visits SET left = ?, exit = nullif(?, 0) WHERE key = ?", v.left, v.exit, v.key); err != nil {
			return err
		}
	}
	b.changed = nil
	return projections.Insert(conn, "INSERT INTO visits VALUES (?, ?, ?, ?, ?, nullif(?, 0))", len(fresh), func(stmt *sqlite.Stmt, i int) {
		v := fresh[i]
		stmt.BindInt64(1, v.key)
		stmt.BindInt64(2, v.kind)
		projections.BindTime(stmt, 3, v.entered)
		projections.BindTime(stmt, 4, v.due)
		projections.BindTime(stmt, 5, v.left)
		stmt.BindInt64(6, v.exit)
	})
}
