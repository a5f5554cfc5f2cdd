// SPDX-License-Identifier: MIT-0

// Server answers on the socket that it was passed.
//
//	go build server.go && systemfd -s http::3000 -- ./server
//	ls *.go | systemfd -s http::3000 -- entr -nrs 'go build server.go && exec systemfd -- ./server'
//
// To lose nothing at SIGTERM, end as ../restart does.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.FileListener(os.NewFile(3, ""))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Hello from process %d\n", os.Getpid())
	})))
}
