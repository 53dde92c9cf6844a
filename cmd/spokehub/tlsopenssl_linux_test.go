package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// openssl is a running openssl s_client: what is written to it goes to the hub, unless it is a command, and what the hub says is read
// from it.
type openssl struct {
	io.Writer
	*bufio.Reader
	command *exec.Cmd
	// errors is its standard error, and said what has been read of it.
	errors *bufio.Reader
	said   strings.Builder
}

func findOpenSSL(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		unavailable(t, "openssl is not installed")
	}
	return path
}

// openssl starts s_client with further arguments.
func (h *secureHub) openssl(t *testing.T, arguments ...string) *openssl {
	t.Helper()
	path := findOpenSSL(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, path, append([]string{"s_client", "-connect", h.address, "-CAfile", h.authority.file, "-verify_return_error",
		"-servername", "hub.example", "-verify_hostname", "hub.example"}, arguments...)...)
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	complaints, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	o := &openssl{Writer: in, Reader: bufio.NewReader(out), command: command, errors: bufio.NewReader(complaints)}
	t.Cleanup(func() {
		cancel()
		if said := o.ends(); t.Failed() {
			t.Logf("openssl said:\n%s", said)
		}
	})
	return o
}

// ends waits for the end of s_client and returns all that it has said.
func (o *openssl) ends() string {
	_, _ = io.Copy(&o.said, o.errors)
	_ = o.command.Wait()
	return o.said.String()
}

// ask sends a request and returns the body of the answer.
func (o *openssl) ask(t *testing.T, path string) string {
	t.Helper()
	if _, err := io.WriteString(o, "GET /"+path+" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return o.answer(t)
}

// answer is the body of the next response.
func (o *openssl) answer(t *testing.T) string {
	t.Helper()
	response, err := http.ReadResponse(o.Reader, nil)
	if err != nil {
		t.Fatalf("got no answer: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// orders has s_client carry out a command.
func (o *openssl) orders(t *testing.T, command, word string) {
	t.Helper()
	if err := o.carriesOut(command, word); err != nil {
		t.Fatalf("got %v from the command %s, want %s", err, command, word)
	}
}

// carriesOut types a command of s_client and waits for the word with which it says that it has carried it out.
func (o *openssl) carriesOut(command, word string) error {
	if _, err := io.WriteString(o, command+"\n"); err != nil {
		return err
	}
	for {
		line, err := o.errors.ReadString('\n')
		o.said.WriteString(line)
		if err != nil || strings.TrimSpace(line) == word {
			return err
		}
	}
}

// all is what s_client says of the connection that it makes and leaves.
func (h *secureHub) all(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, findOpenSSL(t), append([]string{"s_client", "-connect", h.address, "-CAfile", h.authority.file}, arguments...)...)
	output, err := command.CombinedOutput()
	return string(output), err
}

// suitesOfTheHub are the cipher suites that docs/tls.md names, as OpenSSL calls them.
var suitesOfTheHub = map[string][]string{
	"-tls1_2": {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"},
	"-tls1_3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
}

func TestOpenSSLIsASpokeWithEachCipherSuite(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	for version, suites := range suitesOfTheHub {
		for _, suite := range suites {
			t.Run(suite, func(t *testing.T) {
				choose := "-cipher"
				if version == "-tls1_3" {
					choose = "-ciphersuites"
				}
				o := hub.openssl(t, "-quiet", version, choose, suite)
				upgradeOver(t, o, hub.websocket).getsEvents(t, hub.process)
			})
		}
	}
}

func TestOpenSSLGetsTheCertificateOfTheNameItAsksFor(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	var flags []string
	for _, name := range []string{"first.example", "second.example", "*.third.example"} {
		certificate, key := a.issue(t, []string{name}, nil).files(t)
		flags = append(flags, "--tls-cert="+certificate, "--tls-key="+key)
	}
	p := startHub(t, nil, flags...)
	hub := &secureHub{process: p, authority: a, address: addressOf(t, p.page)}
	for asked, want := range map[string]string{
		"second.example": "second.example", "any.third.example": "*.third.example", "first.example": "first.example",
		"third.example": "first.example", "unknown.example": "first.example", "": "first.example",
	} {
		arguments := []string{"-servername", asked}
		if asked == "" {
			arguments = []string{"-noservername"}
		}
		if got, err := hub.all(t, arguments...); err != nil || !strings.Contains(got, "subject=CN = "+want+"\n") {
			t.Errorf("the name %q: got %v and\n%s\nwant the certificate of %s", asked, err, got, want)
		}
	}
}

func TestOpenSSLShowsACertificateOfItsOwn(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	p := startHub(t, nil, "--config="+writeConfig(t, ownInbox), "--tls-cert="+certificate, "--tls-key="+key, "--tls-client-ca="+a.file)
	hub := &secureHub{process: p, authority: a, address: addressOf(t, p.page)}
	shown, secret := a.issue(t, []string{"ada"}, nil).files(t)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		s := upgradeOver(t, hub.openssl(t, "-quiet", version, "-cert", shown, "-key", secret), hub.websocket)
		s.subscribe(t, "inbox:ada")
		o := hub.openssl(t, "-quiet", version)
		_, _ = io.WriteString(o, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		rest, _ := io.ReadAll(o)
		if said := o.ends(); len(rest) > 0 || !strings.Contains(said, "alert") {
			t.Errorf("%s without a certificate: got %q and\n%s\nwant an alert", version, rest, said)
		}
	}
}

func TestOpenSSLCanNotTakeUpASessionAgain(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		got, err := hub.all(t, version, "-reconnect")
		if err != nil || strings.Contains(got, "Reused,") || strings.Contains(got, "session ticket") || strings.Count(got, "New,") != 6 {
			t.Errorf("%s: got %v and\n%s\nwant six new sessions and no ticket", version, err, got)
		}
	}
}

// A server of OpenSSL gives the session with which its client then offers early data to the hub. crypto/tls turns that down with an alert.
func TestEarlyDataIsRefusedAndExplained(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	session, early := filepath.Join(t.TempDir(), "session"), writeFile(t, "early", "GET /early HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	ticketOfAnother(t, hub, session)
	o := hub.openssl(t, "-tls1_3", "-brief", "-sess_in", session, "-early_data", early)
	rest, _ := io.ReadAll(o)
	if said := o.ends(); len(rest) > 0 || !strings.Contains(said, "unsupported extension") {
		t.Errorf("got %q, and openssl said\n%s\nwant an alert", rest, said)
	}
	if hint, _ := hub.output.await(t, "TLS handshake failed")["hint"].(string); !strings.Contains(hint, "0-RTT") {
		t.Errorf("got the hint %q, want one about 0-RTT", hint)
	}
	if got := hub.openssl(t, "-tls1_3", "-brief", "-sess_in", session).ask(t, "healthz"); got != "alive" {
		t.Errorf("got %q with the session and without early data, want alive", got)
	}
}

// ticketOfAnother has a server of OpenSSL with the hub's certificate write a session that allows early data.
func ticketOfAnother(t *testing.T, hub *secureHub, session string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server := exec.CommandContext(ctx, findOpenSSL(t), "s_server", "-accept", "127.0.0.1:0", "-cert", hub.certificate, "-key", hub.key, "-tls1_3",
		"-max_early_data", "16384", "-naccept", "1", "-rev")
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = server.Wait()
	}()
	var address string
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		_, address, _ = strings.Cut(lines.Text(), "ACCEPT ")
	}
	go io.Copy(io.Discard, out)
	client := *hub
	client.address = address
	o := client.openssl(t, "-tls1_3", "-sess_out", session, "-brief")
	if _, err := io.WriteString(o, "abc\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := o.ReadString('\n'); err != nil || got != "cba\n" {
		t.Fatalf("got %q and %v from s_server, want cba", got, err)
	}
	_, _ = io.WriteString(o, "Q\n")
	said := o.ends()
	if _, err := os.Stat(session); err != nil {
		t.Fatalf("s_client has written no session: %v\n%s", err, said)
	}
}

func TestKeyUpdatesOfOpenSSLAreAnswered(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	o := hub.openssl(t, "-tls1_3", "-brief")
	for _, command := range []string{"K", "k", "K"} {
		if got := o.ask(t, "healthz"); got != "alive" {
			t.Fatalf("got %q, want alive", got)
		}
		o.orders(t, command, "KEYUPDATE")
	}
	s := upgradeOver(t, o, hub.websocket)
	s.getsEvents(t, hub.process)
	o.orders(t, "K", "KEYUPDATE")
	s.getsEvents(t, hub.process)
}

func TestRenegotiationIsRefused(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	o := hub.openssl(t, "-tls1_2", "-brief")
	if got := o.ask(t, "healthz"); got != "alive" {
		t.Fatalf("got %q, want alive", got)
	}
	o.orders(t, "R", "RENEGOTIATING")
	if rest, err := io.ReadAll(o); len(rest) > 0 || err != nil {
		t.Errorf("got %q and %v, want the end", rest, err)
	}
	if said := o.ends(); !strings.Contains(said, "alert") {
		t.Errorf("openssl said\n%s\nwant an alert", said)
	}
}

func TestALPNIsHTTP1OrNothing(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	for offered, want := range map[string]string{"h2,http/1.1": "ALPN protocol: http/1.1", "http/1.1": "ALPN protocol: http/1.1", "h2": "no application protocol"} {
		if got, _ := hub.all(t, "-alpn", offered); !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s\nwant %s", offered, got, want)
		}
	}
}
