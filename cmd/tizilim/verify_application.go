package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/signing"
)

// verifyApplication judges every signature of an application, or of a license, again, from what is kept.
type verifyApplication struct {
	Application string `arg:"" help:"Id or registration number of the application; or the number of a license, for the signature under that."`
	storeFlag
	trustFlag
	formatFlag
}

// Help says what it needs.
func (verifyApplication) Help() string {
	return `What was signed follows from the events, the evidence is in them, and the lists of revoked certificates are in the
folder of documents: no network is asked, a server may run beside, and the certificates may long have expired, if the roots
of then still are in the folder of trust. The exit code is 0 where every verdict, for or against a signature, comes out as it
was.`
}

// held is a signature of the application, and what came of judging it again.
type held struct {
	Event   string             `json:"event"`
	Type    string             `json:"type"`
	Time    time.Time          `json:"time"`
	Purpose string             `json:"purpose"`
	Verdict *signature.Verdict `json:"verdict,omitempty"`
	Fault   string             `json:"fault,omitempty"` // why the verdict does not come out again
}

// Run judges and prints.
func (c verifyApplication) Run(ctx context.Context, out io.Writer) error {
	config, err := signature.ReadTrust(c.Trust)
	if err != nil {
		return err
	}
	f, err := c.folder()
	if err != nil {
		return err
	}
	src, err := replayCmd{storeFlag: c.storeFlag}.source(ctx)
	if err != nil {
		return err
	}
	defer src.close()
	stream, err := resolve(ctx, src, c.Application)
	if err != nil {
		return err
	}
	find := application.EvidenceOf
	if stream.Category == domain.LicenseCategory {
		find = license.EvidenceOf
	}
	found, err := find(src.read(ctx, stream, 1))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("%s: no evidence of a signature: %w", stream, domain.ErrNotFound)
	}
	checked, failed := recheckAll(ctx, config.Trust, blobstore.View(f.documents()), found)
	return errors.Join(printHeld(out, c.formatFlag, checked), failed)
}

// recheckAll judges all of them, and says how many did not come out as they were.
func recheckAll(ctx context.Context, trust *signature.Trust, lists *blobstore.Store, found []signing.Evidence) (checked []held, failed error) {
	faults := 0
	for _, e := range found {
		one := held{Event: e.Event.String(), Type: e.Type, Time: e.Time, Purpose: string(e.Purpose)}
		verdict, err := recheck(ctx, trust, lists, e)
		if err != nil {
			one.Fault = err.Error()
			faults++
		} else {
			one.Verdict = &verdict
		}
		checked = append(checked, one)
	}
	if faults > 0 {
		failed = fmt.Errorf("%d of %d verdicts do not come out as they were: %w", faults, len(found), domain.ErrDamaged)
	}
	return checked, failed
}

func recheck(ctx context.Context, trust *signature.Trust, lists *blobstore.Store, e signing.Evidence) (signature.Verdict, error) {
	evidence, err := signature.DecodeEvidence(e.Document)
	if err != nil {
		return signature.Verdict{}, err
	}
	evidence, err = evidence.Attach(func(digest string) ([]byte, error) {
		content, _, err := lists.Get(ctx, digest)
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(content)
		return raw, errors.Join(err, content.Close())
	})
	if err != nil {
		return signature.Verdict{}, err
	}
	return again(ctx, trust, evidence, e.Signed)
}

func printHeld(out io.Writer, f formatFlag, all []held) error {
	if f.Format == "json" {
		return f.print(out, all, nil)
	}
	for _, one := range all {
		fmt.Fprintf(out, "%s  %s  (%s)\n", moment(one.Time), one.Type, one.Purpose)
		if one.Verdict == nil {
			fmt.Fprintf(out, "NOT AS IT WAS: %s\n\n", one.Fault)
			continue
		}
		if err := printVerdict(out, f, *one.Verdict); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return nil
}
