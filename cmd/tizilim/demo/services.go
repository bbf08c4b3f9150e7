package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/payment"
	gateway "github.com/tizilim/tizilim/adapters/payment/demo"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	registers "github.com/tizilim/tizilim/adapters/stateregister/demo"
)

// Services are the stand-ins for the world outside the registry: a payment gateway, the state
// registers, and a certificate authority. Each is a real HTTP service on a port of its own, on this machine
// only.
type Services struct {
	Payments  string // URL
	Registers string // URL
	Secret    []byte // shared by the gateway and the registry
	Authority *authority.Authority

	gateway *gateway.Gateway
	servers []*http.Server
	running sync.WaitGroup
}

// StartServices starts them. Their files are in dir, their ports follow the registry's own, and are the
// same at the next start where they are free then. callback is where the gateway tells the registry
// of payments.
func StartServices(dir string, registry *net.TCPAddr, callback string, now func() time.Time, logger *slog.Logger) (_ *Services, err error) {
	s := &Services{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Secret, err = secret(filepath.Join(dir, "payment-secret")); err != nil {
		return nil, err
	}
	doors, err := listenAll(filepath.Join(dir, "ports.json"), registry)
	if err != nil {
		return nil, err
	}
	handlers, err := s.open(dir, doors, callback, now, logger)
	if err != nil {
		for _, l := range doors {
			l.Close()
		}
		return nil, err
	}
	for i, handler := range handlers {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn)}
		s.servers = append(s.servers, server)
		s.running.Go(func() {
			if err := server.Serve(doors[i]); !errors.Is(err, http.ErrServerClosed) {
				logger.Error("a demo service has ended", "address", doors[i].Addr(), "error", err)
			}
		})
	}
	return s, nil
}

// open makes what is behind the doors.
func (s *Services) open(dir string, doors []net.Listener, callback string, now func() time.Time, logger *slog.Logger) (_ []http.Handler, err error) {
	s.Payments, s.Registers = address(doors[0]), address(doors[1])
	s.Authority, err = authority.Open(authority.Config{
		Dir: filepath.Join(dir, "ca"), URL: address(doors[2]), Now: now, Terms: time.Now(), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	s.gateway, err = gateway.Open(gateway.Config{
		File: filepath.Join(dir, "payments.jsonl"), URL: s.Payments, Secret: s.Secret, Callback: callback,
		// The seals on what is sent carry the real time also while the sample world stands at another.
		Now: time.Now, Logger: logger,
	})
	return []http.Handler{s.gateway, registers.Handler(), s.Authority}, err
}

// Close ends the services.
func (s *Services) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.running.Wait()
	if s.gateway != nil {
		errs = append(errs, s.gateway.Close())
	}
	return errors.Join(errs...)
}

// Settle pays the order, or fails it, as somebody would on the gateway's page, and gives the reference
// of a payment.
func (s *Services) Settle(ctx context.Context, order string, paid bool) (reference string, err error) {
	outcome := map[bool]string{true: "paid", false: "failed"}[paid]
	form := strings.NewReader(url.Values{"outcome": {outcome}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Payments+"/pay/"+url.PathEscape(order), form)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{Timeout: payment.Timeout}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var receipt payment.Receipt
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the demo payment gateway answers %s", resp.Status)
	}
	err = json.NewDecoder(resp.Body).Decode(&receipt)
	return receipt.Reference, err
}

// listenAll opens the doors of the four services: at the ports they had before, or behind the
// registry's port, or wherever there is room.
func listenAll(file string, registry *net.TCPAddr) ([]net.Listener, error) {
	var ports []int
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := json.Unmarshal(text, &ports); err != nil || len(ports) > 4 {
		ports = nil
	}
	if len(ports) == 4 { // the folder is of when there was another service in the third place
		ports = slices.Delete(ports, 2, 3)
	}
	for len(ports) < 3 {
		ports = append(ports, registry.Port+1+len(ports))
	}
	var doors []net.Listener
	for i, port := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			for _, l := range doors {
				l.Close()
			}
			return nil, fmt.Errorf("demo services: %w", err)
		}
		doors, ports[i] = append(doors, l), l.Addr().(*net.TCPAddr).Port
	}
	text, err = json.Marshal(ports)
	if err == nil {
		err = disk.WriteFile(file, text)
	}
	return doors, err
}

func address(l net.Listener) string { return "http://" + l.Addr().String() }

// secret reads the secret from the file, and makes one where there is none.
func secret(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(rand.Text() + rand.Text())
		err = disk.WriteFile(file, text)
	}
	if err == nil && len(text) < 32 {
		err = fmt.Errorf("%s is cut: remove it", file)
	}
	return text, err
}
