// Package certs reads the certificates with which a server speaks TLS: it finds the key of each, says what is wrong with the files in
// words that tell an operator what to do, and chooses the certificate for the name that a client asks for. It knows nothing of hubs.
//
// No error and no warning has anything of a key in it.
package certs
