//go:build faults && linux

package simulation

import (
	"bytes"
	"math/rand/v2"
	"strings"
)

// annoy has a stranger come to the port that speaks TLS, who does not get as far as a request.
func (s *sim) annoy(r *rand.Rand) {
	if !s.traits.secure || !oneIn(r, 15) {
		return
	}
	a := pick(r, annoyances...)
	s.logf("stranger: %s", a.name)
	s.came[a.name]++
	a.run(s, r)
}

const (
	// securely and givenBack are names in bystanders.came.
	securely  = "an attack within TLS"
	givenBack = "being given back"
)

func annoyanceNames() (names []string) {
	for _, a := range annoyances {
		names = append(names, a.name)
	}
	return names
}

var annoyances = []struct {
	name string
	run  func(s *sim, r *rand.Rand)
}{
	{"bytes that are no TLS", (*sim).annoyWithNoise},
	{"plain HTTP on the port for TLS", (*sim).annoyWithHTTP},
	{"half a hello for ever", (*sim).annoyWithHalfAHello},
	{"a handshake and a reset within a record", (*sim).annoyWithHalfARecord},
	{"a handshake and garbage", (*sim).annoyWithGarbage},
	{"a handshake and an end without a word", (*sim).annoyByLeaving},
}

func (s *sim) annoyWithNoise(r *rand.Rand) {
	k := s.dialed(s.securePort, r)
	k.out = noise(r, 1+r.IntN(3000))
	if oneIn(r, 2) {
		copy(k.out, hello)
	}
	k.flush()
	k.kill()
}

// hello is how a ClientHello of 512 bytes begins.
const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

func noise(r *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func (s *sim) annoyWithHTTP(r *rand.Rand) {
	k := s.dialed(s.securePort, r)
	defer k.close()
	k.out = []byte(handshake)
	s.awaitAccepted("the answer to plain HTTP", func() bool {
		k.flush()
		k.read()
		return k.ended
	})
	if s.traits.plan.Reset == 0 && !bytes.HasPrefix(k.in, []byte("HTTP/1.1 400 ")) {
		s.fail("got %q to plain HTTP on the port for TLS, want 400", k.in)
	}
}

// annoyWithHalfAHello leaves a client behind that never ends its hello.
func (s *sim) annoyWithHalfAHello(r *rand.Rand) {
	k := s.dialed(s.securePort, r)
	k.out = []byte(hello[:1+r.IntN(len(hello))])
	k.flush()
	s.halfHellos = append(s.halfHellos, k)
}

// killHalfHellos ends those that are left.
func (s *sim) killHalfHellos() {
	for _, k := range s.halfHellos {
		k.kill()
	}
}

func (s *sim) annoyWithHalfARecord(r *rand.Rand) {
	k := s.reached("tls", r)
	k.out = []byte(handshake)[:r.IntN(len(handshake))]
	k.flush()
	k.kill()
}

func (s *sim) annoyWithGarbage(r *rand.Rand) {
	k := s.reached("tls", r)
	defer k.kill()
	k.secure.out = append(k.secure.out, noise(r, 100)...)
	s.await("the end of a connection that sends garbage", func() bool {
		k.flush()
		k.read()
		return k.ended
	})
	if s.traits.engine.HasDescriptors() && s.traits.plan.Reset+s.traits.plan.Again == 0 && !strings.Contains(k.failed.Error(), "remote error: tls:") {
		s.fail("got %v to garbage, want an alert", k.failed)
	}
}

func (s *sim) annoyByLeaving(r *rand.Rand) {
	k := s.reached("tls", r)
	k.close()
}
