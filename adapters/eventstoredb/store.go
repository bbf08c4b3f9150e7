package eventstoredb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"

	"github.com/tizilim/tizilim/domain"
)

// Store is the event store on a server. It implements domain.EventStore and domain.Log.
type Store struct {
	nodes    *nodes
	only     string   // the address of the node that is asked, whoever leads; empty for the leader
	avoided  sync.Map // addresses of nodes whose copies are damaged
	registry string
	prefix   string // of the names of all streams
	deadline time.Duration
	patience time.Duration
	silence  time.Duration
	logger   *slog.Logger
	onAppend func(wait time.Duration, events int)
	tips     tips
	closed   atomic.Bool

	ctx    context.Context // ends when the store is closed
	cancel context.CancelFunc
}

// Open makes a store of what the connection string says: ErrInvalid where it says nothing sensible. It
// does not wait for a server; Identity does.
func Open(ctx context.Context, config Config) (*Store, error) {
	settings, err := parse(config.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{
		nodes: newNodes(settings, config.dial), registry: cmp.Or(config.Registry, defaultRegistry), deadline: settings.deadline,
		patience: cmp.Or(config.Patience, defaultPatience), silence: cmp.Or(config.Silence, defaultSilence),
		logger: cmp.Or(config.Logger, slog.New(slog.DiscardHandler)), onAppend: config.OnAppend,
		tips: tips{known: map[domain.Stream]tip{}},
	}
	if !registryForm.MatchString(s.registry) {
		return nil, fmt.Errorf("registry %q: not a name of lower-case letters and digits: %w", s.registry, domain.ErrInvalid)
	}
	s.prefix = s.registry + "_"
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// Close ends the connections. Whoever still waits gets ErrUnavailable.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.cancel()
	return s.nodes.close()
}

// Head implements domain.Log.
func (s *Store) Head(ctx context.Context) (domain.Position, error) {
	head := domain.Position(0)
	err := s.try(ctx, func(ctx context.Context, c client) (trailer metadata.MD, err error) {
		head, trailer, err = s.head(ctx, c)
		return trailer, err
	})
	if err != nil {
		return 0, fmt.Errorf("head of the log: %w", err)
	}
	return head, nil
}

func (s *Store) head(ctx context.Context, c client) (domain.Position, metadata.MD, error) {
	var head domain.Position
	trailer, err := s.each(ctx, c, &streams.ReadReq_Options{
		ReadDirection: streams.ReadReq_Options_Backwards,
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}},
		}},
		CountOption:  &streams.ReadReq_Options_Count{Count: 1},
		FilterOption: s.filter(),
	}, func(m *streams.ReadResp) error {
		if e := m.GetEvent().GetEvent(); e != nil {
			head = domain.Position(e.GetCommitPosition())
		}
		return nil
	})
	return head, trailer, err
}

// healthTime is how long the leader may take to say that it is there.
const healthTime = 2 * time.Second

// Healthy says whether the leader answers now. It asks for the registry's beginning: the end of the log is far
// behind where others write to the server too.
func (s *Store) Healthy(ctx context.Context) error {
	if s.closed.Load() {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, min(s.deadline, healthTime))
	defer cancel()
	f := s.once(ctx, func(ctx context.Context, c client) (metadata.MD, error) {
		return s.each(ctx, c, s.streamRequest(s.registry, 0, 1), func(*streams.ReadResp) error { return nil })
	})
	if f != nil {
		return f.err
	}
	return nil
}

// filter lets through the streams of this registry alone.
func (s *Store) filter() *streams.ReadReq_Options_Filter {
	return &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{
			StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Prefix: []string{s.prefix}},
		},
		Window:                       &streams.ReadReq_Options_FilterOptions_Max{Max: searchWindow},
		CheckpointIntervalMultiplier: 1,
	}}
}

// searchWindow is how many events of others a subscription passes between two checkpoints.
const searchWindow = 1000

// Identity is an id that the server keeps for the registry from its beginning on, so that whoever keeps
// something that follows from the log knows the log again: Nil where nobody has begun it.
func (s *Store) Identity(ctx context.Context) (uuid.UUID, error) {
	id := uuid.Nil
	err := s.try(ctx, func(ctx context.Context, c client) (metadata.MD, error) {
		return s.each(ctx, c, s.streamRequest(s.registry, 0, 1), func(m *streams.ReadResp) (err error) {
			if e := m.GetEvent().GetEvent(); e != nil {
				id, err = eventID(e.GetId())
			}
			return err
		})
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("find registry %s: %w", s.registry, err)
	}
	return id, nil
}

// Begin begins the registry, unless somebody has, and gives its identity.
func (s *Store) Begin(ctx context.Context) (uuid.UUID, error) {
	for range 2 {
		id, err := s.Identity(ctx)
		if err != nil || id != uuid.Nil {
			return id, err
		}
		if err := s.neverExisted(ctx, s.registry); err != nil {
			return uuid.Nil, fmt.Errorf("begin registry %s: %w", s.registry, err)
		}
		proposed := &streams.AppendReq_ProposedMessage{
			Id:       &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}},
			Metadata: map[string]string{"type": "registry-begun", "content-type": "application/json"},
			Data:     []byte(`{"registry":"` + s.registry + `"}`),
		}
		if _, err := s.write(ctx, s.registry, 0, []*streams.AppendReq_ProposedMessage{proposed}); err != nil && !errors.Is(err, domain.ErrConflict) {
			return uuid.Nil, fmt.Errorf("begin registry %s: %w", s.registry, err)
		}
	}
	return uuid.Nil, fmt.Errorf("registry %s has no beginning: %w", s.registry, domain.ErrDamaged)
}
