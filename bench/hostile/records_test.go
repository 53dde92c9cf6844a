//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// secureListener reads what one client sends over TLS, and passes on so many bytes of it, or what has come before an error.
func secureListener(t *testing.T, config *tls.Config, length int) (at place, got <-chan []byte) {
	t.Helper()
	certificate, key, err := swarm.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	read := make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buffer := make([]byte, length)
		n, _ := io.ReadFull(conn, buffer)
		read <- buffer[:n]
	}()
	return place{Address: listener.Addr().String(), Certificate: string(certificate)}, read
}

func TestRecordsAreThoseOfTLS13(t *testing.T) {
	const want = "ab, then the next keys, and others after those"
	at, got := secureListener(t, &tls.Config{}, len(want))
	c, secrets := beginTLS(t, at)
	r, err := newRecords(secrets.secret)
	if err != nil {
		t.Fatal(err)
	}
	var view []byte
	for i, part := range []string{want[:1], want[1:2], "", want[2:22], want[22:]} {
		if i > 2 {
			if view, err = r.appendKeyUpdate(view); err != nil {
				t.Fatal(err)
			}
		}
		view = r.append(view, recordApplication, []byte(part))
	}
	view = append(r.append(view, recordAlert, []byte{alertWarning, alertUserCanceled}), 0)
	c.TCPConn.Write(view)
	if got := <-got; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOldRecordsAreThoseOfTLS12(t *testing.T) {
	const want = "one record and another"
	at, got := secureListener(t, &tls.Config{MaxVersion: tls.VersionTLS12}, len(want))
	c, err := at.server().DialTCP(0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	config, err := at.server().TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	r, err := shakeOldHands(c, config)
	if err != nil {
		t.Fatal(err)
	}
	c.TCPConn.Write(r.append(r.append(nil, recordApplication, []byte(want[:10])), recordApplication, []byte(want[10:])))
	if got := <-got; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func beginTLS(t *testing.T, at place) (*server.Conn, *keyLog) {
	t.Helper()
	c, err := at.server().DialTCP(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	config, err := at.server().TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	secrets := &keyLog{label: []byte(trafficSecret)}
	config.KeyLogWriter = secrets
	if err := c.StartTLS(config); err != nil {
		t.Fatal(err)
	}
	return c, secrets
}

func TestARecordedHelloIsAnsweredAgain(t *testing.T) {
	for range 2 {
		at, _ := secureListener(t, &tls.Config{}, 1)
		conn, err := net.Dial("tcp", at.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write(recordedHello(at))
		answer := make([]byte, recordHead+1)
		if _, err := io.ReadFull(conn, answer); err != nil || !bytes.Equal(answer[:3], []byte{recordHandshake, 3, 3}) {
			t.Errorf("got %x and %v, want a handshake record", answer, err)
		}
	}
}
