package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/goccy/go-yaml"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/regulation"
)

// rulesFlags say where the rules come from besides what is embedded.
type rulesFlags struct {
	regulationsFlag
	Calendars     string `placeholder:"DIR" type:"existingdir" help:"Folder with further versions of the calendar (*.yaml), which follow the newest one."`
	Policies      string `placeholder:"FILE" type:"existingfile" help:"File with the licensors' office hours, and on which day they register what comes in after them."`
	Organizations string `placeholder:"FILE" type:"existingfile" help:"File with the BINs that certificates of the licensors' and service centers' people have to name, and the licensors that want four eyes on a decision."`
	Fees          string `placeholder:"FILE" type:"existingfile" help:"File with state fees, which goes over the embedded table: rates, monthly calculation indices, shares by kind of request."`
	Terms         string `placeholder:"FILE" type:"existingfile" help:"File with the terms that licensors set, each with its legal basis, for steps to which the act gives none."`
}

// organizations is the file of --organizations.
type organizations struct {
	Licensors map[string]organization `yaml:"licensors"`
	Centers   map[string]organization `yaml:"centers"`
}

type organization struct {
	BIN      string `yaml:"bin"`
	FourEyes bool   `yaml:"four_eyes"`
}

// readOrganizations reads what holds for the signatures of the licensors' and service centers' people.
func readOrganizations(file string, known func(licensor string) bool) (map[string]application.Signing, error) {
	all := map[string]application.Signing{}
	if file == "" {
		return all, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var o organizations
	if err := yaml.UnmarshalWithOptions(text, &o, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for slug := range o.Licensors {
		if !known(slug) {
			return nil, fmt.Errorf("%s: no act knows a licensor %q: %w", file, slug, domain.ErrInvalid)
		}
	}
	for slug, c := range o.Centers {
		if c.FourEyes || known(slug) {
			return nil, fmt.Errorf("%s: %q under centers: a licensor, or four_eyes, which is of decisions: %w", file, slug, domain.ErrInvalid)
		}
	}
	for _, list := range []map[string]organization{o.Licensors, o.Centers} {
		for slug, one := range list {
			id, err := ident.Parse(one.BIN)
			if one.BIN != "" && (err != nil || id.Kind() != ident.BIN) {
				return nil, fmt.Errorf("%s: the bin of %q is none: %w", file, slug, domain.ErrInvalid)
			}
			all[slug] = application.Signing{BIN: one.BIN, FourEyes: one.FourEyes}
		}
	}
	return all, nil
}

// load reads and checks everything. What is wrong is told with file, line and reason.
func (f rulesFlags) load() (application.Rules, error) {
	catalog, err := f.regulationsFlag.load()
	if err != nil {
		return application.Rules{}, err
	}
	r := application.Rules{Catalog: catalog}
	if r.Calendars, err = openCalendars(f.Calendars); err != nil {
		return r, err
	}
	if r.Policies, err = readPolicies(f.Policies); err != nil {
		return r, err
	}
	if err := r.Policies.Check(catalog.HasLicensor); err != nil {
		return r, err
	}
	if r.Signing, err = readOrganizations(f.Organizations, catalog.HasLicensor); err != nil {
		return r, err
	}
	if f.Terms == "" {
		return r, nil
	}
	text, err := os.ReadFile(f.Terms)
	if err != nil {
		return r, err
	}
	r.Terms, err = regulation.ParseTerms(filepath.Base(f.Terms), text, catalog)
	return r, err
}

// openCalendars reads the embedded versions of the calendar and those of the folder, where there is one.
func openCalendars(dir string) (*calendar.History, error) {
	var further []fs.FS
	if dir != "" {
		further = append(further, os.DirFS(dir))
	}
	h, err := calendar.Open(further...)
	if err != nil {
		return nil, fmt.Errorf("the calendars are not sound: %w", err)
	}
	return h, nil
}

// readPolicies reads a file of policies, nil without one.
func readPolicies(file string) (*calendar.Policies, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return calendar.ParsePolicies(filepath.Base(file), text)
}

// readFees reads the embedded table of fees, with the file over it where there is one.
func readFees(file string, known func(service string) bool) (*payment.Fees, error) {
	if file == "" {
		return payment.LoadFees()
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fees, err := payment.LoadFeesWith(text, known)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return fees, nil
}

// rulebook holds the rules of the moment. They can be read anew: what is sound takes the place of what was,
// what is not changes nothing.
type rulebook struct {
	flags   rulesFlags
	check   func(application.Rules) error  // what else has to hold; nil for nothing
	signing map[string]application.Signing // instead of a file's, in the demo
	kept    string                         // folder of the wordings in use; empty until keep
	hangup  chan os.Signal                 // nil where nobody listens
	current atomic.Pointer[application.Rules]
	table   atomic.Pointer[payment.Fees]
}

// openRules reads the rules for the first time.
func openRules(flags rulesFlags, check func(application.Rules) error) (*rulebook, error) {
	b := &rulebook{flags: flags, check: check}
	return b, b.read(slog.New(slog.DiscardHandler))
}

// onHangup has the rules read anew at a hangup signal, which ends the process otherwise. They are read
// once there is somebody to watch.
func (b *rulebook) onHangup() {
	b.hangup = make(chan os.Signal, 1)
	signal.Notify(b.hangup, syscall.SIGHUP)
}

// rules are those of the moment.
func (b *rulebook) rules() application.Rules { return *b.current.Load() }

// fees are those of the moment.
func (b *rulebook) fees() *payment.Fees { return b.table.Load() }

// keep keeps every wording that comes into use in the folder, from now on, and finds those that
// came before: an application stays on the wording that it was opened under.
func (b *rulebook) keep(dir string, logger *slog.Logger) error {
	b.kept = dir
	return keepActs(dir, b.rules().Catalog, logger)
}

func (b *rulebook) read(logger *slog.Logger) error {
	r, err := b.flags.load()
	if err != nil {
		return err
	}
	if b.signing != nil {
		r.Signing = b.signing
	}
	fees, err := readFees(b.flags.Fees, r.Catalog.Has)
	if err != nil {
		return err
	}
	if b.check != nil {
		if err := b.check(r); err != nil {
			return err
		}
	}
	if b.kept != "" {
		if err := keepActs(b.kept, r.Catalog, logger); err != nil {
			return err
		}
	}
	b.current.Store(&r)
	b.table.Store(fees)
	return nil
}

// keepActs writes down the acts in their present wording, and remembers the earlier ones. One that
// cannot be read keeps nobody from working but the applications that are on it, so it is only told.
func keepActs(dir string, c *regulation.Catalog, logger *slog.Logger) error {
	for _, a := range c.Acts {
		file := filepath.Join(dir, a.KeptName())
		kept, err := os.ReadFile(file)
		switch {
		case err == nil && bytes.Equal(kept, a.Source):
			continue
		case err == nil: // while the act is here it can be mended
			logger.Warn("the kept wording of an act was damaged and is written anew", "file", file)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("kept act %s: %w", a.ID, err)
		}
		if err := disk.WriteFile(file, a.Source); err != nil {
			return fmt.Errorf("keep act %s: %w", a.ID, err)
		}
	}
	if err := c.Remember(os.DirFS(dir)); err != nil {
		logger.Error("an earlier wording of an act cannot be read; applications on it have to wait", "folder", dir, "error", err)
	}
	return nil
}

// watch reads the rules anew at every hangup signal until ctx ends, and tells how it went.
func (b *rulebook) watch(ctx context.Context, logger *slog.Logger, told func(error)) {
	defer signal.Stop(b.hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.hangup:
		}
		err := b.read(logger)
		told(err)
		if err != nil {
			logger.Error("the rules that were brought are not sound; what was in use stays", "error", err)
			continue
		}
		r := b.rules()
		logger.Info("acts, calendars, policies, organizations, terms and fees read anew", "acts", len(r.Catalog.Acts), "calendar", r.Calendars.Newest().Version(), "fees", b.fees().Version)
	}
}
