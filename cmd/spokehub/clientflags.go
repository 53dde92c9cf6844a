package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spokehub/spokehub/spoke"
)

// clientFlags are the flags of the commands that connect to a hub.
type clientFlags struct {
	URL       string        `group:"hub" default:"ws://127.0.0.1:8080/ws" help:"The hub: ws://, wss:// or ws+unix:///path/to/socket:/ws. (default ${default})"`
	Token     string        `group:"hub" placeholder:"TOKEN" help:"Who you are. The list of processes shows it; the variable and --token-file do not. (default: nobody)"`
	TokenFile string        `group:"hub" env:"-" placeholder:"FILE" help:"A file with the token, which is read again for each connection; - is standard input. (default: none)"`
	Origin    string        `group:"hub" env:"-" placeholder:"ORIGIN" help:"An Origin to send, as the pages of a site do. (default: none)"`
	Header    []string      `group:"hub" env:"-" sep:"none" placeholder:"NAME:VALUE" help:"A header of the handshake, such as 'Cookie: session=1'. Repeat it for several. (default: none)"`
	CA        string        `group:"hub" name:"ca" env:"-" placeholder:"FILE" help:"Certificates of the authorities to trust for wss://, in PEM, besides those of the system. (default: none)"`
	Insecure  bool          `group:"hub" env:"-" help:"Accept any certificate: for a try only, since anybody can be the hub then. (default false)"`
	Timeout   time.Duration `group:"hub" env:"-" default:"10s" placeholder:"TIME" help:"How long to wait for the hub: for a connection, and for an answer. (default ${default})"`
}

// config is the configuration of a client with these flags. Its log goes nowhere; commands print what matters.
func (f *clientFlags) config() (spoke.Config, error) {
	config := spoke.Config{Token: f.Token, ConnectTimeout: f.Timeout, CloseTimeout: f.Timeout, Logger: slog.New(slog.DiscardHandler), Header: http.Header{}}
	if f.Timeout <= 0 {
		return spoke.Config{}, usageError{fmt.Errorf("--timeout: got %v, want more than 0", f.Timeout)}
	}
	for _, line := range f.Header {
		name, value, found := strings.Cut(line, ":")
		if !found || strings.TrimSpace(name) == "" {
			return spoke.Config{}, usageError{fmt.Errorf("--header: got %q, want NAME:VALUE", line)}
		}
		if hasControl(line) {
			return spoke.Config{}, usageError{fmt.Errorf("--header: %q has a line break or another control character", strings.TrimSpace(name))}
		}
		config.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if hasControl(f.Token) || hasControl(f.Origin) {
		return spoke.Config{}, usageError{errors.New("--token and --origin: a line break or another control character is in one of them; quote what the shell puts in, or use --token-file")}
	}
	if f.Origin != "" {
		config.Header.Set("Origin", f.Origin)
	}
	if err := f.useTokenFile(&config); err != nil {
		return spoke.Config{}, err
	}
	var err error
	config.TLS, err = f.tls()
	return config, err
}

// hasControl reports whether a text has a character that no header may have.
func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && unicode.IsControl(r) })
}

// useTokenFile has the token read from --token-file.
func (f *clientFlags) useTokenFile(config *spoke.Config) error {
	switch {
	case f.TokenFile == "":
		return nil
	case f.Token != "":
		return usageError{errors.New("--token and --token-file: got both, want one")}
	}
	name := f.TokenFile
	token, err := readToken(name)
	if err != nil {
		return usageError{fmt.Errorf("--token-file: %w", err)}
	}
	if name == "-" {
		config.Token = token
		return nil
	}
	config.GetToken = func(context.Context) (string, error) { return readToken(name) }
	return nil
}

// maxTokenFile is how long a file with a token may be.
const maxTokenFile = 64 << 10

func readToken(name string) (string, error) {
	from := os.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%s: the file is empty, want a token", name)
	}
	return token, nil
}

// tls is the configuration for wss, nil for that of the library.
func (f *clientFlags) tls() (*tls.Config, error) {
	if f.CA == "" && !f.Insecure {
		return nil, nil
	}
	config := &tls.Config{InsecureSkipVerify: f.Insecure}
	if f.CA == "" {
		return config, nil
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, usageError{fmt.Errorf("--ca: %w", err)}
	}
	if config.RootCAs, err = x509.SystemCertPool(); err != nil {
		config.RootCAs = x509.NewCertPool()
	}
	if !config.RootCAs.AppendCertsFromPEM(text) {
		return nil, usageError{fmt.Errorf("--ca: %s has no certificate in PEM", f.CA)}
	}
	return config, nil
}

// dial connects within the timeout. The error has its exit code.
func (f *clientFlags) dial(ctx context.Context, config spoke.Config) (*spoke.Client, error) {
	client, err := spoke.Dial(ctx, f.URL, config)
	if err == nil {
		return client, nil
	}
	if _, failed := errors.AsType[*spoke.ConnectError](err); !failed {
		return nil, usageError{fmt.Errorf("--url: %w", err)}
	}
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	return nil, withCode(err)
}
