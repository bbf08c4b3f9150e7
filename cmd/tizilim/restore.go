package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/loss"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/tree"
)

// restoreCmd goes on with a log that lost something.
type restoreCmd struct {
	AcceptLoss bool   `env:"-" help:"Declare that what is missing is lost, and go on without it. The declaration becomes an event."`
	Reason     string `env:"-" placeholder:"TEXT" help:"What happened. It is told in the event, to everybody and for good: name no persons."`
	storeFlag
}

// Help says what can be accepted.
func (restoreCmd) Help() string {
	return `After an old copy of the log was put back, or its end was lost, the server refuses to start: the Merkle tree in the
data folder knows events that are not there. Without --accept-loss this command says which, and changes nothing. With it
the log goes on where it ends: the event "loss-accepted" says how many events were lost, the tree is cut, and the
read models are removed, to be built anew at the next start. Numbers of licenses and applications that were given in what is
lost will be given again.
Where the tree itself is gone or damaged, it is made anew from the log, and the event says so, unless what can still be read of it
proves that nothing was lost.
A log that was changed, has a hole, or is gone from the NATS servers cannot be accepted: put a sound copy of it in its place first.`
}

// Run examines, and with --accept-loss declares.
func (c restoreCmd) Run(ctx context.Context, out io.Writer) (err error) {
	if c.AcceptLoss && c.Reason == "" {
		return fmt.Errorf("--accept-loss wants to know the --reason: %w", domain.ErrInvalid)
	}
	log, err := openStopped(ctx, c.lockExisting)
	var ended error
	if c.AcceptLoss && errors.Is(err, domain.ErrDamaged) { // it ends before a position that was durable, or does not open at all
		ended = err
		log, err = openStopped(ctx, c.lockDamaged)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	r := restoration{restoreCmd: c, folder: log.folder, store: log.store, ended: ended, out: out, now: time.Now}
	return r.run(ctx)
}

// lockDamaged is lockExisting for a log that is to be opened although its end is lost.
func (c restoreCmd) lockDamaged() (*folder, error) {
	f, err := c.lockExisting()
	if err == nil {
		f.acceptLoss = true
	}
	return f, err
}

// eventLog is an event store with its sequence.
type eventLog interface {
	domain.EventStore
	domain.Log
}

// restoration is one run of restoreCmd. What a crash leaves of it is refused by the server as before, because
// the tree is brought into order last, and the next run goes on with it.
type restoration struct {
	restoreCmd
	folder *folder
	store  eventLog
	ended  error // what the store said of its end, where it was opened all the same
	out    io.Writer
	now    func() time.Time
}

func (r restoration) run(ctx context.Context) error {
	old, err := tree.Open(r.folder.tree())
	switch {
	case errors.Is(err, domain.ErrNotFound) && r.folder.shared() && !r.folder.hadTree():
		return fmt.Errorf("%s never had a Merkle tree; the server makes it of the log that it shares: %w", r.Data, domain.ErrConflict)
	case errors.Is(err, domain.ErrNotFound), errors.Is(err, domain.ErrDamaged):
		return r.withoutTree(ctx, err)
	case err != nil:
		return err
	}
	same, err := old.Compare(ctx, r.store, nil)
	d := (*tree.Difference)(nil)
	different := errors.As(err, &d) && !d.Tree
	var told loss.Accepted
	switch {
	case err == nil && r.ended != nil:
		err = r.acceptEnd(ctx, old)
	case err == nil:
		fmt.Fprintf(r.out, "%s: nothing is lost\n%s\n", r.Data, root(old))
		err = old.Close()
		if r.AcceptLoss {
			err = errors.Join(err, fmt.Errorf("there is no loss to accept: %w", domain.ErrConflict))
		}
	case different && (d.Missing() || declared(ctx, d.Found.Event, old, same, &told)):
		err = r.cut(ctx, old, same, told, d)
	case d != nil && d.Tree, errors.Is(err, domain.ErrDamaged) && d == nil:
		err = r.damagedTree(ctx, old, err)
	default:
		err = errors.Join(err, old.Close())
	}
	return err
}

// cut goes on with a log that ends before its tree, or was lost from there on as it tells itself.
func (r restoration) cut(ctx context.Context, old *tree.Tree, kept tree.Extent, told loss.Accepted, found error) (err error) {
	defer func() { err = errors.Join(err, old.Close()) }()
	had, hadRoot := old.Written()
	keptRoot, err := old.Root(ctx, kept.Events)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s: %d events are lost, the first of them is event %d, after position %d\nof the %s\nkept is the %s\n",
		r.Data, had.Events-kept.Events, kept.Events+1, kept.Position, rootText(had.Events, hadRoot), rootText(kept.Events, keptRoot))
	if !r.AcceptLoss {
		return found
	}
	if told.Had < had.Events { // otherwise the log tells it all already
		accepted := loss.Accepted{Kept: kept.Events, Root: keptRoot.String(), Had: had.Events, HadRoot: hadRoot.String(), Reason: r.Reason}
		if err := r.declare(ctx, accepted); err != nil {
			return err
		}
	}
	if err := r.accept(); err != nil {
		return err
	}
	return old.Cut(ctx, kept)
}

// acceptEnd declares the loss of events that were durable and that the tree did not have yet: only the store knew
// how far its log went.
func (r restoration) acceptEnd(ctx context.Context, old *tree.Tree) (err error) {
	defer func() { err = errors.Join(err, old.Close()) }()
	if err := grow(ctx, old, r.store); err != nil {
		return err
	}
	kept, keptRoot := old.Written()
	fmt.Fprintf(r.out, "%s: the end of the log is lost, which the Merkle tree did not have: %v\nkept is the %s\n", r.Data, r.ended, root(old))
	if err := r.declareEnd(ctx, kept, keptRoot); err != nil {
		return err
	}
	return r.accept()
}

// damagedTree makes the tree anew where only its file is damaged, and its root proves that the log is not.
func (r restoration) damagedTree(ctx context.Context, old *tree.Tree, cause error) (err error) {
	had, hadRoot := old.Written()
	if err := old.Close(); err != nil {
		return err
	}
	fresh, err := r.rebuild(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	defer func() { err = errors.Join(err, fresh.Close(), projections.RemoveFile(r.beside())) }() // gone already where it took the old one's place
	if now, _ := fresh.Written(); now.Events < had.Events {
		return fmt.Errorf("and the log ends before the tree does: %w", cause)
	}
	if now, err := fresh.Root(ctx, had.Events); err != nil || now != hadRoot {
		return errors.Join(fmt.Errorf("and the log does not give the tree's root: %w", cause), err)
	}
	fmt.Fprintf(r.out, "%s: the Merkle tree is damaged, but its root is that of the log: nothing is lost\n%s\n", r.Data, root(fresh))
	if !r.AcceptLoss {
		return cause
	}
	return r.replace(fresh)
}

// withoutTree makes a tree where there is none that could be read.
func (r restoration) withoutTree(ctx context.Context, cause error) (err error) {
	fresh, err := r.rebuild(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	defer func() { err = errors.Join(err, fresh.Close(), projections.RemoveFile(r.beside())) }() // gone already where it took the old one's place
	return r.acceptTree(ctx, fresh, cause)
}

func (r restoration) acceptTree(ctx context.Context, fresh *tree.Tree, cause error) error {
	fmt.Fprintf(r.out, "%s: the Merkle tree is lost; nothing tells whether the log is what was written\nas it is, it gives the %s\n", r.Data, root(fresh))
	if !r.AcceptLoss {
		return cause
	}
	kept, keptRoot := fresh.Written()
	if err := r.declareEnd(ctx, kept, keptRoot); err != nil {
		return err
	}
	if err := r.accept(); err != nil {
		return err
	}
	return r.replace(fresh)
}

// rebuild makes a tree of what the log has, beside the old one.
func (r restoration) rebuild(ctx context.Context) (*tree.Tree, error) {
	if err := projections.RemoveFile(r.beside()); err != nil { // of a run that was cut off
		return nil, err
	}
	fresh, err := tree.Create(r.beside())
	if err != nil {
		return nil, err
	}
	if err := grow(ctx, fresh, r.store); err != nil {
		return nil, errors.Join(err, fresh.Close())
	}
	return fresh, nil
}

func (r restoration) beside() string { return r.folder.tree() + ".rebuilt" }

func (r restoration) replace(fresh *tree.Tree) error {
	if err := fresh.Close(); err != nil {
		return err
	}
	return tree.Replace(r.beside(), r.folder.tree())
}

// declareEnd puts into the log that nobody knows what was behind it, unless a run that was cut off has done so:
// nothing is behind that.
func (r restoration) declareEnd(ctx context.Context, kept tree.Extent, root tlog.Hash) error {
	told, err := r.lastLoss(ctx)
	if err != nil || told.Had == 0 && told.Kept == kept.Events-1 {
		return err
	}
	return r.declare(ctx, loss.Accepted{Kept: kept.Events, Root: root.String(), Reason: r.Reason})
}

// declare puts the loss into the log, once.
func (r restoration) declare(ctx context.Context, accepted loss.Accepted) error {
	meta := domain.Meta{
		Command: lossID(accepted), Time: r.now(), Actor: domain.Actor{ID: console(), Role: domain.RoleAdmin},
	}
	_, err := domain.Execute(ctx, r.store, loss.Stream, meta,
		func(*struct{}, domain.Record) error { return nil },
		func(struct{}) ([]domain.Payload, error) { return []domain.Payload{accepted}, nil })
	if err != nil {
		return fmt.Errorf("declare the loss: %w", err)
	}
	return nil
}

// lastLoss is what the log tells of the latest loss; Kept is -1 where it tells of none.
func (r restoration) lastLoss(ctx context.Context) (loss.Accepted, error) {
	last := loss.Accepted{Kept: -1}
	for rec, err := range r.store.Read(ctx, loss.Stream, 1) {
		if err != nil {
			return last, fmt.Errorf("read what was declared lost: %w", err)
		}
		p, err := loss.Decode(rec.Event)
		if err != nil {
			return last, err
		}
		last = p.(loss.Accepted)
	}
	return last, nil
}

// accept removes what was built from events that are lost, once that is declared: a read model could otherwise
// stand at a position that another event has by now. Then the store takes the log's end for its end.
func (r restoration) accept() error {
	err := os.RemoveAll(r.folder.read())
	if store, ok := r.store.(interface{ AcceptEnd() error }); ok && err == nil && r.ended != nil {
		err = store.AcceptEnd()
	}
	return err
}

// losses names the declarations of losses among the name-based UUIDs.
var losses = uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:tizilim:loss-accepted"))

// lossID is the command of declaring the loss: the same for the same loss, so that it is declared once.
func lossID(l loss.Accepted) uuid.UUID {
	return uuid.NewSHA1(losses, fmt.Append(nil, l.Kept, " ", l.Root, " ", l.Had, " ", l.HadRoot))
}

// declared says whether the event, which the log has behind what is the same as in the tree, declares that
// the log was lost from there on: a run was cut off before it cut the tree, or another node's tree was cut.
func declared(ctx context.Context, e domain.Event, old *tree.Tree, kept tree.Extent, told *loss.Accepted) bool {
	p, err := loss.Decode(e)
	if err != nil {
		return false
	}
	l, ok := p.(loss.Accepted)
	root, err := old.Root(ctx, kept.Events)
	if !ok || err != nil || l.Kept != kept.Events || l.Root != root.String() {
		return false
	}
	*told = l
	return true
}
