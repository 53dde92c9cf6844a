package main

import (
	"strings"
	"testing"
)

func TestDoctorAnswersByItsExitCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arguments      []string
		code           int
		stdout, stderr string
	}{
		"enough":                  {[]string{"--spokes=10"}, exitOK, " of 10 spokes: enough. ", ""},
		"too few":                 {[]string{"--max-connections=9", "--spokes=10"}, exitFailure, "9 of 10 spokes: too few. --max-connections is hit first.", ""},
		"by the file":             {[]string{"--config", writeConfig(t, "max-connections: 9\n"), "--spokes=10"}, exitFailure, "9 of 10 spokes: too few.", ""},
		"a hundred thousand":      {[]string{"--max-connections=9"}, exitFailure, "9 of 100,000 spokes", ""},
		"a wrong number":          {[]string{"--spokes=many"}, exitUsage, "", "--spokes"},
		"no spoke":                {[]string{"--spokes=0"}, exitUsage, "", "--spokes: got 0, want 1 to 1000000000"},
		"more than there can be":  {[]string{"--spokes=18446744073709551615"}, exitUsage, "", "--spokes"},
		"a wrong flag of the hub": {[]string{"--workers=-1"}, exitUsage, "", "--workers"},
		"a wrong file":            {[]string{"--config", writeConfig(t, "relais: true\n")}, exitUsage, "", "relais"},
		"help":                    {[]string{"--help"}, exitOK, "--spokes=N", ""},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, nil, append([]string{"doctor"}, c.arguments...)...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
				t.Errorf("got %d, %q and %q, want %d, %q and %q", code, stdout, stderr, c.code, c.stdout, c.stderr)
			}
		})
	}
}

func TestDoctorReckonsWithTLS(t *testing.T) {
	t.Parallel()
	certificate, key := newAuthority(t).issue(t, []string{"hub.example"}, nil).files(t)
	if got := foretell(t, nil, nil, "--spokes=1", "--tls-cert="+certificate, "--tls-key="+key).Constants.ProcessBytes; got != 6767 {
		t.Errorf("got %d bytes a spoke with --tls-cert, want those of TLS", got)
	}
	if got := foretell(t, nil, nil, "--spokes=1").Constants.ProcessBytes; got != 252 {
		t.Errorf("got %d bytes a spoke, want those without TLS", got)
	}
}

func TestAWrongAUTOMEMLIMITIsToldAndTakesNothing(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"1.1", "0", "-1", "NaN", "most"} {
		hub := startHub(t, []string{"GOMEMLIMIT=", "AUTOMEMLIMIT=" + wrong})
		if record := hub.output.await(t, "GOMEMLIMIT stays off"); !strings.Contains(record["error"].(string), "AUTOMEMLIMIT") {
			t.Errorf("%s: got %v, want the variable named", wrong, record)
		}
		if hub.start["gomemlimit"] != "off" {
			t.Errorf("%s: got GOMEMLIMIT %v, want it off", wrong, hub.start["gomemlimit"])
		}
		hub.terminate(t)
	}
}
