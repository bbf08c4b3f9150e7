package demo

import (
	"crypto"
	"encoding/asn1"
	"io"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
)

// stampPolicy is under which the demonstration gives timestamps: an identifier of the documentation arc.
var stampPolicy = asn1.ObjectIdentifier{2, 999, 1}

// tsp gives a timestamp over what it is asked to.
func (a *Authority) tsp(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "too large, or cut", http.StatusBadRequest)
		return
	}
	answer, err := a.stampAnswer(question)
	if err != nil {
		a.broken(w, err)
		return
	}
	reply(w, "application/timestamp-reply", answer)
}

func (a *Authority) stampAnswer(question []byte) ([]byte, error) {
	q, err := timestamp.ParseRequest(question)
	switch {
	case err != nil:
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadDataFormat)
	case q.HashAlgorithm == crypto.SHA1 || len(q.HashedMessage) != q.HashAlgorithm.Size():
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadAlgorithm)
	case q.TSAPolicyOID != nil && !q.TSAPolicyOID.Equal(stampPolicy):
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.UnacceptedPolicy)
	}
	t := timestamp.Timestamp{
		HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Nonce: q.Nonce, Policy: stampPolicy,
		Time: a.config.Now().UTC().Truncate(time.Second), Accuracy: time.Second,
		Certificates: a.stamper.Chain[:1], AddTSACertificate: q.Certificates,
	}
	return t.CreateResponseWithOpts(a.stamper.Certificate, a.stamper.Private, crypto.SHA256)
}
