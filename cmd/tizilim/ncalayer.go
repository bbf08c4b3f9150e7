package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/signature/demo/ncalayer"
	"github.com/tizilim/tizilim/domain"
)

// ncalayerCmd runs a stand-in for NCALayer.
type ncalayerCmd struct {
	Key          []string `required:"" type:"existingfile" placeholder:"FILE" env:"-" help:"Whose keys, each a file as of tizilim sign: the first that fits what a page wants is the one that signs. Give it once for each."`
	PasswordFile string   `type:"existingfile" placeholder:"FILE" env:"-" help:"File with the password of PKCS#12 keys."`
	Listen       string   `default:"127.0.0.1:13579" placeholder:"ADDR" env:"-" help:"Where pages look for it, on this machine only."`
	TSP          string   `placeholder:"URL" env:"-" help:"Timestamp authority that proves when it was signed; no timestamps where left out."`
	Cancel       bool     `env:"-" help:"Cancel everything, as a person may."`
}

// Help says what it is for.
func (ncalayerCmd) Help() string {
	return `Speaks with pages in the browser as NCALayer does, and signs with the keys without asking: to try the registry's pages
with demo keys where NCALayer is not installed. It answers pages of this machine alone. The certificate of its TLS is made
at the start: open the address that it prints in the browser once and accept it.

	keys=tizilim-data/demo/ca/keys/850312300121
	tizilim ncalayer --key $keys/sign.pem --key $keys/auth.pem`
}

// Run answers until it is stopped.
func (c ncalayerCmd) Run(ctx context.Context, out io.Writer) error {
	config, err := c.config(out)
	if err != nil {
		return err
	}
	certificate, err := ncalayer.Certificate(time.Now())
	if err != nil {
		return err
	}
	door, err := listenHere(ctx, c.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: ncalayer.New(config), ReadHeaderTimeout: 5 * time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		ErrorLog: log.New(io.Discard, "", 0), // browsers that do not accept the certificate yet
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nothing is lost
	defer stop()
	fmt.Fprintf(out, "Stand-in for NCALayer at wss://%s\nOpen https://%s/ in the browser once and accept its certificate. Stop with Ctrl-C.\n", door.Addr(), door.Addr())
	if failed := server.ServeTLS(door, "", ""); !errors.Is(failed, http.ErrServerClosed) {
		return failed
	}
	return nil
}

// config has the keys, and tells of every request.
func (c ncalayerCmd) config(out io.Writer) (config ncalayer.Config, err error) {
	for _, file := range c.Key {
		key, err := readKey(file, c.PasswordFile)
		if err != nil {
			return config, err
		}
		config.Keys = append(config.Keys, key)
	}
	if c.TSP != "" {
		if config.Stamp, err = signature.TSP(c.TSP, 10*time.Second); err != nil {
			return config, err
		}
	}
	var mu sync.Mutex // protects out
	config.Approve = func(_ context.Context, r ncalayer.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, data := range r.Data {
			fmt.Fprintf(out, "%s: %s %d bytes, SHA-256 %x, certificate %s\n", r.Origin, map[bool]string{true: "canceled", false: "signed"}[c.Cancel],
				len(data), sha256.Sum256(data), r.Key.Certificate.SerialNumber.Text(16))
		}
		return !c.Cancel
	}
	return config, nil
}

// listenHere listens on this machine only.
func listenHere(ctx context.Context, address string) (net.Listener, error) {
	door, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if at := door.Addr().(*net.TCPAddr); !at.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is open to other machines, and the keys ask for no password: %w", at, domain.ErrInvalid), door.Close())
	}
	return door, nil
}
