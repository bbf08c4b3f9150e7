package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
)

// content gives the exact bytes that a signature has to be over.
func (s *Server) content(w http.ResponseWriter, r *http.Request) error {
	state, err := s.load(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if state.Form == nil {
		return domain.Reject("form-required", "there is nothing to sign before the form is filed")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", etag(state.Version))
	w.Header().Set(positionHeader, positionText(s.cfg.Follower.Head()))
	_, err = w.Write(state.Content())
	return err
}

type byIDSigning struct {
	ByID
	Body v1.Signing
}

// sign verifies a signature and records it. A signature that is surely invalid refuses the
// application, as the acts say; one that cannot be judged now changes nothing.
func (s *Server) sign(ctx context.Context, in *byIDSigning) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := visitOf(ctx).caller.mayEnter(state); err != nil {
		return nil, err
	}
	signature, err := decodeBase64(in.Body.Signature)
	if err != nil {
		return nil, fail("signature-malformed", fmt.Errorf("%w: %w", errUnprocessable, err))
	}
	command, err := s.verify(ctx, state, signature)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, state.ID, state.Act, command)
}

// verify makes the command that the signature calls for. Out of its step nothing is verified: the
// decision refuses it.
func (s *Server) verify(ctx context.Context, state application.State, signature []byte) (application.Command, error) {
	if state.Form == nil {
		return application.Sign{At: s.now(ctx)}, nil
	}
	verdict, err := s.cfg.Verifier.Verify(ctx, state.Content(), signature)
	if errors.Is(err, domain.ErrInvalid) {
		return nil, fail("signature-malformed", fmt.Errorf("%w: %w", errUnprocessable, err))
	}
	if err != nil {
		return nil, fmt.Errorf("verify signature of %s: %w", state.ID, err)
	}
	if !verdict.Valid {
		return application.RejectSignature{At: s.now(ctx), Text: verdict.Reason}, nil
	}
	return application.Sign{
		At: s.now(ctx), Subject: verdict.Subject, Serial: verdict.Serial, Digest: verdict.Digest, Method: verdict.Method,
	}, nil
}

// decodeBase64 reads standard or URL-safe base64, with or without padding and line breaks.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "").Replace(text)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}
