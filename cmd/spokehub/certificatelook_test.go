package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/internal/certs"
)

// watched are the certificates of an address that nobody serves, with the log.
type watched struct {
	*certificates
	log *bytes.Buffer
}

// watchFiles reads the certificates that the flags name for two addresses.
func watchFiles(t *testing.T, certificate, key string) watched {
	t.Helper()
	var public []publicListener
	flags := serveFlags{tlsFlags: tlsFlags{TLSCerts: []string{certificate}, TLSKeys: []string{key}}}
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		public = append(public, publicListener{Listener: l, asked: listenAddress{network: "tcp", address: l.Addr().String()}})
		flags.Listen = append(flags.Listen, l.Addr().String())
	}
	log := &bytes.Buffer{}
	c, err := newCertificates(flags, public, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return watched{c, log}
}

// serial is the number of the certificate in force at an address.
func (w watched) serial(t *testing.T, i int) string {
	t.Helper()
	return fmt.Sprint(w.stores[w.terminators[i].settings.key()].set.Certificates[0].Expires().Unix())
}

// numbered is a certificate that serial tells from others.
func numbered(t *testing.T, a *authority, n int) (made issued, serial string) {
	t.Helper()
	end := time.Now().Add(time.Duration(100+n) * 24 * time.Hour).Truncate(time.Second)
	return a.issue(t, []string{"hub.example"}, func(c *x509.Certificate) { c.NotAfter = end }), fmt.Sprint(end.Unix())
}

func TestBadFilesKeepTheOldCertificateAndAreToldOnce(t *testing.T) {
	a := newAuthority(t)
	first, firstSerial := numbered(t, a, 1)
	second, secondSerial := numbered(t, a, 2)
	for name, bad := range map[string]string{
		"half a file":       first.certificate[:len(first.certificate)/2],
		"an empty file":     "",
		"another's":         second.certificate,
		"a key":             first.key,
		"something damaged": strings.Replace(first.certificate, "M", "N", 1),
	} {
		t.Run(name, func(t *testing.T) {
			certificate, key := first.files(t)
			w := watchFiles(t, certificate, key)
			w.look()
			writePrivate(t, certificate, bad)
			for range 4 {
				w.look()
			}
			if got := strings.Count(w.log.String(), "were not reloaded"); got != 1 || w.serial(t, 0) != firstSerial || w.bad.Load() != 1 {
				t.Errorf("got %d errors, %d counted, and serial %s, want one of each and %s:\n%s", got, w.bad.Load(), w.serial(t, 0), firstSerial, w.log)
			}
			writePrivate(t, certificate, first.certificate)
			w.look()
			w.look()
			if got := strings.Count(w.log.String(), "good again"); got != 1 {
				t.Errorf("got %d lines that it is good again, want one:\n%s", got, w.log)
			}
			writePrivate(t, certificate, second.certificate)
			w.look()
			writePrivate(t, key, second.key)
			w.look()
			w.look()
			if got := strings.Count(w.log.String(), "TLS certificates reloaded"); got != 1 || w.serial(t, 0) != secondSerial || w.serial(t, 1) != secondSerial || w.good.Load() != 1 || w.bad.Load() != 1 {
				t.Errorf("got %d reloads, serials %s and %s, want one and %s:\n%s", got, w.serial(t, 0), w.serial(t, 1), secondSerial, w.log)
			}
		})
	}
}

func TestAFileThatGrowsIsTakenOverWhenItIsWhole(t *testing.T) {
	a := newAuthority(t)
	first, firstSerial := numbered(t, a, 1)
	second, secondSerial := numbered(t, a, 2)
	certificate, key := first.files(t)
	w := watchFiles(t, certificate, key)
	writePrivate(t, key, second.key)
	whole := second.certificate + inPEM("CERTIFICATE", a.certificate.Raw)
	for end := range 8 {
		writePrivate(t, certificate, whole[:(end+1)*len(whole)/8])
		w.look()
		if got := w.serial(t, 0); got != firstSerial {
			t.Fatalf("got serial %s while the file is written, want %s", got, firstSerial)
		}
	}
	w.look()
	if got := w.serial(t, 0); got != secondSerial || w.bad.Load() > 0 {
		t.Errorf("got serial %s and %d errors, want %s and none:\n%s", got, w.bad.Load(), secondSerial, w.log)
	}
}

func TestDirectoriesSwappedByKubernetesAreTakenOver(t *testing.T) {
	a := newAuthority(t)
	first, _ := numbered(t, a, 1)
	second, secondSerial := numbered(t, a, 2)
	in := t.TempDir()
	for name, made := range map[string]issued{"..1": first, "..2": second} {
		if err := os.Mkdir(filepath.Join(in, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writePrivate(t, filepath.Join(in, name, "tls.crt"), made.certificate)
		writePrivate(t, filepath.Join(in, name, "tls.key"), made.key)
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(in, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(in, "..tmp"), filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", "..data")
	link("..data/tls.crt", "tls.crt")
	link("..data/tls.key", "tls.key")
	w := watchFiles(t, filepath.Join(in, "tls.crt"), filepath.Join(in, "tls.key"))
	link("..2", "..data")
	if err := os.RemoveAll(filepath.Join(in, "..1")); err != nil {
		t.Fatal(err)
	}
	w.look()
	w.look()
	if got := w.serial(t, 1); got != secondSerial || w.good.Load() != 1 || w.bad.Load() > 0 {
		t.Errorf("got serial %s, want %s:\n%s", got, secondSerial, w.log)
	}
}

func TestLookDuringAReloadChangesNothingOfIt(t *testing.T) {
	a := newAuthority(t)
	first, _ := numbered(t, a, 1)
	second, secondSerial := numbered(t, a, 2)
	third, _ := numbered(t, a, 3)
	certificate, key := first.files(t)
	w := watchFiles(t, certificate, key)
	writePrivate(t, certificate, third.certificate)
	writePrivate(t, key, third.key)
	w.look()
	begun := w.sortedLocked()[0]
	contents := certs.Read(begun.settings.files, readKeyFile)
	writePrivate(t, certificate, second.certificate)
	writePrivate(t, key, second.key)
	commit, changed, err := w.prepare(serveFlags{
		Listen:   []string{w.terminators[0].asked.address, w.terminators[1].asked.address},
		tlsFlags: tlsFlags{TLSCerts: []string{certificate}, TLSKeys: []string{key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	w.compare(begun, contents)
	if strings.Contains(w.log.String(), "TLS certificates reloaded") || w.serial(t, 0) != secondSerial || fmt.Sprint(changed) != "[tls-cert tls-key tls-cert tls-key]" {
		t.Errorf("got serial %s, the changes %v and the log\n%s\nwant %s, both settings for both addresses, and no reload by the look", w.serial(t, 0), changed, w.log, secondSerial)
	}
}

func TestOneIsRemindedOfAnExpiry(t *testing.T) {
	a := newAuthority(t)
	soon := a.issue(t, []string{"hub.example"}, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(13*24*time.Hour + time.Hour) })
	certificate, key := soon.files(t)
	w := watchFiles(t, certificate, key)
	w.remind()
	w.remind()
	if got := strings.Count(w.log.String(), "expires in 13 days"); got != 2 {
		t.Errorf("got %d warnings, want one each time:\n%s", got, w.log)
	}
}
