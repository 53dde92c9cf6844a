package certs

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCertificatesFindTheirKeysInAnyOrder(t *testing.T) {
	root, in := newMaker(t), newFolder(t)
	middle := root.make(t, ecKey(t), authority)
	a, b, c := middle.make(t, ecKey(t), named("a.example")), root.make(t, rsaKey(t, 2048), named("b.example")), root.make(t, keyOn(t, elliptic.P384()), named("c.example"))
	set, err := load(Files{
		Certs:     []string{in.write(t, "a.pem", a.text+middle.text), in.write(t, "b.pem", "\ufeff"+b.text), in.write(t, "c.pem", "a comment\n"+c.secret+c.text)},
		Keys:      []string{in.write(t, "b.key", b.secret), in.write(t, "a.key", a.secret), in.write(t, "c.key", c.text+c.secret)},
		ClientCAs: []string{in.write(t, "ca.pem", root.text+middle.text)},
	})
	if err != nil {
		t.Fatalf("got %v, want three certificates", err)
	}
	var names []string
	for _, certificate := range set.Certificates {
		names = append(names, certificate.Name())
	}
	if got, want := fmt.Sprint(names), "[a.example b.example c.example]"; got != want || len(set.clientCAs) != 2 || len(set.Warnings()) > 0 {
		t.Errorf("got %s, %d authorities and the warnings %q, want %s, 2 and none", got, len(set.clientCAs), set.Warnings(), want)
	}
	for i, want := range []made{a, b, c} {
		if !belongs(set.Certificates[i].pair.PrivateKey.(crypto.Signer), want.certificate) {
			t.Errorf("got another key for %s, want its own", names[i])
		}
	}
}

func TestMistakesInFilesSayWhatWhereAndWhatToDo(t *testing.T) {
	root, in := newMaker(t), newFolder(t)
	middle := root.make(t, ecKey(t), authority)
	a, b := middle.make(t, ecKey(t), named("a.example")), middle.make(t, ecKey(t), named("b.example"))
	aPEM, aKey, bPEM, bKey := in.write(t, "a.pem", a.text+middle.text), in.write(t, "a.key", a.secret), in.write(t, "b.pem", b.text), in.write(t, "b.key", b.secret)
	short := root.make(t, rsaKey(t, 1024), named("short.example"))
	curve := root.make(t, keyOn(t, elliptic.P224()), named("curve.example"))
	for name, c := range map[string]struct {
		files Files
		says  []string
	}{
		"a file that is missing":           {Files{Certs: []string{"/none.pem"}, Keys: []string{aKey}}, []string{"tls-cert: /none.pem: there is no such file"}},
		"two that are missing":             {Files{Certs: []string{"/none.pem"}, Keys: []string{"/none.key"}}, []string{"tls-cert: /none.pem: there", "tls-key: /none.key: there"}},
		"a file that is empty":             {Files{Certs: []string{in.write(t, "empty", "\n")}, Keys: []string{aKey}}, []string{"the file is empty"}},
		"a file that is not PEM":           {Files{Certs: []string{in.write(t, "text", "hello")}, Keys: []string{aKey}}, []string{"not PEM"}},
		"a file in DER":                    {Files{Certs: []string{in.write(t, "der", string(a.certificate.Raw))}, Keys: []string{aKey}}, []string{"openssl x509"}},
		"a certificate cut off":            {Files{Certs: []string{in.write(t, "cut", a.text[:len(a.text)/2])}, Keys: []string{aKey}}, []string{"still being written?"}},
		"two blocks joined in a line":      {Files{Certs: []string{in.write(t, "joined", strings.TrimSpace(a.text)+middle.text)}, Keys: []string{aKey}}, []string{"on a line of its own"}},
		"a block that is indented":         {Files{Certs: []string{in.write(t, "indented", "  "+a.text)}, Keys: []string{aKey}}, []string{"on a line of its own"}},
		"a chain cut off":                  {Files{Certs: []string{in.write(t, "cut2", a.text+middle.text[:100])}, Keys: []string{aKey}}, []string{"block 2", "still being written?"}},
		"a certificate that is damaged":    {Files{Certs: []string{in.write(t, "bad", inPEM("CERTIFICATE", []byte("hello")))}, Keys: []string{aKey}}, []string{"certificate 1 of the file is malformed"}},
		"a key that is damaged":            {Files{Certs: []string{aPEM}, Keys: []string{in.write(t, "bad.key", inPEM("PRIVATE KEY", []byte("hello")))}}, []string{"bad.key: the private key is malformed"}},
		"a certificate in the key's place": {Files{Certs: []string{aPEM}, Keys: []string{bPEM}}, []string{"tls-key: " + bPEM + ": the file has a certificate and no private key"}},
		"a key in the certificate's place": {Files{Certs: []string{aKey}, Keys: []string{aPEM}}, []string{"tls-cert: " + aKey + ": the file has a private key and no certificate", "tls-key: " + aPEM}},
		"a key that is another's":          {Files{Certs: []string{aPEM}, Keys: []string{bKey}}, []string{"tls-key: " + bKey + ": the key does not belong to the certificate in " + aPEM + " (a.example)"}},
		"a key that is missing":            {Files{Certs: []string{aPEM, bPEM}, Keys: []string{bKey}}, []string{"tls-cert: " + aPEM + ": the key of the certificate (a.example) is in none of the files"}},
		"no key at all":                    {Files{Certs: []string{aPEM}}, []string{"is in none of the files: give it with tls-key"}},
		"a key too many":                   {Files{Certs: []string{aPEM}, Keys: []string{aKey, bKey}}, []string{"tls-key: " + bKey + ": the key belongs to none of the certificates (" + aPEM + " for a.example)"}},
		"a chain in the wrong order":       {Files{Certs: []string{in.write(t, "order.pem", middle.text+a.text)}, Keys: []string{aKey}}, []string{"belongs to certificate 2 of the file (a.example): that one has to be the first"}},
		"a chain without its first":        {Files{Certs: []string{in.write(t, "chain.pem", middle.text)}, Keys: []string{aKey}}, []string{"does not belong to the certificate in " + string(in) + "/chain.pem (authority of a test)"}},
		"a short key":                      {Files{Certs: []string{in.write(t, "short.pem", short.text)}, Keys: []string{in.write(t, "short.key", short.secret)}}, []string{"short.key: the RSA key has 1024 bits"}},
		"a curve that TLS does not have":   {Files{Certs: []string{in.write(t, "curve.pem", curve.text)}, Keys: []string{in.write(t, "curve.key", curve.secret)}}, []string{"curve.key: the key is on the curve P-224"}},
		"a request for a certificate":      {Files{Certs: []string{in.write(t, "csr", inPEM("CERTIFICATE REQUEST", []byte("x")))}, Keys: []string{aKey}}, []string{"an authority has yet to make"}},
		"a public key":                     {Files{Certs: []string{aPEM}, Keys: []string{in.write(t, "pub", inPEM("PUBLIC KEY", []byte("x")))}}, []string{"public key"}},
		"a private key for an authority":   {Files{Certs: []string{aPEM}, Keys: []string{aKey}, ClientCAs: []string{bKey}}, []string{"tls-client-ca: " + bKey + ": the file has a private key"}},
		"an authority that is missing":     {Files{Certs: []string{aPEM}, Keys: []string{aKey}, ClientCAs: []string{"/none"}}, []string{"tls-client-ca: /none: there is no such file"}},
		"no certificate":                   {Files{}, []string{"there is no certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(c.files)
			if err == nil {
				t.Fatal("got no error, want one")
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

// openssl runs it in a directory, and skips the test where it is not there.
func openssl(t *testing.T, in folder, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing")
		}
		t.Skip("openssl is missing")
	}
	command := exec.Command(path, arguments...)
	command.Dir = string(in)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("openssl %q: %v\n%s", arguments, err, output)
	}
}

func TestFilesOfOpenSSLAreRead(t *testing.T) {
	in := newFolder(t)
	name := func(file string) string { return string(in) + "/" + file }
	openssl(t, in, "ecparam", "-name", "prime256v1", "-genkey", "-out", "ec.key")
	openssl(t, in, "genrsa", "-traditional", "-out", "rsa.key", "2048")
	for _, kind := range []string{"ec", "rsa"} {
		openssl(t, in, "req", "-x509", "-key", kind+".key", "-out", kind+".pem", "-days", "30", "-subj", "/CN=hub.example", "-addext", "subjectAltName=DNS:hub.example")
	}
	openssl(t, in, "req", "-x509", "-sha1", "-key", "rsa.key", "-out", "sha1.pem", "-days", "30", "-subj", "/CN=hub.example", "-addext", "subjectAltName=DNS:hub.example")
	openssl(t, in, "rsa", "-aes128", "-traditional", "-passout", "pass:secret", "-in", "rsa.key", "-out", "old.key")
	openssl(t, in, "pkcs8", "-topk8", "-passout", "pass:secret", "-in", "rsa.key", "-out", "new.key")
	if set, err := load(Files{Certs: []string{name("ec.pem"), name("rsa.pem")}, Keys: []string{name("rsa.key"), name("ec.key")}}); err != nil || len(set.Certificates) != 2 || len(set.Warnings()) > 0 {
		t.Errorf("got %v and %v, want two certificates", set, err)
	}
	for key, want := range map[string]string{"old.key": "the key is encrypted", "new.key": "the key is encrypted"} {
		if _, err := load(Files{Certs: []string{name("rsa.pem")}, Keys: []string{name(key)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", key, err, want)
		}
	}
	if _, err := load(Files{Certs: []string{name("sha1.pem")}, Keys: []string{name("rsa.key")}}); err == nil || !strings.Contains(err.Error(), "is signed with SHA1-RSA") {
		t.Errorf("got %v for a signature with SHA-1, want it refused", err)
	}
}

func TestWarningsAboutFilesThatAreGood(t *testing.T) {
	root := newMaker(t)
	middle := root.make(t, ecKey(t), authority)
	for name, c := range map[string]struct {
		made  made
		chain string
		says  string
	}{
		"nothing about a chain":          {middle.make(t, ecKey(t)), middle.text, ""},
		"nothing about a self-signed":    {maker{}.make(t, ecKey(t)), "", ""},
		"no host name":                   {root.make(t, ecKey(t), named()), "", "no host name"},
		"a certificate for clients":      {root.make(t, ecKey(t), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "", "is not for servers"},
		"a chain that leads elsewhere":   {middle.make(t, ecKey(t)), root.text, "has not signed the one ahead of it"},
		"a chain that is missing":        {middle.make(t, ecKey(t), func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/"} }), "", "the chain is missing"},
		"a key that browsers don't take": {root.make(t, edKey(t)), "", "Ed25519"},
	} {
		t.Run(name, func(t *testing.T) {
			in := newFolder(t)
			set, err := load(Files{Certs: []string{in.write(t, "hub.pem", c.made.text+c.chain)}, Keys: []string{in.write(t, "hub.key", c.made.secret)}})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(set.Warnings(), "\n")
			if !strings.Contains(got, c.says) || (got == "") != (c.says == "") {
				t.Errorf("got %q, want %q", got, c.says)
			}
		})
	}
}

func TestKeysThatOthersCanReadAreWarnedOf(t *testing.T) {
	in, made := newFolder(t), newMaker(t).make(t, ecKey(t))
	files := Files{Certs: []string{in.write(t, "hub.pem", made.text)}, Keys: []string{in.write(t, "hub.key", made.secret)}}
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		if err := os.Chmod(files.Keys[0], mode); err != nil {
			t.Fatal(err)
		}
		set, err := load(files)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(set.Warnings(), func(w string) bool { return strings.Contains(w, "every user of this machine") }); got != want {
			t.Errorf("%o: got the warnings %q, want one: %v", mode, set.Warnings(), want)
		}
	}
}

func TestErrorsHaveNothingOfAKey(t *testing.T) {
	made := newMaker(t).make(t, ecKey(t))
	lines := bytes.Split([]byte(made.secret), []byte("\n"))
	damaged := strings.Replace(made.secret, string(lines[1][:8]), "AAAAAAAA", 1)
	in := newFolder(t)
	_, err := load(Files{Certs: []string{in.write(t, "hub.pem", made.text)}, Keys: []string{in.write(t, "hub.key", damaged)}})
	if err == nil || strings.Contains(err.Error(), string(lines[1][10:30])) || strings.Contains(err.Error(), string(lines[2][:20])) {
		t.Errorf("got %v, want an error without the key", err)
	}
}

func TestExpiryIsThatOfTheFirstInTheChain(t *testing.T) {
	ending := func(hours time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = time.Now().Add(hours * time.Hour).Truncate(time.Second) }
	}
	root := maker{}.make(t, ecKey(t), authority, ending(10))
	middle := root.make(t, ecKey(t), authority, func(c *x509.Certificate) { c.Subject.CommonName = "in the middle" }, ending(300))
	first, last := root.make(t, ecKey(t), ending(400)), middle.make(t, ecKey(t), ending(500))
	now := time.Now()
	for name, c := range map[string]struct {
		text  string
		want  time.Time
		says  string
		isBad bool
		now   time.Time
	}{
		"of its own":                     {first.text + first.secret, first.certificate.NotAfter, "", false, now},
		"of the chain":                   {last.text + middle.text + last.secret, middle.certificate.NotAfter, "of in the middle in the chain", false, now.Add(time.Hour)},
		"not of the root":                {first.text + root.text + first.secret, first.certificate.NotAfter, "", false, now},
		"with a warning ahead":           {first.text + first.secret, first.certificate.NotAfter, "expires in 13 days", false, now.Add(86 * time.Hour)},
		"with a warning on the last day": {first.text + first.secret, first.certificate.NotAfter, "expires in less than a day", false, now.Add(390 * time.Hour)},
		"with an error when it has been": {first.text + first.secret, first.certificate.NotAfter, "has expired on ", true, now.Add(401 * time.Hour)},
		"with a warning that it begins":  {first.text + first.secret, first.certificate.NotAfter, "is not valid before", false, now.Add(-2 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := load(Files{Certs: []string{newFolder(t).write(t, "hub.pem", c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			if got := set.Certificates[0].Expires(); !got.Equal(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			due := set.Due(c.now, 14*24*time.Hour)
			if c.says == "" && len(due) > 0 || c.says != "" && (len(due) != 1 || !strings.Contains(due[0].Text, c.says) || due[0].IsExpired != c.isBad) {
				t.Errorf("got %v, want %q", due, c.says)
			}
		})
	}
}
