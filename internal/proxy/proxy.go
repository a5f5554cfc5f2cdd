// Package proxy stands in front of a server that cannot take a socket. It keeps the sockets, starts the server with a private
// port for each, and joins their connections: what systemd-socket-proxyd(8) does, but it waits for the server.
//
// A connection stays in the kernel's queue until the server takes one from us. So nobody is reset while the server starts or
// restarts, and if it never comes, whoever has the socket next answers them.
package proxy

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/systemfd/systemfd/internal/child"
	"github.com/systemfd/systemfd/internal/socket"
)

// Service is a server, and the sockets that it is reached at.
type Service struct {
	Command child.Command
	Fronts  []Front
	Ready   func() // when connections are accepted
	CleanUp func() // when nothing more is accepted
	Warn    func(error)
}

// Front is a socket, and the private port at which the server answers for it.
type Front struct {
	socket.Socket
	Port int
}

const (
	retryAfter = 10 * time.Millisecond // before the server is asked again
	patience   = 10 * time.Second      // before a client that waits for the server is told of
	drainTime  = 3 * time.Second       // for the last answers of a server that has ended
)

// room is how many free descriptors are enough to start: two of the runtime's, two of a connection with a copy of one, one spare, and
// the pipes by which a child is started.
const room = 12

// proxy serves a service.
type proxy struct {
	Service
	children *child.Group
	shortage child.Shortage
	answers  sync.WaitGroup // under way from the server to clients
	ended    chan struct{}  // closed when the server has ended

	accepting sync.Mutex
	mu        sync.Mutex
	joined    map[net.Conn]net.Conn // clients to whom the server still speaks, and its side of each
}

// Serve starts the server, serves until it has ended, and returns how. It passes signals on; the second one kills the server,
// and is returned.
func Serve(service Service, signals chan os.Signal) (child.Status, os.Signal, error) {
	if err := child.HasRoom(room); err != nil {
		return child.Status{}, nil, fmt.Errorf("cannot proxy: %w", err)
	}
	p := &proxy{Service: service, children: child.NewGroup(), ended: make(chan struct{}), joined: map[net.Conn]net.Conn{}, shortage: child.Shortage{Warn: service.Warn}}
	listeners, err := p.listen()
	if err != nil {
		return child.Status{}, nil, err
	}
	runtime.LockOSThread() // the server is told of the end of this thread
	if err := p.children.Start(p.Command); err != nil {
		return child.Status{}, nil, err
	}
	var second atomic.Pointer[os.Signal]
	go p.pass(signals, &second)
	for i, l := range listeners {
		go p.serve(l, p.Fronts[i])
	}
	p.Ready()
	status := p.children.Wait()
	close(p.ended)
	for _, l := range listeners {
		l.Close()
	}
	p.CleanUp()
	p.drain()
	if s := second.Load(); s != nil {
		return status, *s, nil
	}
	return status, nil, nil
}

func (p *proxy) listen() (listeners []socket.Listener, err error) {
	for _, f := range p.Fronts {
		l, err := socket.NewListener(f.Socket, false)
		if err != nil {
			return nil, fmt.Errorf("cannot accept on %s: %w", f.Display(), err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// pass passes the first signal on, and kills the server at the second.
func (p *proxy) pass(signals chan os.Signal, second *atomic.Pointer[os.Signal]) {
	p.children.Pass(<-signals)
	s := <-signals
	second.Store(&s)
	p.children.Signal(os.Kill)
}

// drain lets the last answers reach their clients. Those that are cut off are reset, so that their clients see that.
func (p *proxy) drain() {
	p.accepting.Lock() // nobody is accepted any more
	defer p.accepting.Unlock()
	sent := make(chan struct{})
	go func() {
		p.answers.Wait()
		close(sent)
	}()
	select {
	case <-sent:
		return
	case <-time.After(drainTime):
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for client, server := range p.joined {
		abort(client, server)
	}
}

// serve joins the connections of one socket with the server's.
func (p *proxy) serve(l socket.Listener, f Front) {
	to := &upstream{Front: f}
	for !p.hasEnded() {
		if err := l.Wait(); err != nil {
			return
		}
		server := p.connect(to)
		if server == nil {
			return
		}
		client, err := p.accept(l)
		if client == nil { // somebody else has taken it, or descriptors are short
			server.Close()
		}
		switch {
		case err != nil:
			p.shortage.Wait(fmt.Errorf("cannot accept: %w", err), p.ended)
		case client != nil:
			p.join(client, server)
		}
	}
}

// accept returns nil if there is no connection any more, or if the server has ended. It accepts only if there is a descriptor for the
// copy that package net makes: who is accepted may not be lost.
func (p *proxy) accept(l socket.Listener) (net.Conn, error) {
	p.accepting.Lock()
	defer p.accepting.Unlock()
	spare, err := os.Open(os.DevNull)
	if err != nil || p.hasEnded() {
		return nil, err
	}
	conn, err := l.TryAccept()
	spare.Close()
	if conn == nil {
		return nil, err
	}
	client, err := conn()
	if err == nil {
		p.answers.Add(1)
	}
	return client, err
}

// join joins a client with the server.
func (p *proxy) join(client, server net.Conn) {
	p.mu.Lock()
	p.joined[client] = server
	p.mu.Unlock()
	go join(client, server, func() {
		p.mu.Lock()
		delete(p.joined, client)
		p.mu.Unlock()
		p.answers.Done()
	})
}

func (p *proxy) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// connect waits until the server takes a connection. It returns nil if the server has ended.
func (p *proxy) connect(to *upstream) net.Conn {
	for begun := time.Now(); !p.hasEnded(); time.Sleep(retryAfter) {
		conn, err := to.dial()
		if err == nil {
			return conn
		}
		if child.IsShort(err) {
			p.shortage.Wait(fmt.Errorf("cannot connect to port %d: %w", to.Port, err), p.ended)
			continue
		}
		if !to.isTold && time.Since(begun) > patience {
			to.isTold = true
			p.Warn(fmt.Errorf("a client of %s waits, but nothing listens on port %d yet", to.Display(), to.Port))
		}
	}
	return nil
}

// upstream is where the server answers for a front.
type upstream struct {
	Front
	isV6   bool // as the last time: what a server calls localhost may be either
	isTold bool // that it does not listen
}

var dialer = net.Dialer{Timeout: time.Second, KeepAlive: -1}

// dial tries 127.0.0.1 and ::1.
func (u *upstream) dial() (net.Conn, error) {
	conn, err := dialer.Dial("tcp", u.address())
	if err != nil {
		u.isV6 = !u.isV6
		conn, err = dialer.Dial("tcp", u.address())
	}
	return conn, err
}

func (u *upstream) address() string {
	host := "127.0.0.1"
	if u.isV6 {
		host = "::1"
	}
	return net.JoinHostPort(host, strconv.Itoa(u.Port))
}
