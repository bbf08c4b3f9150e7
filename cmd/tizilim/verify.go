package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/ncanode"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

// verifyCmd checks signatures, the evidence of signatures that were checked before, and the event log.
type verifyCmd struct {
	Signature verifySignature `cmd:"" help:"Judge a file's signature as the registry would."`
	Evidence  verifyEvidence  `cmd:"" help:"Make a judgment again from its evidence, with no network."`
	// Application is for what the registry itself keeps.
	Application verifyApplication `cmd:"" help:"Make the judgments on all signatures of an application again, with no network."`
	Log         verifyLog         `cmd:"" help:"Compare the event log with its Merkle tree."`
	// ReadModels is in a file with Log: verify_log.go.
	ReadModels verifyReadModels `cmd:"" name:"read-models" help:"Compare the read models with the event log."`
}

type verifySignature struct {
	File    string `arg:"" type:"existingfile" help:"What was signed."`
	CMS     string `arg:"" type:"existingfile" help:"The signature: CMS in DER, base64 or PEM."`
	Purpose string `default:"request" enum:"request,login,decision,entry" env:"-" help:"What it is for: request, login, decision or entry."`
	IIN     string `placeholder:"IIN" env:"-" help:"Whose it has to be."`
	BIN     string `placeholder:"BIN" env:"-" help:"Which organization's it has to be."`
	At      string `placeholder:"TIME" env:"-" help:"When it was received, by the clocks in Almaty (2026-11-23T14:00, or with an offset); now where left out."`
	// EvidenceOut is the file that verifyEvidence reads.
	EvidenceOut string `name:"evidence" placeholder:"FILE" env:"-" help:"Write what the judgment relies on to the file."`
	NCANode     string `name:"ncanode-url" placeholder:"URL" env:"-" help:"NCANode server that is asked about GOST."`
	trustFlag
	formatFlag
}

// Help says what is asked.
func (verifySignature) Help() string {
	return `Whether a certificate was revoked is asked over the network, of the hosts in trust.yaml. Where nobody answers, that
is said, and the signature is neither valid nor invalid. The exit code is 0 for a valid signature only.`
}

// Run judges and prints.
func (c verifySignature) Run(ctx context.Context, out io.Writer) error {
	signed, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	cms, err := os.ReadFile(c.CMS)
	if err != nil {
		return err
	}
	claim := signature.Claim{Signed: signed, CMS: cms, Purpose: signature.Purpose(c.Purpose), Who: signature.Who{IIN: c.IIN, BIN: c.BIN}}
	if c.At != "" {
		if claim.Received, err = calendar.ParseMoment(c.At); err != nil {
			return err
		}
	}
	verdict, evidence, err := c.judge(ctx, claim)
	if verdict.Outcome == "" {
		return err
	}
	if evidence != nil && c.EvidenceOut != "" {
		text, err := evidence.Encode()
		if err == nil {
			err = disk.WriteFile(c.EvidenceOut, text)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(printVerdict(out, c.formatFlag, verdict), failure(verdict))
}

func (c verifySignature) judge(ctx context.Context, claim signature.Claim) (signature.Verdict, *signature.Evidence, error) {
	t, err := openTrust(c.Trust, c.NCANode, time.Now)
	if err != nil {
		return signature.Verdict{}, nil, err
	}
	return t.Verify(ctx, claim)
}

// failure is the error of a signature that is not valid.
func failure(v signature.Verdict) error {
	if v.Outcome == signature.Valid {
		return nil
	}
	return fmt.Errorf("the signature is %s: %s: %s", v.Outcome, v.Reason, v.Detail)
}

type verifyEvidence struct {
	Evidence string `arg:"" type:"existingfile" help:"The evidence, as it was written."`
	File     string `arg:"" type:"existingfile" help:"What was signed."`
	trustFlag
	formatFlag
}

// Help says what it needs.
func (verifyEvidence) Help() string {
	return `Every signature in the evidence is verified anew, as of then. That works long after the certificates expired, if
the roots of then still are in the folder of trust. What a verification service said is believed: the
output tells where it is.`
}

// Run checks and prints.
func (c verifyEvidence) Run(ctx context.Context, out io.Writer) error {
	text, err := os.ReadFile(c.Evidence)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	evidence, err := signature.DecodeEvidence(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Evidence, err)
	}
	config, err := signature.ReadTrust(c.Trust)
	if err != nil {
		return err
	}
	verdict, err := again(ctx, config.Trust, evidence, signed)
	if err != nil {
		return err
	}
	return errors.Join(printVerdict(out, c.formatFlag, verdict), failure(verdict))
}

// again makes the judgment by the method it was made by.
func again(ctx context.Context, trust *signature.Trust, e signature.Evidence, signed []byte) (signature.Verdict, error) {
	switch e.Method {
	case signature.Method:
		return signature.Recheck(ctx, trust, e, signed)
	case ncanode.Method:
		return ncanode.Recheck(e, signed)
	}
	return signature.Verdict{}, fmt.Errorf("evidence of the method %q: %w", e.Method, domain.ErrInvalid)
}

func printVerdict(out io.Writer, f formatFlag, v signature.Verdict) error {
	return f.print(out, v, func(w io.Writer) {
		fmt.Fprintf(w, "%s\t%s\n", v.Outcome, v.Reason)
		by := "by the registry's clock"
		if v.ByTimestamp {
			by = "by its timestamp"
		}
		for _, line := range [][2]string{
			{"signer", strings.TrimSpace(v.Signer.Name + " " + v.Signer.Patronymic)}, {"IIN", v.Signer.IIN}, {"BIN", v.Signer.BIN},
			{"organization", v.Signer.Organization}, {"roles", fmt.Sprint(v.Signer.Roles)}, {"certificate", v.Serial}, {"issuer", v.Issuer},
			{"signed", v.At.Format(time.RFC3339) + " " + by}, {"SHA-256", v.Digest}, {"policy", v.Policy}, {"judged by", v.Method},
		} {
			if line[1] != "" && line[1] != "[]" {
				fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
			}
		}
	})
}
