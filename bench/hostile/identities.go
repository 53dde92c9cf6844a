//go:build linux

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"

	"github.com/spokehub/spokehub/bench/server"
)

// strangers is how many attackers there are who have no token.
const strangers = 1000

// identityAttacks are against a hub that asks who its clients are. Innocents have a token, attackers have none.
var identityAttacks = []attack{
	{name: "token-flood", about: "bad tokens by __auth", asking: asking{identity: asked}, prepare: badTokens, play: flooding},
	{name: "token-flood-anonymous", about: "the same, of clients that need none", asking: asking{identity: asked}, flags: anonymousMayAll, prepare: badTokens, play: flooding},
	{name: "huge-tokens", about: "tokens as long as a message may be", asking: asking{identity: asked}, prepare: hugeToken, play: flooding},
	{name: "unidentified-crowd", about: "clients that never say who they are", clients: strangers, asking: asking{identity: asked}, wanted: wanted{end: endOpen}, play: joined(func(a *attacker, c *server.Conn) string { return a.stay(c) })},
	{name: "unidentified-parts", about: "messages of a MiB that lack their end, of clients that have not said who they are", clients: strangers, asking: asking{identity: asked}, limited: true, flags: largeMessages, prepare: withoutEnd, play: holding},
	{name: "early-events", about: "events of clients that have not said who they are", asking: asking{identity: asked}, prepare: earlyEvents, play: flooding},
	{name: "hung-provider", about: "tokens that name keys which the provider never delivers", clients: strangers, asking: asking{identity: askedOfHung}, play: joined(sendUnknownKey)},
	{name: "forbidden-events", about: "events that their sender may not publish", asking: asking{identity: asked}, flags: anonymousMayRead, prepare: earlyEvents, play: flooding},
	{name: "refused-handshakes", about: "handshakes with a bad token, and at once again", asking: asking{identity: asked}, play: churnRefused},
}

var (
	anonymousMayAll  = []string{"--anonymous=all"}
	anonymousMayRead = []string{"--anonymous=subscribe=*"}
)

// identityUse says whether a hub asks for identities.
type identityUse uint8

const (
	// unasked: it does not.
	unasked identityUse = iota
	// asked: it has a key that verifies tokens.
	asked
	// askedOfHung: it also has a provider of keys, which hangs once the hub runs.
	askedOfHung
)

const identitySecret = "a secret of the attacked hub, of 32 bytes and more"

// withIdentity has the hub of the attack ask for identities, if it is to. done ends what that took.
func (a attack) withIdentity() (ready attack, done func(), err error) {
	if a.identity == unasked {
		return a, func() {}, nil
	}
	file, err := os.CreateTemp("", "hostile-key-*")
	if err != nil {
		return a, nil, fmt.Errorf("make a key: %w", err)
	}
	_, err = file.WriteString(identitySecret)
	file.Close()
	if err != nil {
		os.Remove(file.Name())
		return a, nil, fmt.Errorf("make a key: %w", err)
	}
	flags := append([]string{"--jwt-key=" + file.Name(), "--jwt-query=token"}, a.flags...)
	done = func() { os.Remove(file.Name()) }
	if a.identity == askedOfHung {
		provider := newHungProvider()
		flags = append(flags, "--jwks="+provider.URL)
		removed := done
		done = func() {
			removed()
			provider.CloseClientConnections()
			provider.Close()
		}
	}
	a.flags = flags
	a.query = "?token=" + signed(`{"alg":"HS256","typ":"JWT"}`)
	return a, done, nil
}

// signed is a token of an innocent with that header.
func signed(header string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(`{"sub":"innocent","exp":4102444800,"subscribe":["*"],"publish":["*"]}`))
	sum := hmac.New(sha256.New, []byte(identitySecret))
	sum.Write([]byte(text))
	return text + "." + encode(sum.Sum(nil))
}

// newHungProvider answers once, with no keys, and never again.
func newHungProvider() *httptest.Server {
	var requests atomic.Int64
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			fmt.Fprint(w, `{"keys":[]}`)
			return
		}
		<-r.Context().Done()
	}))
}

func authOf(token string) []byte {
	return server.Text(fmt.Sprintf(`{"type":"__auth","id":"1","payload":{"token":%q}}`, token))
}

func badTokens(place) []byte { return repeated(authOf(signed(`{"alg":"HS256"}`) + "x")) }

func hugeToken(at place) []byte {
	return authOf(strings.Repeat("x", at.Message-len(`{"type":"__auth","id":"1","payload":{"token":""}}`)))
}

func earlyEvents(place) []byte { return repeated(server.Text(`{"type":"x","payload":1}`)) }

func withoutEnd(at place) []byte {
	whole := eventOf(at.Message, `"`, `"`, func(int) string { return ",xxxxxx" })
	return whole[:len(whole)-1]
}

// stay is hold for a client that has to leave in the end because nobody knows it.
func (a *attacker) stay(c *server.Conn) string {
	if end := a.hold(c); end != "4401" {
		return end
	}
	return endOpen
}

func sendUnknownKey(a *attacker, c *server.Conn) string {
	for number := 0; ; number++ {
		if end := a.send(c, authOf(signed(fmt.Sprintf(`{"alg":"RS256","kid":"%d.%d"}`, a.number, number)))); end != "" {
			return end
		}
		if end := a.readOne(c); end != "" {
			return end
		}
	}
}

func churnRefused(a *attacker) string {
	at := a.place
	at.Path += "?token=no.to.ken"
	request := at.server().Request()
	for a.ctx.Err() == nil {
		end := withConnection(func(a *attacker, c *server.Conn) string {
			a.write(c, request)
			return readStatus(c)
		})(a)
		if end != "HTTP 401" {
			return end
		}
	}
	return endOpen
}
