package main

import (
	"context"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/ncanode"
	"github.com/tizilim/tizilim/adapters/signature"
)

// trustFlag is whom to believe.
type trustFlag struct {
	Trust string `required:"" type:"existingdir" placeholder:"DIR" env:"-" help:"Folder of trust: roots/, intermediates/ and trust.yaml."`
}

// trust verifies signatures for every purpose: requests, entries, decisions and logins. It may be used by
// many goroutines at once.
type trust struct {
	*signature.Trust
	// Verify is as that of signature.Verifier.
	Verify func(context.Context, signature.Claim) (signature.Verdict, *signature.Evidence, error)
}

// openTrust reads the folder of trust. node is the address of an NCANode server that is asked about
// algorithms that are not known here, empty for none.
func openTrust(dir, node string, now func() time.Time) (trust, error) {
	config, err := signature.ReadTrust(dir)
	if err != nil {
		return trust{}, err
	}
	config.Now = now
	native, err := signature.New(config)
	if err != nil {
		return trust{}, err
	}
	t := trust{Trust: config.Trust, Verify: native.Verify}
	if node != "" {
		asks := &ncanode.Verifier{Native: native, URL: strings.TrimSuffix(node, "/"), AnyDigits: config.Trust.AnyDigits, Now: now}
		t.Verify = asks.Verify
	}
	return t, nil
}
