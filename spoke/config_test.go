package spoke_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/spoke"
)

func TestAConfigThatIsWrongIsNamed(t *testing.T) {
	token := func(context.Context) (string, error) { return "", nil }
	for field, config := range map[string]spoke.Config{
		"ConnectTimeout": {ConnectTimeout: -1},
		"MinDelay":       {MinDelay: 2 * time.Minute, MaxDelay: time.Minute},
		"MaxDelay":       {MaxDelay: 1000 * time.Hour},
		"HealthyAfter":   {HealthyAfter: -1},
		"PingInterval":   {PingInterval: -1},
		"PongTimeout":    {PongTimeout: -1},
		"CloseTimeout":   {CloseTimeout: -1},
		"QueueEvents":    {QueueEvents: -1},
		"QueueBytes":     {QueueBytes: -1},
		"SendBuffer":     {SendBuffer: -1},
		"EventBuffer":    {EventBuffer: -1},
		"MaxTopics":      {MaxTopics: -1},
		"MaxMessage":     {MaxMessage: -1},
		"WhenFull":       {WhenFull: 7},
		"Token":          {Token: "t", GetToken: token},
		"TokenAsEvent":   {TokenAsEvent: true},
		"Authorization":  {Token: "t", Header: http.Header{"Authorization": {"Basic x"}}},
		"Upgrade":        {Header: http.Header{"Upgrade": {"x"}}},
	} {
		t.Run(field, func(t *testing.T) {
			_, err := spoke.Dial(t.Context(), "ws://127.0.0.1:1", config)
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("Dial() = %v, want an error that names %s", err, field)
			}
		})
	}
}

func TestAURLThatIsWrongIsSaid(t *testing.T) {
	for name, url := range map[string]string{
		"no URL":            "::",
		"no scheme":         "127.0.0.1",
		"another scheme":    "ftp://hub/ws",
		"no host":           "ws:///ws",
		"a fragment":        "ws://hub/ws#x",
		"a socket's host":   "ws+unix://host/path:/ws",
		"a relative socket": "ws+unix:path",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := spoke.Dial(t.Context(), url, spoke.Config{}); err == nil || !strings.HasPrefix(err.Error(), "spoke: the URL") {
				t.Errorf("Dial(%q) = %v, want an error about the URL", url, err)
			}
		})
	}
}

func TestErrorsKeepSecretsOfTheURL(t *testing.T) {
	_, err := spoke.Dial(t.Context(), "ws://user:hidden@127.0.0.1:1/ws?token=hidden", quick(spoke.Config{}))
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("Dial() = %v, want an error without the password and the query", err)
	}
	_, err = spoke.Dial(t.Context(), "ftp://user:hidden@hub/ws?token=hidden", spoke.Config{})
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("Dial() = %v, want an error without the password and the query", err)
	}
}

func TestAShortMaxDelayLowersTheDefaultOfMinDelay(t *testing.T) {
	_, err := spoke.Dial(t.Context(), "ws://127.0.0.1:1", spoke.Config{MaxDelay: time.Millisecond})
	if _, ok := errors.AsType[*spoke.ConnectError](err); !ok {
		t.Errorf("Dial() = %v, want no complaint about Config", err)
	}
}
