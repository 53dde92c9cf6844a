package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// scanPatience is for testssl, which waits often and starts thousands of processes.
const scanPatience = 10 * time.Minute

// scan runs a scanner and returns what it says.
func scan(t *testing.T, tools []string, arguments ...string) string {
	t.Helper()
	for _, tool := range tools {
		path, err := exec.LookPath(tool)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), scanPatience)
		defer cancel()
		output, err := exec.CommandContext(ctx, path, arguments...).CombinedOutput()
		if _, ended := err.(*exec.ExitError); err != nil && !ended {
			t.Fatalf("%s: %v\n%s", tool, err, output)
		}
		return string(output)
	}
	unavailable(t, "%s is not installed", tools[0])
	return ""
}

// startScannedHub is a hub with a certificate of each kind.
func startScannedHub(t *testing.T) *secureHub {
	t.Helper()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example", "localhost"}, func(c *x509.Certificate) { c.DNSNames = []string{"hub.example", "localhost"} }).files(t)
	second, secondKey := a.issueRSA(t, "localhost").files(t)
	p := startHub(t, nil, "--tls-cert="+certificate, "--tls-key="+key, "--tls-cert="+second, "--tls-key="+secondKey)
	return &secureHub{p, a, certificate, key, addressOf(t, p.page)}
}

// issueRSA makes a certificate with an RSA key.
func (a *authority) issueRSA(t *testing.T, name string) issued {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var made issued
	made.der, err = x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(t), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(999 * time.Hour), DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	made.certificate, made.key = inPEM("CERTIFICATE", made.der), inPEM("PRIVATE KEY", secret)
	return made
}

func TestSSLScanFindsNothingOldOrWeak(t *testing.T) {
	t.Parallel()
	hub := startScannedHub(t)
	got := scan(t, []string{"sslscan"}, "--no-colour", "--show-certificate=no", hub.address)
	for _, want := range []string{
		`SSLv2 +disabled`, `SSLv3 +disabled`, `TLSv1\.0 +disabled`, `TLSv1\.1 +disabled`, `TLSv1\.2 +enabled`, `TLSv1\.3 +enabled`,
		`Server supports TLS Fallback SCSV`, `Session renegotiation not supported`, `TLSv1\.2 not vulnerable to heartbleed`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
	var suites []string
	for _, line := range regexp.MustCompile(`(?m)^(?:Accepted|Preferred) +\S+ +\d+ bits +(\S+)`).FindAllStringSubmatch(got, -1) {
		suites = append(suites, line[1])
	}
	slices.Sort(suites)
	want := slices.Concat(suitesOfTheHub["-tls1_2"], suitesOfTheHub["-tls1_3"],
		[]string{"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"})
	slices.Sort(want)
	if !slices.Equal(suites, want) {
		t.Errorf("got the cipher suites %v, want %v", suites, want)
	}
}

func TestNmapGradesAllCipherSuitesA(t *testing.T) {
	t.Parallel()
	hub := startScannedHub(t)
	_, port, _ := net.SplitHostPort(hub.address)
	got := scan(t, []string{"nmap"}, "-Pn", "-n", "-p", port, "--script", "+ssl-enum-ciphers", "127.0.0.1")
	if !strings.Contains(got, "least strength: A\n") || strings.Contains(got, "warnings") || strings.Contains(got, "TLSv1.1") || strings.Contains(got, "DEFLATE") {
		t.Errorf("got\n%s\nwant nothing weaker than A, and no warnings", got)
	}
}

// finding is one of testssl.
type finding struct{ ID, Severity, Finding string }

// acceptedFindings are about the certificate of the test, and revocation, on which docs/tls.md has a paragraph.
var acceptedFindings = regexp.MustCompile(`^(cert_revocation|cert_chain_of_trust|cert_expirationStatus|cert_notAfter|DNS_CAArecord|engine_problem)`)

func TestTestSSLHasNothingToComplainOf(t *testing.T) {
	t.Parallel()
	if os.Getenv("CI") != "true" || os.Getenv("FOREIGN") == "skip" {
		t.Skip("testssl takes half a minute: it runs with CI=true, and not with FOREIGN=skip")
	}
	hub := startScannedHub(t)
	for _, c := range []struct {
		sections []string
		wants    map[string]string
	}{
		{[]string{"-p"}, map[string]string{"SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
			"TLS1_2": "offered", "TLS1_3": "offered with final", "ALPN": "http/1.1"}},
		{[]string{"-S"}, map[string]string{"TLS_session_ticket": "no -- no lifetime advertised", "sessionresumption_ticket": "not supported",
			"sessionresumption_ID": "No Session ID, no resumption", "TLS_timestamp": "random", "cert_numbers": "2"}},
		{[]string{"-R", "-C"}, map[string]string{"secure_renego": "supported", "secure_client_renego": "not vulnerable", "CRIME_TLS": "not vulnerable"}},
	} {
		t.Run(strings.Join(c.sections, " "), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "findings.json")
			said := scan(t, []string{"testssl", "testssl.sh"}, append(append([]string{"--color", "0", "--quiet", "--warnings", "off", "--nodns", "none", "--add-ca", hub.authority.file,
				"--jsonfile", file}, c.sections...), hub.address)...)
			var findings []finding
			if err := json.Unmarshal([]byte(read(t, file)), &findings); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			got := map[string]string{}
			for _, f := range findings {
				got[f.ID] = f.Finding
				if !slices.Contains([]string{"OK", "INFO"}, f.Severity) && !acceptedFindings.MatchString(f.ID) {
					t.Errorf("got %+v, want no complaint", f)
				}
			}
			for id, want := range c.wants {
				if got[id] != want {
					t.Errorf("got %s %q, want %q", id, got[id], want)
				}
			}
		})
	}
}
