package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spokehub/spokehub/auth"
)

// tokenFlags are the commands of spokehub token.
type tokenFlags struct {
	Make   tokenMakeFlags   `cmd:"" help:"Make a token and print it."`
	Read   tokenReadFlags   `cmd:"" help:"Print what a token says, as JSON, and whether it is good."`
	Key    tokenKeyFlags    `cmd:"" help:"Make a key for tokens."`
	APIKey tokenAPIKeyFlags `cmd:"" name:"apikey" help:"Make an API key, for POST /publish and the admin address, and print it once."`
}

// Help is what spokehub token --help prints before the commands.
func (tokenFlags) Help() string {
	return `Make a pair of keys, a hub that knows the public one, and a token with the private one:

    spokehub token key --out hub.key
    spokehub serve --jwt-key hub.key.pub
    spokehub token make --key hub.key --user ada --subscribe 'price:*' --publish 'chat:$user' --expires 1h`
}

// run runs the command that was selected, or reports that none of these was.
func (f *tokenFlags) run(command string) (func(stdout io.Writer) error, bool) {
	switch command {
	case "token make":
		return f.Make.run, true
	case "token read <token>":
		return func(stdout io.Writer) error { return f.Read.run(os.Stdin, stdout) }, true
	case "token key":
		return f.Key.run, true
	case "token apikey":
		return f.APIKey.run, true
	}
	return nil, false
}

// tokenMakeFlags are the flags of spokehub token make.
type tokenMakeFlags struct {
	Key       string        `required:"" env:"-" placeholder:"FILE" help:"What signs it: a private key in PEM, or a secret."`
	User      string        `required:"" env:"-" placeholder:"NAME" help:"Who it is for (sub)."`
	Subscribe []string      `env:"-" sep:"none" placeholder:"PATTERN" help:"Topics the user may subscribe to, such as price, price:* or inbox:$$user. Repeat it for several. (default: none)"`
	Publish   []string      `env:"-" sep:"none" placeholder:"PATTERN" help:"Topics the user may publish to. Repeat it for several. (default: none)"`
	Expires   time.Duration `env:"-" default:"1h" placeholder:"TIME" help:"How long it is good. (default ${default})"`
	Issuer    string        `env:"-" placeholder:"NAME" help:"Who makes it (iss). (default: nobody)"`
	Audience  string        `env:"-" placeholder:"NAME" help:"Whom it is meant for (aud). (default: anybody)"`
	KID       string        `name:"kid" env:"-" placeholder:"ID" help:"The name of the key, where a key set has several. (default: none)"`
}

// tokenReadFlags are the flags of spokehub token read.
type tokenReadFlags struct {
	Token    string   `arg:"" help:"The token, or - to read it from standard input, where no list of processes shows it."`
	Keys     []string `name:"key" env:"-" placeholder:"FILE" help:"What verifies it: a public key in PEM, or a secret. Repeat it for several. (default: the signature is not checked)"`
	JWKS     string   `name:"jwks" env:"-" placeholder:"URL|FILE" help:"A key set that verifies it. (default: none)"`
	Issuer   string   `env:"-" placeholder:"NAME" help:"What iss must be. (default: anything)"`
	Audience string   `env:"-" placeholder:"NAME" help:"What aud must contain. (default: anything)"`
}

// tokenKeyFlags are the flags of spokehub token key.
type tokenKeyFlags struct {
	Alg string `env:"-" default:"EdDSA" enum:"EdDSA,ES256,RS256,HS256" placeholder:"ALG" help:"One of ${enum}. HS256 makes a secret, which the hub needs, too. (default ${default})"`
	Out string `required:"" env:"-" placeholder:"FILE" help:"Where the private key or the secret goes, readable by you alone. The public key goes to FILE.pub. Neither may exist."`
}

// tokenAPIKeyFlags are the flags of spokehub token apikey.
type tokenAPIKeyFlags struct {
	Name string `required:"" env:"-" placeholder:"NAME" help:"The program that will use it. Logs name it."`
}

func (f *tokenAPIKeyFlags) run(stdout io.Writer) error {
	key, line, err := auth.NewAPIKey(f.Name)
	if err != nil {
		return usageError{fmt.Errorf("--name: %w", err)}
	}
	_, err = fmt.Fprintf(stdout, "The key, which is shown only now:\n\n    %s\n\nThe line for the file of --api-keys:\n\n    %s\n", key, line)
	return err
}
