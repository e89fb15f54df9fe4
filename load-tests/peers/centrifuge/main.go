// The room on Centrifugo's library, centrifuge: every client is subscribed to one channel and hears
// what is posted to /publish.
//
// Version      0.15 of March 2021, as Debian packages it; today's Centrifugo stands on a successor.
// Broker       the default, in memory. No history, presence or join messages: all off by default.
// Protocol     JSON, which browsers use.
// Frames       the library joins up to 4 messages that wait for the same client, its default and
//              not a setting; there is no write delay in this version.
// Compression  off, the default.
// Buffers      512 bytes for reading, writes share a pool: what Centrifugo's documentation advises
//              for many mostly silent connections.
// Processors   all of them, Go's default.
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/centrifugal/centrifuge"
)

const channel = "room"

func main() {
	node, err := centrifuge.New(centrifuge.DefaultConfig)
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}},
		}, nil
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/room", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin:        func(*http.Request) bool { return true },
		ReadBufferSize:     512,
		UseWriteBufferPool: true,
		MessageSizeLimit:   65536,
		PingInterval:       25 * time.Second,
	}))
	mux.HandleFunc("/publish", func(answer http.ResponseWriter, request *http.Request) {
		message, err := io.ReadAll(request.Body)
		if err == nil {
			_, err = node.Publish(channel, message)
		}
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		answer.WriteHeader(http.StatusNoContent)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}
