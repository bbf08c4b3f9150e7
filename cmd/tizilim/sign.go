package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/signature"
)

// signCmd signs a file.
type signCmd struct {
	File         string `arg:"" type:"existingfile" help:"What to sign, exactly as it is."`
	Key          string `required:"" type:"existingfile" placeholder:"FILE" env:"-" help:"The key with its certificate: PKCS#12, or PEM with the private key in the clear."`
	PasswordFile string `type:"existingfile" placeholder:"FILE" env:"-" help:"File with the password of a PKCS#12 key; what comes after its first line is left out."`
	Out          string `placeholder:"FILE" env:"-" help:"Where the signature goes; the file's name with .cms where left out."`
	Attached     bool   `env:"-" help:"Put the file into the signature."`
	TSP          string `placeholder:"URL" env:"-" help:"Timestamp authority that proves when it was signed."`
}

// Help says what comes of it.
func (signCmd) Help() string {
	return `Makes a signature in the form of CMS (CAdES), in DER, that the registry takes as it does one made in the browser.
The registry gives the exact bytes to sign: save them as they are, without a newline at the end.

	tizilim sign request.json --key sign.p12 --password-file password`
}

// Run signs.
func (c signCmd) Run(ctx context.Context, out io.Writer) error {
	key, err := readKey(c.Key, c.PasswordFile)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	how := signature.Signing{Attached: c.Attached}
	if c.TSP != "" {
		if how.Stamp, err = signature.TSP(c.TSP, 10*time.Second); err != nil {
			return err
		}
	}
	cms, err := key.Sign(ctx, content, how)
	if err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = c.File + ".cms"
	}
	if err := disk.WriteFile(c.Out, cms); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d bytes signed by %s, certificate %s of %s\n", c.Out, len(content),
		key.Certificate.Subject.CommonName, key.Certificate.SerialNumber.Text(16), key.Certificate.Issuer.CommonName)
	return err
}

func readKey(file, passwordFile string) (signature.Key, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return signature.Key{}, err
	}
	var password []byte
	if passwordFile != "" {
		if password, err = os.ReadFile(passwordFile); err != nil {
			return signature.Key{}, err
		}
	}
	line, _, _ := bytes.Cut(password, []byte("\n"))
	key, err := signature.ReadKey(data, string(bytes.TrimSuffix(line, []byte("\r"))))
	switch {
	case err != nil && passwordFile == "":
		return signature.Key{}, fmt.Errorf("%s (a key with a password wants --password-file): %w", file, err)
	case err != nil:
		return signature.Key{}, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}
