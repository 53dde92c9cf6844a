package netpoll

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"net"
	"strings"
	"testing"
)

// recordMaker makes records of TLS 1.3 in place of a client of crypto/tls, which would not make such ones.
type recordMaker struct {
	t        *testing.T
	raw      net.Conn
	newHash  func() hash.Hash
	secret   []byte
	sequence uint64
}

// secretsOf is a place for the lines of tls.Config.KeyLogWriter.
type secretsOf struct{ bytes.Buffer }

func (s *secretsOf) of(t *testing.T, label string) []byte {
	t.Helper()
	for line := range strings.Lines(s.String()) {
		if fields := strings.Fields(line); fields[0] == label {
			secret, err := hex.DecodeString(fields[2])
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
	}
	t.Fatalf("got no %s", label)
	return nil
}

const (
	typeAlert     = 21
	typeHandshake = 22
	typeData      = 23
)

func newRecordMaker(t *testing.T, client *tls.Conn, secrets *secretsOf) *recordMaker {
	m := &recordMaker{t: t, raw: client.NetConn(), newHash: sha256.New, secret: secrets.of(t, "CLIENT_TRAFFIC_SECRET_0")}
	switch client.ConnectionState().CipherSuite {
	case tls.TLS_AES_128_GCM_SHA256:
	case tls.TLS_AES_256_GCM_SHA384:
		m.newHash = sha512.New384
	default:
		t.Skip("this machine has no AES in hardware, so crypto/tls chose ChaCha20-Poly1305, and the test makes records of AES-GCM alone")
	}
	return m
}

// expand is HKDF-Expand-Label of RFC 8446, section 7.1.
func (m *recordMaker) expand(label string, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label...)
	info = append(info, 0)
	out, err := hkdf.Expand(m.newHash, m.secret, string(info), length)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// record seals content of a type.
func (m *recordMaker) record(kind byte, content ...byte) []byte {
	block, err := aes.NewCipher(m.expand("key", map[int]int{32: 16, 48: 32}[m.newHash().Size()]))
	if err != nil {
		m.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		m.t.Fatal(err)
	}
	nonce := m.expand("iv", gcm.NonceSize())
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(m.sequence >> (8 * i))
	}
	m.sequence++
	size := len(content) + 1 + gcm.Overhead()
	head := []byte{typeData, 3, 3, byte(size >> 8), byte(size)}
	return gcm.Seal(head, nonce, append(bytes.Clone(content), kind), head)
}

// keyUpdate is a key update, asking for one in return or not.
func (m *recordMaker) keyUpdate(asks bool) []byte {
	out := m.record(typeHandshake, 24, 0, 0, 1, map[bool]byte{true: 1}[asks])
	m.secret, m.sequence = m.expand("traffic upd", m.newHash().Size()), 0
	return out
}

func (m *recordMaker) write(records ...[]byte) {
	m.t.Helper()
	if _, err := m.raw.Write(bytes.Join(records, nil)); err != nil {
		m.t.Errorf("write records: %v", err)
	}
}

// onEveryEngineWithRecords runs a test on each engine with a client whose records it makes itself.
func onEveryEngineWithRecords(t *testing.T, f func(t *testing.T, b *bench, m *recordMaker)) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		b.closeOnHangup()
		b.secure(t, serverConfig(t))
		secrets := new(secretsOf)
		c := tls.Client(b.peer, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: secrets})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		b.handler.await(t, "secured <nil>")
		b.peer = c
		f(t, b, newRecordMaker(t, c, secrets))
	})
}

// onHangup sets what the handler does at the end of a connection that is open already.
func (b *bench) onHangup(t *testing.T, f func(slot uint32, err error)) {
	t.Helper()
	on(t, b.r, func() { b.handler.onHangup = f })
}

func TestKeyUpdatesAreAnswered(t *testing.T) {
	onEveryEngineWithRecords(t, func(t *testing.T, b *bench, m *recordMaker) {
		for i := range 20 {
			go m.write(m.keyUpdate(true), m.record(typeData, 'a'+byte(i)))
			b.handler.await(t, `input "`+string(rune('a'+i)))
			b.send(t, "a frame")
			b.expect(t, "a frame")
		}
	})
}

func TestKeyUpdatesWithoutEndEndTheConnection(t *testing.T) {
	for name, data := range map[string]bool{"alone": false, "with data between": true} {
		t.Run(name, func(t *testing.T) {
			onEveryEngineWithRecords(t, func(t *testing.T, b *bench, m *recordMaker) {
				b.onHangup(t, func(n uint32, err error) {
					if data && !errors.Is(err, ErrFruitless) {
						t.Errorf("got the hangup %v, want ErrFruitless", err)
					}
					b.r.Close(n, DropClosed)
				})
				go func() {
					for range 200 {
						record := m.keyUpdate(false)
						if data {
							record = append(record, m.record(typeData, 'x')...)
						}
						if _, err := m.raw.Write(record); err != nil {
							return
						}
					}
				}()
				b.handler.await(t, "hangup")
			})
		})
	}
}

func TestWhatIsNoRecordEndsTheConnectionWithAnAlert(t *testing.T) {
	for name, send := range map[string]func(m *recordMaker) []byte{
		"garbage":         func(*recordMaker) []byte { return bytes.Repeat([]byte{0xAA}, 100) },
		"a forged record": func(m *recordMaker) []byte { r := m.record(typeData, 'x'); r[len(r)-1] ^= 1; return r },
		"plain HTTP":      func(*recordMaker) []byte { return []byte("GET / HTTP/1.1\r\n\r\n") },
		"a record twice":  func(m *recordMaker) []byte { r := m.record(typeData, 'x'); return append(r, r...) },
		"a record that is too long": func(*recordMaker) []byte {
			return append([]byte{typeData, 3, 3, 0xFF, 0xFF}, make([]byte, 100)...)
		},
		"empty records": func(m *recordMaker) (out []byte) {
			for range 100 {
				out = append(out, m.record(typeData)...)
			}
			return out
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryEngineWithRecords(t, func(t *testing.T, b *bench, m *recordMaker) {
				b.onHangup(t, func(n uint32, err error) {
					b.r.Pause(n)
					b.r.ShutdownWrite(n)
				})
				go m.raw.Write(send(m))
				b.handler.await(t, "hangup")
				if _, err := b.peer.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "remote error: tls:") {
					t.Errorf("got %v, want an alert", err)
				}
			})
		})
	}
}

func TestFruitlessRecordsAreAllowedOneASecond(t *testing.T) {
	var f fruitless
	for i, c := range []struct {
		more int
		now  uint32
		want bool
	}{
		{maxFruitless, 0, true}, {-5, 0, true}, {0, 0, true}, {1, 0, false}, {1, ticksPerSecond - 1, false},
		{1, 3 * ticksPerSecond, true}, {0, 1000 * ticksPerSecond, true}, {maxFruitless, 1000 * ticksPerSecond, true}, {2, 1001 * ticksPerSecond, false},
	} {
		if got := f.allow(c.more, c.now); got != c.want {
			t.Errorf("step %d: got %d more at %d allowed %v, want %v", i, c.more, c.now, got, c.want)
		}
	}
}
