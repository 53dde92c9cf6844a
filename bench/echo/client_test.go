package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"
)

const (
	hangGuard = 30 * time.Second

	handshake = "GET / HTTP/1.1\r\nHost: echo\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// client speaks WebSocket over a socket with no library's help, so that it can break every rule and sees every byte.
type client struct_
