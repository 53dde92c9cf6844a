//go:build linux

package swarm

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/event"
)

func TestEachClientShowsATokenOfItsOwnUser(t *testing.T) {
	const secret = "a secret of at least thirty-two bytes"
	for client, user := range map[int]string{0: "user0", 20_000: "user20000"} {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(Server{Address: "127.0.0.1:1", Path: "/ws", Secret: secret}.Handshake(client))))
		if err != nil {
			t.Fatal(err)
		}
		token, isBearer := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
		claims := jwt.MapClaims{}
		if _, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte(secret), nil }, jwt.WithExpirationRequired()); err != nil || !isBearer {
			t.Fatalf("got the token %q and the error %v, want a good one", token, err)
		}
		if claims["sub"] != user {
			t.Errorf("got the user %v, want %s", claims["sub"], user)
		}
		for _, claim := range []string{"subscribe", "publish"} {
			var texts []string
			for _, text := range claims[claim].([]any) {
				texts = append(texts, text.(string))
			}
			patterns, err := event.ParsePatterns(texts)
			if err != nil {
				t.Fatalf("%s: %v", claim, err)
			}
			for topic, want := range map[string]bool{"tick": true, "room:0000001f": true, "inbox:" + user: true, "inbox:user1": false, "order": false} {
				if got := patterns.Match([]byte(topic), user); got != want {
					t.Errorf("%s: got %v for %s, want %v", claim, got, topic, want)
				}
			}
		}
	}
}

func TestWithoutASecretNoClientShowsAToken(t *testing.T) {
	if got, want := (Server{Address: "127.0.0.1:1", Path: "/ws"}).Handshake(7), Handshake("/ws", "127.0.0.1:1"); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
