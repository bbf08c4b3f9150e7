package eventstoredb

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tizilim/tizilim/domain"
)

// What a server says with an error decides what it is, and whether it is worth another try.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		what    string
		code    codes.Code
		trailer []string
		kind    error
		again   bool
		leader  string
	}{
		{"another leader", codes.NotFound, []string{"exception", "not-leader", "leader-endpoint-host", "::1", "leader-endpoint-port", "2113"}, domain.ErrUnavailable, true, "[::1]:2113"},
		{"a leader without an address", codes.NotFound, []string{"exception", "not-leader"}, domain.ErrUnavailable, true, ""},
		{"a tombstone", codes.FailedPrecondition, []string{"exception", "stream-deleted", "stream-name", "x"}, domain.ErrDamaged, false, ""},
		{"a conflict", codes.FailedPrecondition, []string{"exception", "wrong-expected-version", "actual-version", "3"}, domain.ErrConflict, false, ""},
		{"too much", codes.InvalidArgument, []string{"exception", "maximum-append-size-exceeded", "maximum-append-size", "9"}, domain.ErrTooLarge, false, ""},
		{"too much in one event", codes.InvalidArgument, []string{"exception", "maximum-append-event-size-exceeded"}, domain.ErrTooLarge, false, ""},
		{"no right", codes.PermissionDenied, []string{"exception", "access-denied"}, domain.ErrUnavailable, false, ""},
		{"another password", codes.Unauthenticated, nil, domain.ErrUnavailable, false, ""},
		{"no such method", codes.Unimplemented, nil, domain.ErrUnavailable, false, ""},
		{"nobody there", codes.Unavailable, nil, domain.ErrUnavailable, true, ""},
		{"no answer", codes.DeadlineExceeded, nil, domain.ErrUnavailable, true, ""},
		{"a timeout of the server's own", codes.Aborted, []string{"exception", "timeout"}, domain.ErrUnavailable, true, ""},
		{"no leader", codes.Unknown, nil, domain.ErrUnavailable, true, ""},
		{"lost data", codes.DataLoss, nil, domain.ErrDamaged, false, ""},
	} {
		f := readFault(status.Error(tt.code, "said"), metadata.Pairs(tt.trailer...))
		if !errors.Is(f.err, tt.kind) || f.again != tt.again || f.leader != tt.leader {
			t.Errorf("%s: %v, again %v, leader %q", tt.what, f.err, f.again, f.leader)
		}
	}
	f := readFault(status.Error(codes.InvalidArgument, "said"), nil)
	for _, kind := range []error{domain.ErrUnavailable, domain.ErrDamaged, domain.ErrConflict, domain.ErrInvalid} {
		if errors.Is(f.err, kind) || f.again {
			t.Errorf("what is not understood is %v, again %v", f.err, f.again)
		}
	}
}
