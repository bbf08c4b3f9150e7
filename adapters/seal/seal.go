// Package seal signs the messages that the registry and the services around it send each other over
// HTTP: with a secret that both sides have, for one purpose, at a time.
package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// The headers of a seal: the Unix second it was made, and "v1=" with the hexadecimal HMAC-SHA256 by the
// shared secret over timestamp, purpose and body, with a line feed after each of the first two.
const (
	TimestampHeader = "Tizilim-Timestamp"
	Header          = "Tizilim-Seal"
)

// Tolerance is how far the clocks of both sides may differ, and how long a caught message could be
// sent again.
const Tolerance = 5 * time.Minute

// Put signs a message in its header.
func Put(header http.Header, secret []byte, at time.Time, purpose string, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header.Set(TimestampHeader, timestamp)
	header.Set(Header, "v1="+hex.EncodeToString(mac(secret, timestamp, purpose, body)))
}

// Check is ErrForbidden unless the message was sealed for the purpose by somebody who has the
// secret, within Tolerance of now.
func Check(header http.Header, secret []byte, now time.Time, purpose string, body []byte) error {
	timestamp := header.Get(TimestampHeader)
	want := "v1=" + hex.EncodeToString(mac(secret, timestamp, purpose, body))
	if len(secret) == 0 || !hmac.Equal([]byte(want), []byte(header.Get(Header))) {
		return fmt.Errorf("the seal is wrong: %w", domain.ErrForbidden)
	}
	second, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("the seal has no time: %w", domain.ErrForbidden)
	}
	if age := now.Sub(time.Unix(second, 0)); age > Tolerance || age < -Tolerance {
		return fmt.Errorf("the seal is %v old: %w", age.Round(time.Second), domain.ErrForbidden)
	}
	return nil
}

func mac(secret []byte, timestamp, purpose string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "%s\n%s\n", timestamp, purpose)
	h.Write(body)
	return h.Sum(nil)
}
