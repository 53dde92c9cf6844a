// Package auth tells a hub who its clients are: it verifies JSON Web Tokens and API keys. spokehub serve uses it, and a service that
// embeds package fanout plugs it in:
//
//	keys, err := auth.ParseKeys(pem)
//	a, err := auth.New(auth.Config{Keys: keys, Issuer: "https://id.example.com"})
//	defer a.Close()
//	hub, err := fanout.New(fanout.Config{
//		OnHandshake:  a.OnHandshake,
//		OnAuth:       a.OnAuth,
//		Subprotocols: []string{auth.Subprotocol},
//	})
//
// A client shows its token in its handshake: in the header Authorization: Bearer TOKEN, as the subprotocol bearer.TOKEN beside
// spokehub.v1, in a cookie or, where Config says so, in a query parameter; or after it, in a first event __auth. The claim sub is
// the user, exp the end of the identity, and subscribe and publish are the patterns of topics that the user may have: arrays
// of strings as event.ParsePatterns reads them. Without such a claim the user may do what Config.Default says, by default nothing.
//
// Where the server verifies certificates of clients, Config.Certificates takes the user from them.
//
// No error, log line or answer has a token or a key in it.
//
// Importing the package starts what importing fanout does. An Authenticator with the URL of a JSON Web Key Set has a goroutine
// that fetches it, which ends with Close; any other has none.
package auth
