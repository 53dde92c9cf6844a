package netpoll

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTheReactorShakesHandsHoweverTheClientSends(t *testing.T) {
	ways := map[string]func(net.Conn) net.Conn{
		"as it comes":               nil,
		"byte by byte":              func(c net.Conn) net.Conn { return byteByByte{c} },
		"its hello in many records": func(c net.Conn) net.Conn { return &manyRecords{Conn: c} },
		"data along with its end":   func(c net.Conn) net.Conn { return &corked{Conn: c} },
	}
	for version, number := range versions {
		for way, wrap := range ways {
			t.Run("version="+version+"/"+way, func(t *testing.T) {
				onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
					input := b.collect(len("from the client"))
					b.secure(t, serverConfig(t), func() { b.r.sender.Send(b.slot, NewFrame([]byte("queued before"), true)) })
					c := b.client(number, wrap)
					if err := c.Handshake(); err != nil {
						t.Fatal(err)
					}
					if _, err := io.WriteString(c, "from the client"); err != nil {
						t.Fatal(err)
					}
					if k, ok := c.NetConn().(*corked); ok {
						k.flush()
					}
					b.peer = c
					b.expect(t, "queued before")
					b.handler.await(t, "complete")
					if got := b.handler.list(); got[0] != "securing" || got[1] != "secured <nil>" {
						t.Errorf("got %q told, want the beginning and the end of the handshake first", got)
					}
					b.send(t, "from the hub")
					b.expect(t, "from the hub")
					on(t, b.r, func() {
						if got := input.String(); got != "from the client" {
							t.Errorf("got %q, want what the client sent", got)
						}
						if got := b.r.TLS(b.slot).ConnectionState().Version; got != number {
							t.Errorf("got version %x, want %x", got, number)
						}
					})
				})
			})
		}
	}
}

func TestAClientThatSpeaksNoTLSGetsAPlainAnswer(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		b.handler.onSecured = func(n uint32, err error) {
			var plain *NotTLSError
			if !errors.As(err, &plain) || !strings.HasPrefix("GET / HTTP/1.1\r\n", string(plain.Sent)) {
				t.Errorf("got %v, want a NotTLSError with what the client sent", err)
			}
			b.r.sender.SendLast(n, NewFrame([]byte(" and a plain answer"), false))
		}
		b.secure(t, serverConfig(t), func() { b.r.sender.Send(b.slot, NewFrame([]byte("queued before"), true)) })
		if _, err := io.WriteString(b.peer, "GET / HTTP/1.1\r\n"); err != nil {
			t.Fatal(err)
		}
		b.expect(t, "queued before and a plain answer")
		if _, err := io.WriteString(b.peer, "more"); err != nil {
			t.Fatal(err)
		}
		b.handler.await(t, `input "more"`)
		on(t, b.r, func() {
			if isAhead, _ := b.r.IsSecuring(b.slot); b.r.TLS(b.slot) != nil || isAhead || b.r.TLSBytes() != 0 {
				t.Errorf("got %d bytes of TLS, want nothing left of it", b.r.TLSBytes())
			}
		})
	})
}

func TestWhatCameAheadOfSecureCounts(t *testing.T) {
	for name, want := range map[string]string{"\x16\x03\x01\x00\x05": "securing", "PRI *": "secured the client does not speak TLS", "": "securing"} {
		t.Run(name, func(t *testing.T) {
			onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
				on(t, b.r, func() {
					b.slot = takeOver(t, b.r, b.ours, b.engine)
					b.r.Secure(b.slot, serverConfig(t), netip.AddrPort{}, []byte(name))
				})
				if name == "" {
					_, _ = b.peer.Write([]byte{recordOfHandshake})
				}
				b.handler.await(t, want)
			})
		})
	}
}

func TestHalfAHelloCostsNoGoroutine(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		b.closeOnHangup()
		b.secure(t, serverConfig(t))
		if _, err := b.peer.Write([]byte{recordOfHandshake, 3, 1, 2, 0, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		b.handler.await(t, "securing")
		if got := shakers(); got != 0 {
			t.Errorf("got %d goroutines of handshakes, want none", got)
		}
		b.peer.Close()
		b.handler.await(t, "hangup EOF")
	})
}

func TestAFailedHandshakeSaysWhyBeforeItCloses(t *testing.T) {
	for name, client := range map[string]*tls.Config{
		"an old client":      {InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"no common protocol": {InsecureSkipVerify: true, NextProtos: []string{"h2"}},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
				b.closeOnHangup()
				b.handler.onSecured = func(n uint32, err error) {
					if err == nil {
						t.Error("got a handshake, want it failed")
					}
					b.r.ShutdownWrite(n)
				}
				server := serverConfig(t)
				server.NextProtos = []string{"http/1.1"}
				b.secure(t, server)
				if err := tls.Client(b.peer, client).Handshake(); err == nil || !strings.HasPrefix(err.Error(), "remote error: tls:") {
					t.Errorf("got %v, want the alert of the server", err)
				}
				b.handler.await(t, "secured tls:")
				awaitNoShakers(t)
			})
		})
	}
}

func TestAClientThatTurnsTheCertificateDownIsHeard(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		b.secure(t, serverConfig(t))
		c := tls.Client(b.peer, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "hub.test"})
		if err := c.Handshake(); err == nil {
			t.Error("got a handshake, want it failed")
		}
		c.Close()
		b.handler.await(t, "secured remote error: tls:")
	})
}

func TestACallbackThatPanicsOrExitsFailsItsHandshakeAlone(t *testing.T) {
	for name, callback := range map[string]func(){
		"panics":         func() { panic("by the callback") },
		"exits":          runtime.Goexit,
		"panics outside": func() { OutsideHandshakes(func() { panic("by the callback") }) },
		"exits outside":  func() { OutsideHandshakes(runtime.Goexit) },
	} {
		t.Run(name, func(t *testing.T) {
			onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
				b.closeOnHangup()
				b.handler.onSecured = func(n uint32, err error) { b.r.Close(n, DropClosed) }
				config := serverConfig(t)
				config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
					callback()
					return nil, nil
				}
				b.secure(t, config)
				if err := b.client(tls.VersionTLS13, nil).Handshake(); err == nil {
					t.Error("got a handshake, want it failed")
				}
				b.handler.await(t, "secured tls: a callback of the configuration")
				awaitNoShakers(t)
			})
		})
	}
}

func TestNothingIsLeftOfAHandshakeThatIsClosed(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		b.secure(t, serverConfig(t))
		waits := make(chan struct{})
		c := b.client(tls.VersionTLS13, func(c net.Conn) net.Conn { return &silent{Conn: c, after: 1, waits: waits} })
		go c.Handshake()
		<-waits
		on(t, b.r, func() { b.r.Close(b.slot, DropClosed) })
		awaitNoShakers(t)
		on(t, b.r, func() {
			if got := b.r.TLSBytes(); got != 0 {
				t.Errorf("got %d bytes of TLS, want none", got)
			}
		})
	})
}

// silent is a client's connection that writes a few times and then no more.
type silent struct {
	net.Conn
	after int
	waits chan struct{}
}

func (c *silent) Write(p []byte) (int, error) {
	if c.after--; c.after >= 0 {
		return c.Conn.Write(p)
	}
	close(c.waits)
	return 0, net.ErrClosed
}

func TestNothingIsLeftOfAHandshakeThatIsClosedAsItComputes(t *testing.T) {
	for name, stop := range map[string]bool{"by Close": false, "by Stop": true} {
		t.Run(name, func(t *testing.T) {
			onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
				computes, goOn := make(chan struct{}), make(chan struct{})
				config := serverConfig(t)
				config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
					close(computes)
					<-goOn
					return nil, nil
				}
				b.secure(t, config)
				go b.client(tls.VersionTLS13, nil).Handshake()
				<-computes
				if stop {
					b.r.Stop()
				} else {
					on(t, b.r, func() { b.r.Close(b.slot, DropClosed) })
				}
				close(goOn)
				awaitNoShakers(t)
				if got := b.handler.count("secured"); got != 0 {
					t.Errorf("got %d ends of handshakes told, want none of a closed connection", got)
				}
			})
		})
	}
}

// secureMany begins TLS on n more connections of the reactor, and returns their peers.
func (b *bench) secureMany(t *testing.T, n int, config *tls.Config) (peers []net.Conn, slots []uint32) {
	t.Helper()
	for range n {
		ours, peer := tcpPair(t)
		t.Cleanup(func() { peer.Close() })
		_ = peer.SetDeadline(time.Now().Add(waitLimit))
		on(t, b.r, func() {
			slot := takeOver(t, b.r, ours, b.engine)
			b.r.Secure(slot, config, netip.AddrPort{}, nil)
			slots = append(slots, slot)
		})
		peers = append(peers, peer)
	}
	return peers, slots
}

func TestMoreHandshakesThanMayComputeAllEnd(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.name == "tcp" }, func(t *testing.T, b *bench) {
		peers, _ := b.secureMany(t, 4*shakingAtOnce+8, serverConfig(t))
		ended := make(chan error, len(peers))
		for _, peer := range peers {
			go func() {
				c := tls.Client(byteByByte{peer}, &tls.Config{InsecureSkipVerify: true})
				ended <- c.Handshake()
			}()
		}
		for range peers {
			if err := <-ended; err != nil {
				t.Errorf("got %v, want a handshake", err)
			}
		}
		awaitNoShakers(t)
	})
}

func TestCallbacksOutsideHandshakesHoldUpNoOther(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.name == "tcp" }, func(t *testing.T, b *bench) {
		goOn := make(chan struct{})
		slow := serverConfig(t)
		inside := make(chan struct{}, 2*shakingAtOnce)
		slow.GetConfigForClient = func(*tls.ClientHelloInfo) (config *tls.Config, err error) {
			OutsideHandshakes(func() {
				inside <- struct{}{}
				<-goOn
			})
			return nil, nil
		}
		ended := make(chan error, 2*shakingAtOnce)
		peers, _ := b.secureMany(t, 2*shakingAtOnce, slow)
		for _, peer := range peers {
			go func() { ended <- tls.Client(peer, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
		}
		for range peers {
			<-inside
		}
		b.secure(t, serverConfig(t))
		b.shake(t, tls.VersionTLS13)
		close(goOn)
		for range peers {
			if err := <-ended; err != nil {
				t.Errorf("got %v, want a handshake", err)
			}
		}
	})
}
