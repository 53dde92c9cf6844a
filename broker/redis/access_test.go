package redis

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// lines is a log that several goroutines write to.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func logTo(l *lines) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestWrongPasswordIsToldWithoutItAndTriedAgain(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{Password: "right"})
	var log lines
	for name, login := range map[string]string{"none": "", "wrong": ":s3cr3t@"} {
		t.Run(name, func(t *testing.T) {
			_, r := open(t, Config{URL: "redis://" + login + server.Address, Logger: logTo(&log)})
			r.await(t, "a complaint about the password", func() bool { return len(r.notes) > 0 && strings.Contains(r.notes[0], "password") })
			if strings.Contains(strings.Join(r.notes, ""), "s3cr3t") || strings.Contains(log.String(), "s3cr3t") {
				t.Errorf("got the password in %q or the log %q", r.notes, &log)
			}
		})
	}
	e, r := open(t, Config{URL: "redis://:later@" + server.Address})
	r.awaitNotes(t, 0, "down ")
	server.Do("config", "set", "requirepass", "later")
	r.awaitNotes(t, 0, "up")
	subscribe(t, e, broker.Key{Type: "price"})
}

// certificate makes files of a certificate for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (o engines.RedisOptions, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	o.CertFile, o.KeyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	o.CAFile = o.CertFile
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(os.WriteFile(o.CertFile, chain, 0o600), os.WriteFile(o.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(chain)
	return o, pool
}

func TestTLSIsUsedAndCertificatesAreChecked(t *testing.T) {
	o, pool := certificate(t)
	server := engines.Redis(t, o)
	e, r := open(t, Config{URL: server.URL, TLS: &tls.Config{RootCAs: pool}})
	r.awaitNotes(t, 0, "up")
	subscribe(t, e, broker.Key{Type: "price"})
	publish(t, e, broker.Key{Type: "price"}, "x")
	r.awaitDeliveries(t, 1)
	_, stranger := open(t, Config{URL: server.URL})
	stranger.await(t, "a complaint about the certificate", func() bool {
		return len(stranger.notes) > 0 && strings.Contains(stranger.notes[0], "certificate")
	})
}

func TestBadURLsAreRefusedWithThePartAndWithoutThePassword(t *testing.T) {
	for url, want := range map[string]string{
		"":                                    "begins with none of",
		"s3cr3t@host":                         "begins with none of",
		"http://:s3cr3t@host":                 "begins with none of",
		"redis://:s3cr3t@":                    "host 1",
		"redis://:s3cr3t@host:0":              "port",
		"redis://:s3cr3t@host:s3cr3t":         "port",
		"redis://:s3cr3t@:6379":               "without a host",
		"redis://:s3cr3t@a,b":                 "several hosts",
		"redis://:s3cr3t@host/s3cr3t":         "database",
		"redis://:s3cr3t%zz@host":             "%25",
		"redis://:s3cr3t/@host":               "%2F",
		"redis://s3cr3t@host":                 "user:password@",
		"redis://host?s3cr3t=s3cr3t":          "unknown",
		"redis://::s3cr3t":                    "brackets",
		"redis-sentinel://:s3cr3t@host":       "name of a master",
		"redis-cluster://:s3cr3t@host/1":      "database 0",
		"redis-cluster://:s3cr3t@a,,b":        "host 2",
		"redis-cluster://h?sentinel-user=s3c": "unknown",
	} {
		_, err := New(Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("got %v of %q, want an error with %q and no password", err, url, want)
		}
	}
}

func TestURLsAreRead(t *testing.T) {
	for url, want := range map[string]target{
		"redis://host":                   {addresses: []string{"host:6379"}},
		"REDISS://u:p%40%3A@[::1]:7/3":   {addresses: []string{"[::1]:7"}, login: login{"u", "p@:"}, db: 3, tls: true},
		"redis://[::1]":                  {addresses: []string{"[::1]:6379"}},
		"redis://:p@w@host/":             {addresses: []string{"host:6379"}, login: login{"", "p@w"}},
		"redis-cluster://a,b:7?tls=true": {mode: clustered, addresses: []string{"a:6379", "b:7"}, tls: true},
		"redis-sentinel://:p@a,b:7/my?db=2&sentinel-user=u&sentinel-password=q": {
			mode: sentinels, addresses: []string{"a:26379", "b:7"}, login: login{"", "p"}, sentinel: login{"u", "q"}, master: "my", db: 2,
		},
	} {
		got, err := parseURL(url)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, %v of %q, want %v", got, err, url, want)
		}
	}
	if _, err := New(Config{URL: "redis://host", Prefix: "a{b}"}); err == nil {
		t.Error("got no error of a prefix with braces, want one")
	}
}

func TestClosedEngineRefusesAndTellsNothing(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := connect(t, server.URL)
	subscribe(t, e, broker.Key{Type: "price"})
	other, _ := connect(t, server.URL)
	server.Stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	server.Continue()
	noted := r.noted()
	a := &broker.Append{Policy: keepAll, Type: "price"}
	e.Append(within(t), []*broker.Append{a})
	_, errRead := e.Read(within(t), broker.Query{Policy: keepAll, Type: "price"})
	_, errTops := e.Tops(within(t), nil, "price")
	for i, err := range []error{e.Subscribe(within(t), broker.Key{}), e.Unsubscribe(within(t)), e.Publish(within(t), nil), a.Err, errRead, errTops, e.Start(r)} {
		if !errors.Is(err, broker.ErrClosed) {
			t.Errorf("got %v of call %d, want ErrClosed", err, i)
		}
	}
	subscribe(t, other, broker.Key{Type: "something else"})
	if r.noted() != noted {
		t.Errorf("got %q after Close, want nothing", r.notes[noted:])
	}
	never, err := New(Config{URL: server.URL})
	if err == nil {
		err = never.Close()
	}
	if err != nil {
		t.Errorf("got %v of an engine that never started, want no error", err)
	}
}
