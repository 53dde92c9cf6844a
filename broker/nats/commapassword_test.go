package nats

import (
	"errors"
	"testing"
)

func TestAPasswordWithACommaIsNotTakenForTwoServers(t *testing.T) {
	if _, err := New(Config{URLs: []string{"nats://user:1,secret@host:4222"}}); !errors.Is(err, errURL) {
		t.Errorf("got %v, want the URL refused, whose first part would be shown as a server", err)
	}
	if _, err := New(Config{URLs: []string{"nats://user:secret@a:1,b:2,nats://user:secret@c:3"}}); err != nil {
		t.Errorf("got %v for servers behind the first, with and without credentials", err)
	}
}
