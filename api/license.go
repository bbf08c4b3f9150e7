package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/licenses"
)

func isNotFound(err error) bool { return errors.Is(err, domain.ErrNotFound) }

// cursorFault says which parameter was wrong where a list refused its cursor.
func cursorFault(cursor string, err error) error {
	if cursor != "" && errors.Is(err, domain.ErrInvalid) {
		return fail("cursor-invalid", err)
	}
	return err
}

// SearchInput is what the register is searched by; all that is given must hold.
type SearchInput struct {
	Number   string `query:"number" maxLength:"40" doc:"Number of a license or permit"`
	BIN      string `query:"bin" maxLength:"30" doc:"BIN of the holder"`
	IIN      string `query:"iin" maxLength:"30" doc:"IIN of the holder"`
	Q        string `query:"q" maxLength:"200" doc:"Words of the name or the activity; the last one may be a beginning"`
	Service  string `query:"service" maxLength:"100"`
	Licensor string `query:"licensor" maxLength:"100"`
	Status   string `query:"status" enum:"active,suspended,reissued,terminated,expired"`
	AsOf     string `query:"as_of" maxLength:"10" doc:"The day asked about; today where absent"`
	KnownAt  string `query:"known_at" maxLength:"40" doc:"As the register knew it then: an instant, or a day, which is its end"`
}

type licensesInput struct {
	SearchInput
	Cursor string `query:"cursor" maxLength:"200"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"20"`
}

// query makes the read model's query, with everything in it checked: what does not exist must not look
// like what has no licenses.
func (s *Server) query(in SearchInput) (licenses.Query, error) {
	q := licenses.Query{
		Text: in.Q, Service: in.Service, Licensor: in.Licensor, Status: license.Status(in.Status),
		Today: s.orToday(""),
	}
	var err error
	if q.ID, err = holder(in); err != nil {
		return q, err
	}
	if in.Number != "" {
		if q.Number, err = ident.Normalize(in.Number); err != nil {
			return q, at("query.number", err)
		}
	}
	if err := s.known(in.Service, in.Licensor); err != nil {
		return q, err
	}
	q.AsOf, q.KnownAt, err = moments(in.AsOf, in.KnownAt)
	return q, err
}

// holder is the one identifier that is searched by, empty where none is.
func holder(in SearchInput) (string, error) {
	if in.BIN != "" && in.IIN != "" {
		return "", unfit("one-identifier", field{location: "query.bin"}, field{location: "query.iin"})
	}
	text, kind := cmp.Or(in.BIN, in.IIN), ident.BIN
	if in.IIN != "" {
		kind = ident.IIN
	}
	if text == "" {
		return "", nil
	}
	id, err := ident.Parse(text)
	if err == nil && id.Kind() != kind {
		err = domain.Reject("identifier-other-kind", "the identifier is of the other kind", "kind", string(id.Kind()), "parameter", string(id.Kind()))
	}
	return id.String(), at("query."+string(kind), err)
}

// known refuses services and licensors that there never were.
func (s *Server) known(service, licensor string) error {
	switch catalog := s.cfg.Rules().Catalog; {
	case service != "" && !catalog.HasService(service):
		return at("query.service", domain.Reject("service-unknown", "no such service", "service", service))
	case licensor != "" && !catalog.HasLicensor(licensor):
		return at("query.licensor", domain.Reject("licensor-unknown", "no such licensor"))
	}
	return nil
}

// moments reads the two axes of as-of.
func moments(asOf, knownAt string) (string, time.Time, error) {
	if asOf != "" {
		if _, err := queryDay("as_of", asOf); err != nil {
			return "", time.Time{}, err
		}
	}
	known, err := projections.Instant(knownAt)
	if err != nil {
		return "", known, at("query.known_at", fail("day-invalid", err))
	}
	return asOf, known, nil
}

// queryDay reads a day among the parameters.
func queryDay(name, text string) (calendar.Day, error) {
	day, err := calendar.ParseDay(text)
	if err != nil {
		return "", at("query."+name, fail("day-invalid", err))
	}
	return day, nil
}

type licensesReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.Licenses
}

func (s *Server) searchLicenses(ctx context.Context, in *licensesInput) (*licensesReply, error) {
	q, err := s.query(in.SearchInput)
	if err != nil {
		return nil, err
	}
	q.Cursor, q.Limit = in.Cursor, in.Limit
	position := s.cfg.Licenses.Position()
	page, err := s.cfg.Licenses.Search(ctx, q)
	if err != nil {
		return nil, searchFault(q, err)
	}
	out := &licensesReply{Position: positionText(position), Body: v1.Licenses{Items: []v1.License{}, Next: page.Next}}
	for _, l := range page.Licenses {
		out.Body.Items = append(out.Body.Items, wireLicense(l, visitOf(ctx).caller))
	}
	return out, s.accessedLicenses(ctx, page.Licenses...)
}

// searchFault says which parameter a search was refused for.
func searchFault(q licenses.Query, err error) error {
	if errors.Is(err, domain.ErrInvalid) && q.Cursor == "" && q.Text != "" {
		return unfit("parameter-invalid", field{location: "query.q", key: "field.words"})
	}
	return cursorFault(q.Cursor, err)
}

// accessedLicenses is accessed for those of which the caller sees what the public does not.
func (s *Server) accessedLicenses(ctx context.Context, list ...licenses.License) error {
	var shown []subject
	for _, l := range list {
		if visitOf(ctx).caller.knows(l.Licensor, l.Licensee.ID) {
			shown = append(shown, subject{"license", l.Number, l.Licensee.ID})
		}
	}
	return s.accessed(ctx, shown...)
}

// ByNumber names a license.
type ByNumber struct {
	Number string `path:"number" maxLength:"40" doc:"Number of the license or permit; small letters, spaces and hyphens will do"`
}

// number is the number in the path as it is written on the license.
func (n ByNumber) number() (string, error) {
	number, err := ident.Normalize(n.Number)
	return number, at("path.number", err)
}

type licenseInput struct {
	ByNumber
	AsOf    string `query:"as_of" maxLength:"10" doc:"The day asked about; today where absent"`
	KnownAt string `query:"known_at" maxLength:"40" doc:"As the register knew it then: an instant, or a day, which is its end"`
}

type licenseReply struct {
	Status   int
	ETag     string `header:"ETag" doc:"The version, for If-Match"`
	Position string `header:"Tizilim-Position" doc:"Where this can be seen; send it with a read to wait for it"`
	Body     v1.License
}

func (s *Server) getLicense(ctx context.Context, in *licenseInput) (*licenseReply, error) {
	asOf, known, err := moments(in.AsOf, in.KnownAt)
	if err != nil {
		return nil, err
	}
	number, err := in.number()
	if err != nil {
		return nil, err
	}
	position := s.cfg.Licenses.Position()
	var l licenses.License
	if asOf == "" && known.IsZero() {
		l, err = s.present(ctx, number)
	} else {
		l, err = s.cfg.Licenses.AsOf(ctx, number, s.orToday(asOf), known)
	}
	if err != nil {
		return nil, err
	}
	if err := s.accessedLicenses(ctx, l); err != nil {
		return nil, err
	}
	body := wireLicense(l, visitOf(ctx).caller)
	body.Waiting = s.wireWaiting(visitOf(ctx), l.State)
	return &licenseReply{Status: http.StatusOK, ETag: etag(l.Version), Position: positionText(position), Body: body}, nil
}

// present is the license with all that is recorded of it, also what is in effect from a later day, and
// its status today. Its version is the one that the next change has to name. While the log does not answer, it
// is what this node's register has: whoever looks a license up is not to wait for a change to be possible.
func (s *Server) present(ctx context.Context, number string) (licenses.License, error) {
	bounded, cancel := context.WithTimeout(ctx, presentPatience)
	defer cancel()
	state, err := s.loadLicense(bounded, number)
	day := s.orToday("")
	if errors.Is(err, domain.ErrUnavailable) && ctx.Err() == nil {
		return s.cfg.Licenses.AsOf(ctx, number, day, time.Time{})
	}
	return licenses.License{State: state, Status: state.On(day), Day: day}, err
}

// presentPatience is how long the log may take to show a license.
const presentPatience = 3 * time.Second

// loadLicense is the license as its events say now.
func (s *Server) loadLicense(ctx context.Context, number string) (license.State, error) {
	stream, err := domain.NewStream(domain.LicenseCategory, number)
	if err != nil {
		return license.State{}, fmt.Errorf("license number: %w", domain.ErrNotFound)
	}
	return domain.Load(ctx, s.cfg.Store, stream, license.Fold)
}

// changeable loads a license that the caller may change, or sign.
func (s *Server) changeable(ctx context.Context, in ByNumber) (license.State, error) {
	number, err := in.number()
	if err != nil {
		return license.State{}, err
	}
	state, err := s.loadLicense(ctx, number)
	if err == nil {
		err = visitOf(ctx).caller.mayChange(state)
	}
	if err == nil {
		err = s.accessedLicenses(ctx, licenses.License{State: state})
	}
	return state, err
}

// change gives a command to a license of the caller's licensor, and answers with the license.
func (s *Server) change(ctx context.Context, in ByNumber, command license.Command) (*licenseReply, error) {
	state, err := s.changeable(ctx, in)
	if err != nil {
		return nil, err
	}
	number := state.Number
	stream := domain.Stream{Category: domain.LicenseCategory, ID: number}
	result, err := domain.Execute(ctx, s.cfg.Store, stream, s.meta(ctx, state.Act), license.Fold,
		func(state license.State) ([]domain.Payload, error) { return license.Decide(state, command) })
	if err != nil {
		return nil, err
	}
	// At this point the events are durable: nothing below may refuse.
	if s.seen(ctx, result.Position, "") {
		reply, err := s.getLicense(ctx, &licenseInput{ByNumber: ByNumber{number}})
		if err == nil {
			return reply, nil
		}
		s.log.Warn("read a license after its write", "stream", stream.String(), "err", err)
	}
	return &licenseReply{
		Status: http.StatusAccepted, ETag: etag(result.Version), Position: positionText(result.Position),
		Body: v1.License{Number: number, Version: result.Version, Status: "being-recorded"},
	}, nil
}

type byNumberSuspend struct {
	ByNumber
	Body v1.Suspend
}

func (s *Server) suspend(ctx context.Context, in *byNumberSuspend) (*licenseReply, error) {
	b := in.Body
	return s.change(ctx, in.ByNumber, license.Suspend{At: s.now(ctx), From: b.From, Until: b.Until, Reason: b.Reason, Order: b.Order})
}

type byNumberResume struct {
	ByNumber
	Body v1.Resume
}

func (s *Server) resume(ctx context.Context, in *byNumberResume) (*licenseReply, error) {
	b := in.Body
	return s.change(ctx, in.ByNumber, license.Resume{At: s.now(ctx), On: s.orToday(b.On), Reason: b.Reason, Order: b.Order})
}

type byNumberTerminate struct {
	ByNumber
	Body v1.Terminate
}

func (s *Server) terminate(ctx context.Context, in *byNumberTerminate) (*licenseReply, error) {
	b := in.Body
	return s.change(ctx, in.ByNumber, license.Terminate{
		At: s.now(ctx), On: s.orToday(b.On), Ground: license.TerminationGround(b.Ground), Text: b.Text, Order: b.Order,
	})
}

// orToday is the day, today where none is given.
func (s *Server) orToday(day string) string {
	if day == "" {
		return string(calendar.DayOf(s.cfg.Now()))
	}
	return day
}

type byNumberSite struct {
	ByNumber
	Body v1.NewSite
}

// addSite enters a site. Its id derives from the command, so a repetition is the same site.
func (s *Server) addSite(ctx context.Context, in *byNumberSite) (*licenseReply, error) {
	id := uuid.NewSHA1(visitOf(ctx).write.command, []byte("site")).String()
	return s.change(ctx, in.ByNumber, license.AddSite{At: s.now(ctx), Site: license.Site{
		ID: id, Kind: in.Body.Kind, Name: in.Body.Name, Address: in.Body.Address,
	}})
}

type byNumberAndSite struct {
	ByNumber
	ID     string `path:"id" maxLength:"100" doc:"Id of the site"`
	Reason string `query:"reason" maxLength:"1000" doc:"Why the site is taken off"`
}

func (s *Server) removeSite(ctx context.Context, in *byNumberAndSite) (*licenseReply, error) {
	return s.change(ctx, in.ByNumber, license.RemoveSite{At: s.now(ctx), ID: in.ID, Reason: in.Reason})
}

// wireLicense is the license as the caller may see it.
func wireLicense(l licenses.License, c caller) v1.License {
	knows := c.knows(l.Licensor, l.Licensee.ID)
	out := v1.License{
		Number: l.Number, Version: l.Version, Status: string(l.Status), Kind: l.Kind, Service: l.Service,
		Activity: v1.Text(l.Activity), Subactivities: l.Subactivities,
		Licensor: &v1.Licensor{Slug: l.Licensor, Title: v1.Text(l.LicensorTitle)},
		Licensee: wireLicensee(l.Licensee, knows),
		IssuedOn: l.IssuedOn, FirstIssuedOn: l.FirstIssuedOn, ValidUntil: l.ValidUntil,
		Copies: l.Copies, Predecessor: l.Predecessor, Successor: l.Successor,
	}
	for _, site := range l.Sites {
		out.Sites = append(out.Sites, v1.Site(site))
	}
	if p := l.Stopped(); p != nil {
		out.Suspension = &v1.Suspension{From: p.From, Until: p.Until, Reason: p.Reason, Order: p.Order}
	}
	if g := l.Signed; g != nil {
		out.Signature = &v1.LicenseSignature{On: g.On}
		if knows { // the person who signed is not public
			out.Signature.Signatory = g.Signatory
		}
	}
	if e := l.End; e != nil {
		out.Termination = &v1.Termination{On: e.On, Ground: string(e.Ground), Text: e.Text, Order: e.Order}
	}
	if knows {
		out.Application = l.Issued.Application
	}
	return out
}

// wireLicensee shows the holder; of a natural person only staff and the person see everything.
func wireLicensee(l license.Licensee, knows bool) *v1.Licensee {
	masked, kind := ident.Masked(l.ID)
	out := &v1.Licensee{ID: l.ID, Kind: string(kind), Name: l.Name, Address: l.Address}
	if kind == ident.IIN && !knows {
		out.ID, out.Address = masked, ""
	}
	return out
}
