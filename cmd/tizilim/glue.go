package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/adapters/breaker"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections/reactor"
)

// The adapters know nothing of the ports they stand behind. Each type here puts one behind its port
// and does nothing else.

// stateRegisters is a client of the state registers as the reactor wants it.
type stateRegisters struct{ *stateregister.Client }

func (r stateRegisters) Find(ctx context.Context, id string) (reactor.Person, error) {
	a, err := r.Client.Find(ctx, id)
	return reactor.Person{Found: a.Found, Name: a.Name, Address: a.Address, Source: a.Source, Reference: a.Reference, Text: a.Text}, err
}

// guardedRegisters are the state registers behind a breaker.
type guardedRegisters struct {
	reactor.StateRegisters
	breaker *breaker.Breaker
}

func (g guardedRegisters) Find(ctx context.Context, id string) (p reactor.Person, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) error {
		p, err = g.StateRegisters.Find(ctx, id)
		return err
	})
	return p, err
}

// signatures verifies signatures for the registry. Lists of revoked certificates, which are large and the same
// for many signatures, are taken out of the evidence and kept once, under their digests, before the verdict is
// given.
type signatures struct {
	trust
	lists *blobstore.Store
	kept  sync.Map // digests of the lists that are kept
}

func (s *signatures) Verify(ctx context.Context, c signing.Claim) (signing.Verdict, error) {
	v, evidence, err := s.trust.Verify(ctx, signature.Claim{
		Signed: c.Signed, CMS: c.CMS, Purpose: signature.Purpose(c.Purpose), Who: signature.Who(c.Signer), Received: c.Received,
	})
	out := signing.Verdict{
		Outcome: signing.Outcome(v.Outcome), Reason: signing.Reason(v.Reason), IIN: v.Signer.IIN, BIN: v.Signer.BIN,
		Name: strings.TrimSpace(v.Signer.Name + " " + v.Signer.Patronymic), Serial: v.Serial, Digest: v.Digest, Method: v.Method,
	}
	var undecided *signature.Undecided
	switch {
	case errors.As(err, &undecided):
		return out, ctx.Err() // who asked may have gone, which says nothing of whom was asked
	case err != nil:
		return out, err
	}
	out.Evidence, err = s.keep(ctx, evidence)
	return out, err
}

// keep keeps the lists and returns the evidence without them.
func (s *signatures) keep(ctx context.Context, e *signature.Evidence) ([]byte, error) {
	without, lists := e.Detach()
	for digest, list := range lists {
		if _, ok := s.kept.Load(digest); ok {
			continue
		}
		if _, _, err := s.lists.Put(ctx, bytes.NewReader(list), int64(len(list))); err != nil {
			return nil, fmt.Errorf("keep a list of revoked certificates: %w", err)
		}
		s.kept.Store(digest, true)
	}
	return without.Encode()
}
