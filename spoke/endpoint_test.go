package spoke

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestNoOddPasswordIsInAnErrorOrAName(t *testing.T) {
	for _, text := range []string{
		"ws://user:12secret@hub.invalid/ws", "ws://user:se#secret@hub.invalid/ws", "ws://user:12#secret@hub.invalid/ws", "ws://user:se/secret@hub.invalid/ws",
		"ws://127.0.0.1:12/secret@hub.invalid/ws", "ws://user:se?secret@hub.invalid/ws", "ws://user:se@secret@hub.invalid/ws", "ws://user:%secret@hub.invalid/ws",
		"ws://:secret@hub.invalid/ws#a", "ws+unix://user:secret@h/a:/b", "kafka://user:sec#secret@h", "ws://user:secret:secret@hub.invalid:a",
	} {
		if e, err := parseEndpoint(text); err == nil && strings.Contains(e.name, "secret") || err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), `":se`)) {
			t.Errorf("parseEndpoint(%q) = %q and %v, want no part of the password", text, e.name, err)
		}
		_, err := Dial(t.Context(), text, Config{ConnectTimeout: time.Second, Logger: slog.New(slog.DiscardHandler)})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Dial(%q) = %v, want an error without the password", text, err)
		}
	}
}

func TestAnAtInAPathIsNoPassword(t *testing.T) {
	for text, want := range map[string]string{
		"ws://hub/@room/ws":                 "ws://hub/@room/ws",
		"ws://user:secret@hub:80/@room/ws":  "ws://hub:80/@room/ws",
		"ws+unix:///run/@hub.sock:/ws":      "ws+unix:///run/@hub.sock:/ws",
		"ws://hub:80/ws?user=a@example.org": "ws://hub:80/ws",
	} {
		if e, err := parseEndpoint(text); err != nil || e.name != want {
			t.Errorf("parseEndpoint(%q) shows %q, %v, want %q", text, e.name, err, want)
		}
	}
}
