package wsframe_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/spokehub/spokehub/wsframe"
)

// A server reads the head, answers it, and reads what came after it as the first frames.
func Example() {
	policy, err := wsframe.NewPolicy(wsframe.PolicyConfig{Path: "/ws", Subprotocols: []string{"v1.spoke"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	input := []byte("GET /ws HTTP/1.1\r\nHost: hub.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v1.spoke\r\n\r\n" +
		"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" + "\x88\x80\x00\x00\x00\x00")

	start, end, refusal := policy.FindHead(input, 0)
	if refusal != nil || end == 0 {
		fmt.Println("refused, or more is needed", refusal)
		return
	}
	request, refusal := wsframe.ParseRequest(input[start:end])
	if refusal != nil {
		fmt.Printf("%s", refusal.AppendResponse(nil, time.Now()))
		return
	}
	response, subprotocol, refusal := policy.Upgrade(&request, nil)
	if refusal != nil {
		fmt.Printf("%s", refusal.AppendResponse(nil, time.Now()))
		return
	}
	status, _, _ := strings.Cut(string(response), "\r\n")
	fmt.Println(status, "with", subprotocol)

	var parser wsframe.Parser
	defer parser.Release()
	for rest := input[end:]; ; {
		message, n, ok, violation := parser.Next(rest, 1<<20)
		rest = rest[n:]
		if violation != nil {
			fmt.Printf("% x\n", wsframe.AppendClose(nil, violation.Code, violation.Reason))
			return
		}
		if !ok {
			break
		}
		switch message.Op {
		case wsframe.Text, wsframe.Binary:
			fmt.Printf("%s is answered with % x\n", message.Payload, wsframe.AppendFrame(nil, wsframe.Text, message.Payload))
		case wsframe.Ping:
			fmt.Printf("% x\n", wsframe.AppendFrame(nil, wsframe.Pong, message.Payload))
		case wsframe.CloseOp:
			peer, _ := wsframe.ParseClose(message.Payload)
			fmt.Printf("close %d is answered with % x\n", peer.Code, wsframe.AppendClose(nil, peer.Code, ""))
		}
	}
	// Output:
	// HTTP/1.1 101 Switching Protocols with v1.spoke
	// Hello is answered with 81 05 48 65 6c 6c 6f
	// close 1005 is answered with 88 00
}

func ExampleRefusal() {
	input := []byte("GET /ws HTTP/1.1\r\nHost: hub.example.com\r\n\r\n")
	request, _ := wsframe.ParseRequest(input)
	_, _, refusal := new(wsframe.Policy).Upgrade(&request, nil)
	noon := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	fmt.Print(strings.ReplaceAll(string(refusal.AppendResponse(nil, noon)), "\r\n", "\n"))
	// Output:
	// HTTP/1.1 426 Upgrade Required
	// Connection: close, Upgrade
	// Upgrade: websocket
	// Date: Mon, 23 Nov 2026 12:00:00 GMT
	// Content-Type: text/plain; charset=utf-8
	// Content-Length: 250
	//
	// this is a WebSocket endpoint: connect with a WebSocket client, which sends "Connection: Upgrade" and "Upgrade: websocket"; a proxy on the way has to pass both on (nginx: proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";)
}

// A connection that changes owners in the middle of a frame loses nothing: its next owner reads the unread bytes first.
func ExampleParser_Unread() {
	frame := []byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
	var first, second wsframe.Parser
	first.Next([]byte(string(frame[:8])), 1<<20)
	unread := first.Unread(nil)

	message, _, _, _ := second.Next(append(unread, frame[8:]...), 1<<20)
	fmt.Printf("%s\n", message.Payload)
	// Output:
	// Hello
}
