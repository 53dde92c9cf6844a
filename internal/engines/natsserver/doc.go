// Package natsserver has no code. Its module says which version of nats-server the tests run, apart from the module of the hub, so
// that who uses the hub does not get the server's requirements.
package natsserver
