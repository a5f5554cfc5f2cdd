// Gosystemd is a strict reader: it answers each request on the passed socket "app" with "PID NAMES".
package main

import (
	"fmt"
	"log"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

func main() {
	listeners, err := activation.ListenersWithNames()
	if err != nil || len(listeners["app"]) != 1 {
		log.Fatalf("ListenersWithNames: %v, %v", listeners, err)
	}
	names := strings.Join(slices.Sorted(maps.Keys(listeners)), ":")
	log.Fatal(http.Serve(listeners["app"][0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, os.Getpid(), " ", names)
	})))
}
