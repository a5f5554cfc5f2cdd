//go:build windows

// Winprobe is what systemfd starts on Windows. It takes sockets by the protocol of the listenfd crate.
//
//	winprobe serve           take the sockets, tell about them, answer each connection with "PID INDEX", each datagram with
//	                         "PID INDEX TEXT"; INDEX is that of the socket
//	winprobe many N          take the sockets N times at once, and say how often each address was among them
//	winprobe web [PORT]      an HTTP server at that port, or PORT, of 127.0.0.1, which answers with "PID web", and a body with itself
//	winprobe wait            say "ready", then "interrupt" at Ctrl-C or Ctrl-Break, and end with status 3
//	winprobe args [WORD...]  one word a line, quoted
//	winprobe exit N
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
)

func main() {
	switch args := os.Args[2:]; os.Args[1] {
	case "serve":
		serve()
	case "many":
		many(number(args[0]))
	case "web":
		web(append(args, os.Getenv("PORT"))[0])
	case "wait":
		wait()
	case "args":
		for _, arg := range args {
			fmt.Printf("%q\n", arg)
		}
	case "exit":
		os.Exit(number(args[0]))
	}
}

func web(port string) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a server of HTTP/1 may not answer before
		if len(body) == 0 {
			body = fmt.Append(nil, os.Getpid(), " web")
		}
		w.Write(body)
	}
	check(http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(answer)))
}

func wait() {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	fmt.Println("ready")
	fmt.Println(<-interrupts)
	os.Exit(3)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "winprobe:", err)
		os.Exit(1)
	}
}
