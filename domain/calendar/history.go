package calendar

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
)

//go:embed versions/*.yaml
var versions embed.FS

// embedded is read once: it cannot change while the process runs.
var embedded = sync.OnceValues(func() (*History, error) { return openWith(nil) })

// Load is the newest version of the calendar.
func Load() (*Calendar, error) {
	h, err := embedded()
	if err != nil {
		return nil, err
	}
	return h.Newest(), nil
}

// LoadVersion is the calendar as it was in the version: what a stored due time was counted with.
// ErrNotFound for a version that never was.
func LoadVersion(version string) (*Calendar, error) {
	h, err := embedded()
	if err != nil {
		return nil, err
	}
	return h.Version(version)
}

// LoadAt is the version that was the newest at the instant: what a registry at that time counted with.
// ErrNotFound before the first one.
func LoadAt(t time.Time) (*Calendar, error) {
	h, err := embedded()
	if err != nil {
		return nil, err
	}
	return h.At(t)
}

// Versions lists the versions, oldest first.
func Versions() ([]string, error) {
	h, err := embedded()
	if err != nil {
		return nil, err
	}
	return h.Versions(), nil
}

// History is every version of the calendar: what was known of the days, and since when. It does not
// change once opened.
type History struct {
	calendars []*Calendar // oldest first
}

// Open reads the embedded versions and those of the further file systems, and checks them all. A
// further version follows the newest one, so that an operator can bring a moved day or a new year
// without a new build. What is wrong is a *Problem with file, line and reason; several are joined, and
// there is no History then: whoever holds one already keeps it.
func Open(extra ...fs.FS) (*History, error) {
	if len(extra) == 0 {
		return embedded()
	}
	return openWith(extra)
}

func openWith(extra []fs.FS) (*History, error) {
	own, err := fs.Sub(versions, "versions")
	if err != nil {
		return nil, fmt.Errorf("embedded calendars: %w", err)
	}
	return openFS(append([]fs.FS{own}, extra...)...)
}

func openFS(fsys ...fs.FS) (*History, error) {
	var sources []*source
	for _, f := range fsys {
		more, err := readAll(f)
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("read calendars: no .yaml file: %w", domain.ErrInvalid)
	}
	sources, err := chain(sources)
	if err != nil {
		return nil, err
	}
	h := &History{}
	k := &known{acts: map[string]*Act{}, names: map[string]Text{}, withdrawn: map[int]*Withdrawal{}}
	for _, src := range sources {
		c, err := k.learn(src)
		if err != nil {
			return nil, err
		}
		h.calendars = append(h.calendars, c)
	}
	return h, nil
}

// chain puts the versions in order: one first version, and each further one follows the one before.
func chain(sources []*source) ([]*source, error) {
	var problems []error
	after := map[string]*source{}
	for _, src := range sources {
		if other := after[src.file.Follows]; other != nil && other.file.Version == src.file.Version {
			problems = append(problems, src.problem(src.lines["version"], "version %q is there already; a released version is never replaced", src.file.Version))
		} else if other != nil {
			problems = append(problems, src.problem(src.lines["follows"], "follows %q, and so does %s", src.file.Follows, other.name))
		}
		after[src.file.Follows] = src
	}
	var ordered []*source
	for src := after[""]; src != nil && len(ordered) < len(sources); src = after[src.file.Version] {
		ordered = append(ordered, src)
	}
	for _, src := range sources {
		if len(problems) == 0 && !slices.Contains(ordered, src) {
			problems = append(problems, src.problem(src.lines["follows"], "follows %q, which is not there", src.file.Follows))
		}
	}
	return ordered, errors.Join(problems...)
}

// Newest is the version of the latest knowledge.
func (h *History) Newest() *Calendar { return h.calendars[len(h.calendars)-1] }

// Known is the version to count a term with that begins at the instant: the newest one that was known by
// then, and before the first one that.
func (h *History) Known(t time.Time) *Calendar {
	c, err := h.At(t)
	if err != nil {
		return h.calendars[0]
	}
	return c
}

// Versions lists the versions, oldest first.
func (h *History) Versions() []string {
	all := make([]string, len(h.calendars))
	for i, c := range h.calendars {
		all[i] = c.version
	}
	return all
}

// Version is the one version; ErrNotFound for one that never was.
func (h *History) Version(version string) (*Calendar, error) {
	for _, c := range h.calendars {
		if c.version == version {
			return c, nil
		}
	}
	return nil, fmt.Errorf("calendar %q: %w", version, domain.ErrNotFound)
}

// At is the version that was the newest at the instant: a version counts from the beginning of the day
// on which it became known. ErrNotFound before the first one.
func (h *History) At(t time.Time) (*Calendar, error) {
	on := DayOf(t)
	for _, c := range slices.Backward(h.calendars) {
		if c.recorded <= on {
			return c, nil
		}
	}
	return nil, fmt.Errorf("a calendar that was known on %s: %w", on, domain.ErrNotFound)
}

// Change is a day that two versions see differently.
type Change struct {
	Day      Day
	From, To Reason
}

// Changes lists the days, of the years that both versions cover, that are worked in one and not in the
// other, or not worked for another reason, in order.
func Changes(from, to *Calendar) []Change {
	var changes []Change
	begin := max(from.origin, to.origin)
	end := min(from.origin+len(from.days), to.origin+len(to.days))
	for n := begin; n < end; n++ {
		a, b := &from.reasons[from.days[n-from.origin]], &to.reasons[to.days[n-to.origin]]
		if a.Kind != b.Kind || a.Of != b.Of {
			changes = append(changes, Change{Day: dayOf(n), From: *a, To: *b})
		}
	}
	return changes
}
