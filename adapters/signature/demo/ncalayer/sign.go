package ncalayer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/tizilim/tizilim/adapters/signature"
)

// errCanceled is the end of a call that the person canceled.
var errCanceled = errors.New("canceled")

// arguments are those of method sign. What they may have besides is left alone.
type arguments struct {
	AllowedStorages []string        `json:"allowedStorages"` // null for any
	Format          string          `json:"format"`
	Data            json.RawMessage `json:"data"` // base64, or a list of it
	SigningParams   struct {
		Decode      bool            `json:"decode"` // what was base64 is signed, rather than the base64
		Encapsulate bool            `json:"encapsulate"`
		Digested    bool            `json:"digested"` // the data are a digest of what is signed
		TSAProfile  json.RawMessage `json:"tsaProfile"`
	} `json:"signingParams"`
	SignerParams struct {
		ExtKeyUsageOIDs []string `json:"extKeyUsageOids"`
	} `json:"signerParams"`
	Locale string `json:"locale"`
}

// sign gives a CMS for each of the data: a string for a string, a list for a list.
func (l *Layer) sign(ctx context.Context, raw json.RawMessage, origin string) (any, error) {
	var a arguments
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, err
	}
	if a.Format != "cms" || a.SigningParams.Digested || !a.SigningParams.Decode {
		return nil, fmt.Errorf("the stand-in signs base64 data as CMS: format %q, digested %t, decode %t", a.Format, a.SigningParams.Digested, a.SigningParams.Decode)
	}
	data, list, err := decode(a.Data)
	if err != nil {
		return nil, err
	}
	key, err := l.choose(a.AllowedStorages, a.SignerParams.ExtKeyUsageOIDs)
	if err != nil {
		return nil, err
	}
	if l.config.Approve != nil && !l.config.Approve(ctx, Request{Origin: origin, Locale: a.Locale, Data: data, Key: key}) {
		return nil, errCanceled
	}
	how := signature.Signing{Attached: a.SigningParams.Encapsulate}
	if a.SigningParams.TSAProfile != nil {
		how.Stamp = l.config.Stamp
	}
	var signed []string
	for _, d := range data {
		der, err := key.Sign(ctx, d, how)
		if err != nil {
			return nil, err
		}
		signed = append(signed, string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: der})))
	}
	if list {
		return signed, nil
	}
	return signed[0], nil
}

// decode reads the data, and tells a list from a single one.
func decode(raw json.RawMessage) (data [][]byte, list bool, err error) {
	var texts []string
	if list = bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")); list {
		err = json.Unmarshal(raw, &texts)
	} else {
		texts = []string{""}
		err = json.Unmarshal(raw, &texts[0])
	}
	if err == nil && len(texts) == 0 {
		err = errors.New("nothing to sign")
	}
	for _, text := range texts {
		var d []byte
		if err == nil {
			d, err = base64.StdEncoding.DecodeString(text)
		}
		data = append(data, d)
	}
	return data, list, err
}
